import type { System } from '../../../../core/catalog/schema.ts';
import { PermanentError, RetryableError } from '../../../../core/environment/errors.ts';
import { keys } from '../../../../core/records/keys.ts';
import { updateRecord } from '../../../../core/records/record-type.ts';
import { RemediationSession } from '../../../../core/remediation/driver/session.ts';
import type { ActPhase, ActPorts, PhaseContext, PhaseResult } from '../../../../core/remediation/phase.ts';
import type { InstanceFacts, InstanceReader, InstanceStatus, TargetHealth, TargetState } from '../../../../core/remediation/ports.ts';
import {
  type Group,
  groupType,
  type PhaseName,
  type Platform,
  platformType,
  type Remediation,
  remediationType,
  type Slot,
  slotType,
} from '../../../../core/remediation/record.ts';
import { type Capture, captureType } from '../../../../core/remediation/surroundings/capture.ts';
import { groupOf, instanceFacts, NOW, remediationOf, slotOf } from '../builders.ts';
import { createWorld, driverPorts, observePorts, OLD, readRemediation, testScope, webPolicy, webTarget, type World, type Wrap } from '../world.ts';

/** What the simulated region launches first. */
export const NEW = 'i-new0001';

/** What some methods of some ports say instead of the simulated region. */
export type Answers = { readonly [Port in keyof ActPorts]?: Partial<ActPorts[Port]> };

/** A port, or one of its methods: `port.method`. */
export type Heard = { readonly [Port in keyof ActPorts]: Port | `${Port}.${keyof ActPorts[Port] & string}` }[keyof ActPorts];

/** A call of a port: `port.method`, and what it was given. */
type Call = readonly [call: string, ...words: unknown[]];

/** Ports with these answers, which tell of every call. */
function answering(answers: Answers, tell: (call: Call) => void): Wrap {
  const given = new Map<string, object>(Object.entries(answers));
  return (name, port) =>
    new Proxy(port, {
      get: (real, property) => {
        const value: unknown = Reflect.get(given.get(name) ?? {}, property) ?? Reflect.get(real, property);
        if (typeof value !== 'function') return value;
        return (...words: unknown[]): unknown => {
          tell([`${name}.${String(property)}`, ...words]);
          return Reflect.apply(value, real, words);
        };
      },
    });
}

/** With these an acting port only says where things are. */
const looks: ReadonlySet<string> = new Set(['isInSync', 'isOnline', 'primary', 'read', 'targets']);

const portOf = (call: string): string => call.slice(0, call.indexOf('.'));
const methodOf = (call: string): string => call.slice(call.indexOf('.') + 1);

type Results = Readonly<Record<string, Readonly<Record<string, string>> | undefined>>;

export interface Stage {
  readonly world: World;
  /** What was asked, in this order, of the ports that only an acting phase has, but for where things are. */
  readonly made: readonly Call[];
  /** All calls of these, in this order. */
  readonly heard: (...of: readonly Heard[]) => readonly Call[];
  /** One look of a phase. Its wait and its patch are not written down: only the driver does that. */
  readonly run: (phase: ActPhase, answers?: Answers) => Promise<PhaseResult>;
  /** What one look works with, for what is no phase of its own. */
  readonly context: (answers?: Answers) => Promise<PhaseContext<ActPorts>>;
  readonly record: () => Promise<Remediation>;
  /** Names of the calls that are written down, in this order. */
  readonly calls: () => Promise<readonly string[]>;
  /** What the record keeps of their results. */
  readonly results: () => Promise<Results>;
}

export interface StageSeed {
  readonly topology?: 'multiple' | 'single';
  /** Three web instances of this topology, where a test says nothing else. */
  readonly world?: World;
  /** Declared of the system, instead of what the world says. */
  readonly system?: Partial<System['spec']>;
  /** Of a policy, instead of that of the world. */
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly trigger?: Partial<Remediation['trigger']>;
  readonly record?: Partial<Remediation>;
  /** What the repair has captured; `undefined`: nothing yet. */
  readonly capture?: Partial<Capture>;
  readonly answers?: Answers;
}

/** A claimed repair of the failing instance, right before one of its phases. */
export async function openStage({ topology, world: given = createWorld(topology), trigger = {}, answers = {}, ...seed }: StageSeed = {}): Promise<Stage> {
  const system = { ...given.system, spec: { ...given.system.spec, ...seed.system } };
  const policy = seed.spec === undefined ? given.policy : webPolicy(seed.spec);
  const world: World = { ...given, system, policy };
  const { store, clock } = world;
  const body = remediationOf({ instanceId: OLD, slotId: `shop-web/${OLD}`, system, policy, trigger, at: clock.now() }, seed.record);
  const { id } = body;
  await updateRecord(store, remediationType, keys.remediation(testScope, id), () => body);
  if (seed.capture !== undefined) await storeCapture(world, seed.capture, id);

  const all: Call[] = [];
  const made: Call[] = [];
  const observing = new Set(Object.keys(observePorts(world)));
  const tell = (call: Call): void => {
    all.push(call);
    if (!observing.has(portOf(call[0])) && !looks.has(methodOf(call[0]))) made.push(call);
  };
  const context = async (more: Answers = {}): Promise<PhaseContext<ActPorts>> => {
    const ports = driverPorts(world, answering({ ...answers, ...more }, tell)).act;
    const session = await RemediationSession.open(store, clock, testScope, id);
    if (ports === undefined || session === undefined) throw new Error('there are no ports to act with, or there is no session');
    return { ports, session, system, policy };
  };
  const record = async (): Promise<Remediation> => readRemediation(world, id);
  return {
    world,
    made,
    heard: (...of) => all.filter(([call]) => of.some((one) => one === call || one === portOf(call))),
    run: async (phase, more) => phase(await context(more)),
    context,
    record,
    calls: async () => Object.keys((await record()).calls),
    results: async () => Object.fromEntries(Object.entries((await record()).calls).map(([name, { result }]) => [name, result])),
  };
}

/** What was captured of the failing instance, as it is now but for these changes. */
export async function storeCapture(world: World, changes: Partial<Capture> = {}, id = 'rem-1'): Promise<Capture> {
  const found = await world.region.captures.capture(OLD, world.system.spec.targetGroups, world.clock.now());
  if (found === undefined) throw new Error(`there is nothing to capture of ${OLD}`);
  const capture = { ...found, ...changes };
  await updateRecord(world.store, captureType, keys.capture(testScope, id), () => capture);
  return capture;
}

/** Another remediation of the failing instance: the one that is taken back, for example. */
export async function storeRemediation(world: World, changes: Partial<Remediation> = {}, id = 'rem-0'): Promise<Remediation> {
  const { system, policy, clock } = world;
  const body = remediationOf({ id, instanceId: OLD, slotId: `shop-web/${OLD}`, system, policy, at: clock.now() }, changes);
  await updateRecord(world.store, remediationType, keys.remediation(testScope, id), () => body);
  return body;
}

/** What a claim of `rem-1` on the slot of the failing instance has written. */
export async function storeClaim(
  world: World,
  changes: { readonly platform?: Partial<Platform>; readonly group?: Partial<Group>; readonly slot?: Partial<Slot> } = {},
): Promise<{ readonly platform: Platform; readonly group: Group; readonly slot: Slot }> {
  const now = world.clock.now();
  const platform: Platform = { inFlight: ['rem-1'], starts: [now], unhealthySystems: [], breaker: { state: 'closed' }, ...changes.platform };
  const group = groupOf({ inFlight: ['rem-1'], ...changes.group });
  const slot = slotOf({ id: `shop-web/${OLD}`, instanceId: OLD, remediationId: 'rem-1', attempts: [now], ...changes.slot });
  await updateRecord(world.store, platformType, keys.platform(testScope), () => platform);
  await updateRecord(world.store, groupType, keys.group(testScope, group.id), () => group);
  await updateRecord(world.store, slotType, keys.slot(testScope, slot.id), () => slot);
  return { platform, group, slot };
}

/** Calls that were made and answered, as a record keeps them; `undefined`: with nothing that is kept. */
export function answered(results: Results): Remediation['calls'] {
  return Object.fromEntries(
    Object.entries(results).map(([name, result]) => [name, { attempt: 1, intentAt: NOW, outcomeAt: NOW, ...(result === undefined ? {} : { result }) }]),
  );
}

/** Calls that were begun and never answered. */
export function unanswered(...names: readonly string[]): Remediation['calls'] {
  return Object.fromEntries(names.map((name) => [name, { attempt: 1, intentAt: NOW }]));
}

/** A phase that has run, as a record keeps it. */
export function ran(name: PhaseName, outcome: 'done' | 'failed' = 'done'): Remediation['phases'][number] {
  return { name, startedAt: NOW, endedAt: NOW, outcome, reason: 'so it was' };
}

export const done = (reason: string): PhaseResult => ({ kind: 'done', reason });
export const failed = (reason: string): PhaseResult => ({ kind: 'failed', reason });
/** What is on its way is looked at again after 3 s. */
export const wait = (reason: string, seconds = 3): PhaseResult => ({ kind: 'wait', seconds, reason });
/** Nothing moved, and the record says so. */
export const leftAlone = (note: string): PhaseResult => ({ kind: 'done', reason: `Nothing to move; ${note}`, patch: { differences: [note] } });

export const refusing = (refusal: Error) => async (): Promise<never> => Promise.reject(refusal);
export const denied = refusing(new PermanentError('AccessDenied'));
export const throttled = refusing(new RetryableError('RequestLimitExceeded'));

const still = async (): Promise<void> => undefined;

/** Nothing moves by itself: where things are is what a test says. */
export const stillAttachments = {
  volumes: { attach: still, detach: still, setDeleteOnTermination: still },
  interfaces: { attach: still, detach: still, setDeleteOnTermination: still, assignPrivateAddresses: still },
  addresses: { associate: still },
  associations: { retarget: still },
} as const satisfies Answers;

/** EC2 says this of every instance, one answer after the other, the last one from then on; `undefined`: not listed. */
export function reads(world: World, ...answers: readonly (Partial<InstanceFacts> | undefined)[]): { readonly instances: Pick<InstanceReader, 'read'> } {
  let asked = 0;
  const read = async (instanceId: string): Promise<InstanceFacts | undefined> => {
    const answer = answers[Math.min(asked, answers.length - 1)];
    asked += 1;
    return answer === undefined ? undefined : instanceFacts({ instanceId, ...world.region.find(instanceId), ...answer });
  };
  return { instances: { read } };
}

/** The same of one that runs where nothing else is said, and this of its status checks; `undefined`: nothing. */
export function checks(
  world: World,
  status: Partial<InstanceStatus> | undefined,
  ...answers: readonly (Partial<InstanceFacts> | undefined)[]
): { readonly instances: Pick<InstanceReader, 'read' | 'readStatus'> } {
  const readStatus = async (instanceId: string): Promise<InstanceStatus | undefined> =>
    status === undefined ? undefined : { instanceId, system: 'ok', instance: 'ok', ...status };
  return { instances: { ...reads(world, ...(answers.length === 0 ? [{}] : answers)).instances, readStatus } };
}

/** A target of the failing instance in the group `shop-web`, in this state. */
export function target(state: TargetState, changes: Partial<TargetHealth> = {}): TargetHealth {
  return { ...webTarget, instanceId: OLD, state, ...changes };
}
