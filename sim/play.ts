import { PermanentError, RetryableError } from '../core/environment/errors.ts';
import type { Timestamp } from '../core/environment/time.ts';
import { sendDue } from '../core/incidents/notify.ts';
import { pollImpaired } from '../core/inventory/impaired-poll.ts';
import { sweep } from '../core/inventory/sweep.ts';
import { advance, type DriverPorts, type GiveUp } from '../core/remediation/driver/driver.ts';
import { createJournal, type RemediationJournal } from '../core/remediation/driver/journal.ts';
import { pageUnlessRecovered } from '../core/remediation/driver/page.ts';
import { reapAll } from '../core/remediation/reaper/reap.ts';
import { retryRepairs } from '../core/remediation/admission/retry.ts';
import { retryDelaySeconds, stepRetries } from '../core/remediation/paths/step-retries.ts';
import { takeIn, type IntakeResult } from '../core/signals/intake.ts';
import { readSignals } from '../core/signals/normalise.ts';
import type { Signal } from '../core/signals/signal.ts';
import { EventQueue } from './event-queue.ts';
import { executionEvent } from './events.ts';
import { type Fault, strike } from './faults.ts';
import { Dice } from './random.ts';
import { START_MILLIS } from './stage.ts';
import { type ArmedCrash, type ArmedOverlap, FunctionCrash, type Mishaps, type Throttling, withMishaps } from './trouble-makers.ts';
import { type Execution, type Frame, type FunctionName, type SimulatedPorts, type World } from './world.ts';

/** A message on the queue. */
interface Message {
  readonly body: string;
  readonly receives: number;
  /** Delivered once more on purpose: nothing may change. */
  readonly isRedelivery: boolean;
}

/** Where the state machine stands with one execution. */
interface Machine {
  readonly execution: Execution;
  role: 'observe' | 'act';
  failures: number;
  giveUp: GiveUp | undefined;
}

type Happening =
  | { readonly kind: 'message'; readonly message: Message }
  | { readonly kind: 'step'; readonly machine: Machine }
  | { readonly kind: 'page'; readonly remediationId: string; readonly tries: number }
  | { readonly kind: 'poll' }
  | { readonly kind: 'sweep' }
  | { readonly kind: 'resend' }
  | { readonly kind: 'reap' }
  | { readonly kind: 'fault'; readonly fault: Fault; readonly index: number }
  | { readonly kind: 'later'; readonly act: () => void }
  | { readonly kind: 'calm' };

/** What a run tells its witness, as it happens. */
export interface Audience {
  /** A function begins; `isClean`: nothing goes wrong between its calls. */
  began(frame: Frame): void;
  ended(frame: Frame, error: unknown): void;
  takenIn(signal: Signal, result: IntakeResult, isRedelivery: boolean): void;
  /** A message nobody could take in: it is in the dead-letter queue, which has an alarm. */
  buriedMessage(body: string): void;
}

/** Half as often as in production, to save time: shorter than a change keeps the fleet restless, so that each is seen at least once. */
const POLL_SECONDS = 120;
const CALM_AT_SECONDS = 3300;
const POLLS_END_AT_SECONDS = 2 * 3600;
const SWEEPS_AT_SECONDS = [1800, 4500] as const;
/** What the sweep does last: sends again what nobody knows to have been sent. */
const RESENDS_AT_SECONDS = [1500, 3900, 5400, POLLS_END_AT_SECONDS, POLLS_END_AT_SECONDS + 120] as const;
/** Quarantines last 96 h; the reaper comes every hour, here only when there is something to see. */
const REAPS_AT_SECONDS = [2700, 7200, 420_000, 424_000] as const;
const STEP_MILLIS = 400;
const MAX_RECEIVES = 5;
const MAX_PAGE_TRIES = 4;
const MAX_HAPPENINGS = 20_000;

/** Plays one run: takes what happens next, lets the functions of the platform work on it, and lets faults strike in between. */
export class Play {
  readonly world: World;
  readonly faults: readonly Fault[];
  /** Remediations that a person approved. */
  readonly approved = new Set<string>();
  frozenSince: Timestamp | undefined;
  /** Freezes that are over. */
  readonly freezes: { readonly from: Timestamp; readonly until: Timestamp }[] = [];
  readonly pauses = new Map<string, Timestamp | undefined>();
  /** When an image or the capacity for launches last changed, in milliseconds. */
  imagesChangedAt = 0;
  readonly protectedInstances = new Set<string>();
  /** Volumes and interfaces that nobody may delete: data, or of others. */
  readonly untouchable = new Set<string>();
  /** Auto Scaling group → when somebody last changed it, in milliseconds. */
  readonly groupChangedAt = new Map<string, number>();
  /** Messages that were taken in whole. */
  readonly handled: { readonly body: string }[] = [];
  crashes: ArmedCrash[] = [];
  overlaps: ArmedOverlap[] = [];
  delays: { readonly seconds: number; readonly fault: number }[] = [];
  losses: number[] = [];
  throttling: Throttling | undefined;
  /** A change of the world that is being written. */
  unsettled: Promise<unknown> = Promise.resolve();
  /** Indexes of faults that took place. */
  readonly struck = new Set<number>();
  readonly #extraFaults: { count: number } = { count: 0 };
  readonly #queue = new EventQueue<Happening>();
  readonly #audience: Audience;
  readonly #trace: string[] | undefined;
  readonly #dice: Dice;
  #isNested = false;
  #calmPorts: DriverPorts | undefined;
  happenings = 0;

  constructor(world: World, options: { readonly faults: readonly Fault[]; readonly seed: number; readonly audience: Audience; readonly trace?: string[] }) {
    this.world = world;
    this.faults = options.faults;
    this.#audience = options.audience;
    this.#trace = options.trace;
    this.#dice = new Dice(options.seed ^ 0x3c6e_f372);
    world.send = (body) => this.post(body);
    world.startExecution = (execution) => this.#at(STEP_MILLIS, { kind: 'step', machine: { execution, role: 'observe', failures: 0, giveUp: undefined } });
    world.armPage = (remediationId, at) => this.#queue.push(Date.parse(at), { kind: 'page', remediationId, tries: 0 });
    this.#plan();
  }

  /** How many faults took place. */
  get faultCount(): number {
    return this.struck.size + this.#extraFaults.count;
  }

  #plan(): void {
    for (const [index, fault] of this.faults.entries()) this.#queue.push(START_MILLIS + fault.at * 1000, { kind: 'fault', fault, index });
    // A crawl of the whole fleet costs as much as half a run: some runs have one, and each ends with the rest of a sweep.
    for (const at of SWEEPS_AT_SECONDS.filter(() => this.#dice.percent(10))) this.#queue.push(START_MILLIS + at * 1000, { kind: 'sweep' });
    for (const at of RESENDS_AT_SECONDS) this.#queue.push(START_MILLIS + at * 1000, { kind: 'resend' });
    for (const at of REAPS_AT_SECONDS) this.#queue.push(START_MILLIS + at * 1000, { kind: 'reap' });
    this.#queue.push(START_MILLIS + 1000, { kind: 'poll' });
    this.#queue.push(START_MILLIS + CALM_AT_SECONDS * 1000, { kind: 'calm' });
  }

  /** One line for whoever reads why a run failed. */
  say(who: string, text: string): void {
    this.#trace?.push(`${this.world.clock.now().slice(11, 19)} ${who.padEnd(8)} ${text}`);
  }

  later(seconds: number, act: () => void): void {
    this.#at(seconds * 1000, { kind: 'later', act });
  }

  /** Puts an event on its way to the queue. Best-effort events may be lost; all may be late. */
  post(body: string, options: { readonly isBestEffort?: boolean } = {}): void {
    const lost = options.isBestEffort === true ? this.losses.shift() : undefined;
    if (lost !== undefined) {
      this.struck.add(lost);
      this.say('fault', `lost: ${this.nameOf(body)}`);
      return;
    }
    const delay = this.delays.shift();
    if (delay !== undefined) {
      this.struck.add(delay.fault);
      this.say('fault', `delay of ${delay.seconds} s: ${this.nameOf(body)}`);
    }
    this.#at((delay?.seconds ?? 0) * 1000 + this.#dice.between(200, 2500), { kind: 'message', message: { body, receives: 1, isRedelivery: false } });
  }

  redeliver({ body }: { readonly body: string }): void {
    this.#at(500, { kind: 'message', message: { body, receives: 1, isRedelivery: true } });
  }

  nameOf(body: string): string {
    return /"id":"([^"]+)"/.exec(body)?.[1] ?? 'an event';
  }

  #at(millis: number, event: Happening): void {
    this.#queue.push(this.world.clock.millis + millis, event);
  }

  /** Plays on until nothing more happens, or `isOver`. */
  async run(isOver: () => boolean): Promise<void> {
    for (let next = this.#queue.pop(); next !== undefined && !isOver(); next = this.#queue.pop()) {
      this.world.clock.advanceTo(next.at);
      await this.#happen(next.event);
      if (this.happenings > MAX_HAPPENINGS) throw new Error(`The run does not come to rest: ${this.happenings} things happened`);
    }
  }

  async #happen(event: Happening): Promise<void> {
    this.happenings += 1;
    switch (event.kind) {
      case 'message':
        return this.#receive(event.message);
      case 'step':
        return this.#step(event.machine);
      case 'page':
        return this.#page(event.remediationId, event.tries);
      case 'poll':
        return this.#poll();
      case 'sweep':
        return this.#sweep();
      case 'resend':
        return this.#resend();
      case 'reap':
        return this.#reap();
      case 'fault':
        if (strike(this, event.fault, event.index, new Dice(event.fault.seed))) this.struck.add(event.index);
        await this.unsettled;
        return;
      case 'later':
        event.act();
        await this.unsettled;
        return;
      case 'calm':
        return this.#calm();
    }
  }

  /** The bad hour is over: what only waits for a call to strike does not strike any more. At least 20 faults make a run. */
  #calm(): void {
    this.crashes = [];
    this.overlaps = [];
    this.delays = [];
    this.losses = [];
    this.throttling = undefined;
    for (let missing = 20 - this.faultCount; missing > 0 && this.faults.length >= 20; missing -= 1) {
      const known = this.#dice.pick(this.handled);
      this.#extraFaults.count += 1;
      if (known !== undefined) this.redeliver(known);
      else strike(this, { kind: 'clock-skew', at: CALM_AT_SECONDS, seed: missing }, -1, this.#dice);
    }
  }

  /** Runs one function of the platform with whatever goes wrong in it. */
  async #call<Result>(
    by: FunctionName,
    run: (ports: SimulatedPorts) => Promise<Result>,
    remediationId?: string,
  ): Promise<{ readonly result: Result } | { readonly error: unknown }> {
    const { world } = this;
    const frame: Frame = { by, startedAt: world.clock.now(), hadMishap: false, ...(remediationId === undefined ? {} : { remediationId }) };
    const outer = world.frame;
    const mishaps = this.#mishapsOf(by, frame);
    world.frame = frame;
    this.#audience.began(frame);
    let error: unknown;
    try {
      return { result: await run(withMishaps(world.ports, mishaps)) };
    } catch (caught) {
      error = caught;
      const isExpected = caught instanceof FunctionCrash || caught instanceof RetryableError || caught instanceof PermanentError;
      if (!isExpected) this.say('BUG', caught instanceof Error ? (caught.stack ?? caught.message) : String(caught));
      this.say(by, `failed: ${caught instanceof Error ? caught.message : String(caught)}`);
      return { error: caught };
    } finally {
      this.#audience.ended(frame, error);
      world.frame = outer;
    }
  }

  #mishapsOf(by: FunctionName, frame: Frame): Mishaps {
    const { world } = this;
    // One that waits for a certain call waits until that is made.
    const crash = takeFirst(this.crashes, (armed) => armed.by === by && typeof armed.call === 'number') ?? this.crashes.find((armed) => armed.by === by);
    const overlap = this.#isNested ? undefined : takeFirst(this.overlaps, (armed) => armed.by === by);
    const { throttling } = this;
    const isThrottled = throttling !== undefined && world.clock.millis < throttling.until;
    return {
      ...(crash === undefined ? {} : { crash }),
      ...(overlap === undefined ? {} : { overlap }),
      ...(isThrottled ? { throttling: { ...throttling, seed: throttling.seed + this.happenings } } : {}),
      onThrottle: () => void (frame.hadMishap = true),
      onCrash: (armed) => {
        frame.hadMishap = true;
        this.crashes = this.crashes.filter((other) => other !== armed);
        armed.alongside?.();
        this.struck.add(armed.fault);
        this.say('fault', `crash of ${by} ${armed.moment} ${typeof armed.call === 'number' ? `call ${armed.call}` : armed.call}`);
      },
      onOverlap: (armed) => this.#overlap(armed, frame),
    };
  }

  /** In the middle of a function another thing happens that was due soon: what comes next, as on a second machine. */
  async #overlap(armed: ArmedOverlap, frame: Frame): Promise<void> {
    const next = this.#queue.peek();
    const isSuitable = next !== undefined && next.at < this.world.clock.millis + 10_000 && (next.event.kind === 'step' || next.event.kind === 'message');
    if (!isSuitable) return;
    this.#queue.pop();
    this.struck.add(armed.fault);
    this.say('fault', `overlap: while ${frame.by} works, ${next.event.kind} happens`);
    this.#isNested = true;
    this.world.clock.advanceTo(next.at);
    await this.#happen(next.event);
    this.#isNested = false;
    this.world.frame = frame;
  }

  // --- the functions of the platform ------------------------------------------------------------------------------------

  async #receive(message: Message): Promise<void> {
    const { world } = this;
    const { body, receives, isRedelivery } = message;
    const outcome = await this.#call('signals', async (ports) => {
      const base = world.base('signals');
      const intake = { ...base, ...ports, catalog: () => Promise.resolve(world.seenCatalog) };
      const { signals } = readSignals(body, { hasher: base.hasher, scope: base.scope, receivedAt: base.clock.now() });
      for (const signal of signals) {
        const result = await takeIn(intake, world.seenCatalog, signal);
        this.say('signals', `${signal.kind} ${signal.state} of ${signal.subject.id} → ${result.kind}: ${result.reason}`);
        this.#audience.takenIn(signal, result, isRedelivery);
      }
    });
    if (!('error' in outcome)) {
      if (!isRedelivery) this.handled.push({ body });
      return;
    }
    if (receives < MAX_RECEIVES) this.#at(this.#dice.between(30, 60) * 1000, { kind: 'message', message: { ...message, receives: receives + 1 } });
    else this.#audience.buriedMessage(body);
  }

  #driverPorts(ports: SimulatedPorts): DriverPorts {
    const { world } = this;
    // Most steps have no mishaps, and all of those the same ports.
    if (ports === world.ports && this.#calmPorts !== undefined) return this.#calmPorts;
    const act = { ...world.base('driver'), ...ports };
    const made = { observe: act, act, journal: this.#journal(ports, 'driver'), declared: world.declared };
    if (ports === world.ports) this.#calmPorts = made;
    return made;
  }

  #journal(ports: SimulatedPorts, by: FunctionName): RemediationJournal {
    const { store, publisher } = ports;
    return createJournal({ ...this.world.base(by), store, publisher, catalog: () => Promise.resolve(this.world.catalog) });
  }

  /** The state machine: a step that throws is called again, at last it is given up, and what cannot even be given up fails loudly. */
  async #step(machine: Machine): Promise<void> {
    const { execution, role, giveUp } = machine;
    // Somebody has stopped it.
    if (execution.status === 'ended') return;
    const { remediationId } = execution;
    const outcome = await this.#call(
      'driver',
      (ports) => advance(this.#driverPorts(ports), remediationId, giveUp === undefined ? role : 'observe', giveUp),
      remediationId,
    );
    if ('error' in outcome) return this.#stepFailed(machine, outcome.error);
    const { next, waitSeconds, outcome: ending, reason } = outcome.result;
    this.say('driver', `${remediationId} → ${next}${waitSeconds > 0 ? ` in ${waitSeconds} s` : ''}: ${reason}`);
    if (next === 'end') return this.#end(machine, ending === 'failed');
    Object.assign(machine, { role: next, failures: 0, giveUp: undefined });
    this.#at(Math.max(STEP_MILLIS, waitSeconds * 1000), { kind: 'step', machine });
  }

  #stepFailed(machine: Machine, error: unknown): void {
    machine.failures += 1;
    if (machine.failures <= stepRetries.maxAttempts) return this.#at(1000 * retryDelaySeconds(machine.failures), { kind: 'step', machine });
    if (machine.giveUp !== undefined) return this.#end(machine, true);
    machine.giveUp = { error: 'States.TaskFailed', cause: String(error) };
    machine.failures = 0;
    return this.#at(1000, { kind: 'step', machine });
  }

  #end({ execution }: Machine, hasFailed: boolean): void {
    execution.status = 'ended';
    if (hasFailed) this.post(executionEvent(execution.name, 'FAILED', this.world.clock.now(), this.world.scope));
  }

  async #page(remediationId: string, tries: number): Promise<void> {
    const { world } = this;
    const outcome = await this.#call('page', async (ports) => {
      const paged = await pageUnlessRecovered({ ...world.base('page'), store: ports.store, journal: this.#journal(ports, 'page') }, remediationId);
      this.say('page', `${remediationId}: ${paged ? 'a person is paged' : 'silent, it has recovered'}`);
    });
    if ('error' in outcome && tries < MAX_PAGE_TRIES) this.#at(60_000, { kind: 'page', remediationId, tries: tries + 1 });
  }

  /** Over a fleet in which nothing has changed a poll finds nothing new: it is left out, to save time. */
  async #poll(): Promise<void> {
    const { world } = this;
    if (world.clock.millis < world.restlessUntil) {
      await this.#call('poll', (ports) => pollImpaired({ ...world.base('poll'), ...ports }, world.catalog, 1));
    }
    if (world.clock.millis < START_MILLIS + POLLS_END_AT_SECONDS * 1000) this.#at(POLL_SECONDS * 1000, { kind: 'poll' });
  }

  async #sweep(): Promise<void> {
    const { world } = this;
    await this.#call('sweep', async (ports) => {
      const summary = await sweep({ ...world.base('sweep'), ...ports, log: world.log }, world.catalog);
      this.say('sweep', `${summary.written} records written`);
      await this.#afterSweep(ports);
    });
  }

  /** The rest of a sweep, without its crawl: it comes more often here, because it is cheap. */
  async #resend(): Promise<void> {
    await this.#call('sweep', (ports) => this.#afterSweep(ports));
  }

  async #afterSweep(ports: SimulatedPorts): Promise<void> {
    const { world } = this;
    await sendDue({ ...world.base('sweep'), ...ports });
    const { retried } = await retryRepairs({ ...world.base('sweep'), ...ports }, world.catalog);
    if (retried.length > 0) this.say('sweep', `tried again: ${retried.join(', ')}`);
  }

  async #reap(): Promise<void> {
    const { world } = this;
    await this.#call('reap', async (ports) => {
      const summary = await reapAll({
        ...world.base('reap'),
        ...ports,
        log: world.log,
        journal: this.#journal(ports, 'reap'),
        catalog: () => Promise.resolve(world.catalog),
      });
      this.say('reap', JSON.stringify(summary));
    });
  }
}

function takeFirst<Item>(items: Item[], isWanted: (item: Item) => boolean): Item | undefined {
  const index = items.findIndex(isWanted);
  return index === -1 ? undefined : items.splice(index, 1)[0];
}
