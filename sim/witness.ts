import type { Timestamp } from '../core/environment/time.ts';
import { partitions } from '../core/records/keys.ts';
import type { Remediation } from '../core/remediation/record.ts';
import type { IntakeResult } from '../core/signals/intake.ts';
import type { Signal } from '../core/signals/signal.ts';
import { invariants } from './invariants.ts';
import type { Invariant } from './judging.ts';
import type { Audience, Play } from './play.ts';
import type { Effect, Frame, World, Written } from './world.ts';

/** A promise of design section 11 that was broken. */
export interface Violation {
  readonly invariant: string;
  readonly at: Timestamp;
  readonly what: string;
}

/** A signal that was taken in to its end, and what came of it. */
export interface Heard {
  readonly at: Timestamp;
  readonly signal: Signal;
  readonly result: IntakeResult;
  readonly isRedelivery: boolean;
  /** Partitions that were written to meanwhile. */
  readonly wroteTo: ReadonlySet<string>;
}

/** Sees everything that takes effect, remembers what the invariants ask for, and asks them. It knows the truth, not only what reads show. */
export class Witness implements Audience {
  readonly world: World;
  readonly violations: Violation[] = [];
  readonly effects: Effect[] = [];
  readonly heard: Heard[] = [];
  readonly buried: string[] = [];
  /** Notification id → how often its delivery was cut off between publishing and the note that it was sent. */
  readonly cutOff = new Map<string, number>();
  /** Group → the repair that passed last while its breaker had to be open. */
  readonly openPasses = new Map<string, string>();
  /** Remediation → how many of its function calls were cut off: what was just done may be asked once more. */
  readonly retriedCalls = new Map<string, number>();
  /** When a remediation's guard phase passed, by the world's clock, and what was true then. */
  readonly guardPassedAt = new Map<string, Timestamp>();
  /** Remediations in the order in which they were claimed. */
  readonly claims: { readonly at: Timestamp; readonly remediationId: string; readonly slotId: string; readonly groupId: string }[] = [];
  play: Play | undefined;
  /** By function call, because one may happen in the middle of another. */
  readonly #published = new WeakMap<Frame, string[]>();
  readonly #wroteTo = new WeakMap<Frame, Set<string>>();
  readonly #invariants: readonly Invariant[];
  /** The rows that look at each kind of moment: those that do not are never asked. */
  readonly #ofEffects: readonly Invariant[];
  readonly #ofRecords: readonly Invariant[];
  readonly #remediations: string;

  constructor(world: World, checked: readonly Invariant[] = invariants) {
    this.world = world;
    this.#invariants = checked;
    this.#ofEffects = checked.filter(({ onEffect }) => onEffect !== undefined);
    this.#ofRecords = checked.filter(({ onRecord }) => onRecord !== undefined);
    this.#remediations = partitions.remediations(world.scope);
  }

  watch(play: Play): void {
    this.play = play;
    this.world.onEffect = (effect) => this.#sawEffect(effect);
    this.world.onWrite = (written) => this.#sawWrite(written);
  }

  began(frame: Frame): void {
    this.#published.set(frame, []);
    this.#wroteTo.set(frame, new Set());
  }

  /** A function that dies after publishing and before its note is the one case in which a message may come twice. */
  ended(frame: Frame, error: unknown): void {
    if (error === undefined && !frame.hadMishap) return;
    const { remediationId } = frame;
    if (remediationId !== undefined) this.retriedCalls.set(remediationId, (this.retriedCalls.get(remediationId) ?? 0) + 1);
    for (const id of this.#published.get(frame) ?? []) this.cutOff.set(id, (this.cutOff.get(id) ?? 0) + 1);
  }

  takenIn(signal: Signal, result: IntakeResult, isRedelivery: boolean): void {
    const heard: Heard = { at: this.world.clock.now(), signal, result, isRedelivery, wroteTo: this.#wroteTo.get(this.world.frame) ?? new Set() };
    this.heard.push(heard);
    for (const invariant of this.#invariants) this.#ask(invariant, invariant.onHeard?.(this, heard));
  }

  buriedMessage(body: string): void {
    this.buried.push(body);
  }

  atRest(): void {
    for (const invariant of this.#invariants) for (const what of invariant.atRest?.(this) ?? []) this.#ask(invariant, what);
  }

  #sawEffect(effect: Effect): void {
    this.effects.push(effect);
    if (effect.kind === 'publish') this.#published.get(this.world.frame)?.push(effect.subject);
    this.play?.say('effect', `${effect.kind} ${effect.subject} by ${effect.by}`);
    for (const invariant of this.#ofEffects) this.#ask(invariant, invariant.onEffect?.(this, effect));
  }

  #sawWrite(written: Written): void {
    const { key, body } = written.write;
    this.#wroteTo.get(written.frame)?.add(key.partition);
    if (key.partition !== this.#remediations || !this.world.isRemediation(key.partition, body)) return;
    const before = this.world.isRemediation(key.partition, written.before) ? written.before : undefined;
    this.#sawRemediation(before, body);
    for (const invariant of this.#ofRecords) this.#ask(invariant, invariant.onRecord?.(this, { before, after: body, frame: written.frame }));
  }

  #sawRemediation(before: Remediation | undefined, body: Remediation): void {
    const at = this.world.clock.now();
    if (before === undefined && body.state === 'running') this.claims.push({ at, remediationId: body.id, slotId: body.slotId, groupId: body.groupId });
    if (this.guardPassedAt.has(body.id) || !hasPassedGuard(body)) return;
    this.guardPassedAt.set(body.id, at);
    for (const invariant of this.#invariants) this.#ask(invariant, invariant.onGuardPassed?.(this, body));
  }

  #ask(invariant: Invariant, what: string | undefined): void {
    if (what === undefined) return;
    this.violations.push({ invariant: invariant.name, at: this.world.clock.now(), what });
    this.play?.say('VIOLATED', `${invariant.name}: ${what}`);
  }
}

/** A person's yes is followed by the guardrails, asked again: the second time counts. */
function hasPassedGuard({ approval, phases }: Remediation): boolean {
  const passed = phases.filter(({ name, outcome }) => name === 'guard' && outcome === 'done').length;
  return approval === undefined ? passed > 0 : approval.granted !== undefined && passed > 1;
}
