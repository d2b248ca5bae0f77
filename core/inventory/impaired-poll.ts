import * as z from 'zod/mini';
import type { CompiledCatalog } from '../catalog/schema.ts';
import { RetryableError } from '../environment/errors.ts';
import type { Clock, Scope } from '../environment/ports.ts';
import { present } from '../environment/present.ts';
import { secondsBetween, type Timestamp } from '../environment/time.ts';
import { keys } from '../records/keys.ts';
import { type RecordType, readRecord, type Versioned, writeOf } from '../records/record-type.ts';
import { RecordConflictError, type RecordStore } from '../records/store.ts';
import type { InstanceStatus, TargetHealth, TargetReader } from '../remediation/ports.ts';
import type { SignalQueue } from '../signals/ports.ts';
import type { InventoryReader } from './ports.ts';

/**
 * Troubles that were reported and not yet over; one small record, written only when something changed.
 * `said`: what the queue knows of it. `maybe-…`: it was about to be told when the last poll ended.
 */
const pollSchema = z.object({
  troubles: z.array(
    z.object({
      instanceId: z.string(),
      kind: z.enum(['status-check', 'target-unhealthy']),
      since: z.string(),
      detail: z.string(),
      said: z.enum(['begun', 'maybe-begun', 'maybe-ended']),
    }),
  ),
  /** When a small fleet was last asked to the end, and how many instances ran; absent, or old, where every run asks. */
  lastLook: z.optional(z.object({ at: z.string(), instances: z.number() })),
});
type PollRecord = z.infer<typeof pollSchema>;
type Trouble = PollRecord['troubles'][number];
const pollType: RecordType<PollRecord> = { name: 'impaired poll', schema: pollSchema };

/** Fits one record and one run; a region with more impaired instances has a platform breaker open anyway. */
const MAX_TROUBLES = 500;

/** Up to so many running instances are a small fleet (design section 4). */
const SMALL_FLEET = 10;

export interface PollDecision {
  readonly action: 'ask' | 'wait';
  readonly reason: string;
}

/** The scheduler runs the poll every minute, a little early or late; half a minute of grace keeps five minutes from becoming six. */
const GRACE_SECONDS = 30;

/**
 * Pure: whether this run asks. A larger fleet is asked every minute, a small one every `smallFleetMinutes`; a run that did not come to
 * its end has left no last look, so that the next one tries again.
 */
export function decidePoll(lastLook: PollRecord['lastLook'], now: Timestamp, smallFleetMinutes: number): PollDecision {
  if (lastLook === undefined) return { action: 'ask', reason: 'Nothing says that this fleet is small and was asked a moment ago' };
  if (smallFleetMinutes <= 1) return { action: 'ask', reason: 'Every run asks' };
  const seconds = secondsBetween(lastLook.at, now);
  // A look in the future is a clock that was wrong.
  const isDue = seconds < 0 || seconds >= smallFleetMinutes * 60 - GRACE_SECONDS;
  const reason = `${lastLook.instances} instances ran ${seconds} s ago; ${SMALL_FLEET} or fewer are asked every ${smallFleetMinutes} minutes`;
  return { action: isDue ? 'ask' : 'wait', reason };
}

export interface PollPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
  readonly inventory: InventoryReader;
  readonly targets: TargetReader;
  readonly queue: SignalQueue;
}

export interface PollResult {
  readonly begun: number;
  readonly ended: number;
  /** Why this run did not ask, when it did not. */
  readonly waits?: string;
}

/**
 * Asks for what emits no event: failed status checks and unhealthy targets (design section 4). Puts a signal on the queue when one
 * begins and when it ends. What is to be said is written down before it is sent and ticked off after it: a crash anywhere repeats and
 * loses nothing, and what was said last is always true in the end.
 *
 * @param smallFleetMinutes how often ten or fewer instances are asked; more of them are asked by every run
 */
export async function pollImpaired(ports: PollPorts, catalog: CompiledCatalog, smallFleetMinutes: number): Promise<PollResult> {
  const now = ports.clock.now();
  const before = await readRecord(ports.store, pollType, keys.impairedPoll(ports.scope));
  const decision = decidePoll(before?.body.lastLook, now, smallFleetMinutes);
  if (decision.action === 'wait') return { begun: 0, ended: 0, waits: decision.reason };
  const seen = await look(ports, catalog, now);
  const lastLook = seen.instances <= SMALL_FLEET && smallFleetMinutes > 1 ? { at: now, instances: seen.instances } : undefined;
  return tell(ports, { ...compare(before?.body.troubles ?? [], seen, now), isWell: seen.isWell, now, lastLook, before });
}

interface Comparison {
  readonly still: readonly Trouble[];
  readonly fresh: readonly Trouble[];
  readonly ended: readonly Trouble[];
}

/** Pure: what lasts, what is new and what is over. */
function compare(known: readonly Trouble[], { troubles }: Look, now: Timestamp): Comparison {
  const ended = known.filter((trouble) => !troubles.some((other) => isSameTrouble(other, trouble)));
  // Back before its end was surely told: it begins again, now.
  const still = known
    .filter((trouble) => !ended.includes(trouble))
    .map((trouble): Trouble => (trouble.said === 'maybe-ended' ? { ...trouble, since: now, said: 'maybe-begun' } : trouble));
  // Bounded by what may begin, never by what is still there: what no longer fits has not ended.
  const fresh = troubles.filter((trouble) => !known.some((other) => isSameTrouble(other, trouble))).slice(0, MAX_TROUBLES - known.length);
  return { still, fresh, ended };
}

interface Findings extends Comparison {
  readonly isWell: Look['isWell'];
  readonly now: Timestamp;
  readonly lastLook: PollRecord['lastLook'];
  readonly before: Versioned<PollRecord> | undefined;
}

async function tell(ports: PollPorts, { still, fresh, ended, isWell, now, lastLook, before }: Findings): Promise<PollResult> {
  const version = before?.version ?? 0;
  const known = before?.body.troubles ?? [];
  const begun = [...still.filter((trouble) => trouble.said === 'maybe-begun'), ...fresh];
  if (begun.length === 0 && ended.length === 0) {
    // A small fleet that has grown keeps its old last look, which makes every run due.
    if (lastLook !== undefined) await remember(ports, known, lastLook, version);
    return { begun: 0, ended: 0 };
  }
  const intended = [...still, ...ended.map((trouble): Trouble => ({ ...trouble, said: 'maybe-ended' })), ...fresh];
  // No last look before all is told: who finds this asks at once.
  const intent = await remember(ports, intended, undefined, version);
  // Another poll was faster: it tells what there is to tell.
  if (intent === undefined) return { begun: 0, ended: 0 };
  await send(ports, [
    ...begun.map((trouble) => eventOf(trouble, true, trouble.since, ports.scope)),
    // An instance that is gone, or out of its target group, has not recovered: no trouble ends without a proof of health (S3-17).
    ...ended.filter(isWell).map((trouble) => eventOf(trouble, false, now, ports.scope)),
  ]);
  const told = [...still, ...fresh].map((trouble): Trouble => ({ ...trouble, said: 'begun' }));
  await remember(ports, told, lastLook, intent);
  return { begun: begun.length, ended: ended.length };
}

function isSameTrouble(left: Trouble, right: Trouble): boolean {
  return left.instanceId === right.instanceId && left.kind === right.kind;
}

interface Look {
  /** How many instances run. */
  readonly instances: number;
  readonly troubles: readonly Trouble[];
  /** Whether its instance was seen in good health by the source that saw the trouble; asked of the few that have ended. */
  readonly isWell: (trouble: Trouble) => boolean;
}

async function look(ports: PollPorts, catalog: CompiledCatalog, now: Timestamp): Promise<Look> {
  const statuses: InstanceStatus[] = [];
  for await (const page of ports.inventory.listStatuses()) statuses.push(...page);
  const targetGroups = [...new Set(catalog.systems.flatMap((system) => system.spec.targetGroups))];
  const targets = targetGroups.length === 0 ? [] : await ports.targets.registered(targetGroups);
  const troubles = [...statuses.flatMap((status) => statusTrouble(status, now)), ...targets.flatMap((target) => targetTrouble(target, now))];
  return {
    instances: statuses.length,
    // An instance that is unhealthy in two target groups is one trouble.
    troubles: troubles.filter((trouble, index) => troubles.findIndex((other) => isSameTrouble(other, trouble)) === index),
    isWell: ({ kind, instanceId }) =>
      kind === 'status-check'
        ? statuses.some((status) => status.instanceId === instanceId && status.system === 'ok' && status.instance === 'ok')
        : targets.some((target) => target.instanceId === instanceId && target.state === 'healthy'),
  };
}

function statusTrouble(status: InstanceStatus, now: Timestamp): readonly Trouble[] {
  // Almost all of a fleet is well.
  if (status.system !== 'impaired' && status.instance !== 'impaired') return [];
  const failed = [status.system === 'impaired' ? 'system' : undefined, status.instance === 'impaired' ? 'instance' : undefined].filter(
    (check) => check !== undefined,
  );
  return [{ instanceId: status.instanceId, kind: 'status-check', since: status.impairedSince ?? now, detail: failed.join(','), said: 'maybe-begun' }];
}

function targetTrouble(target: TargetHealth, now: Timestamp): readonly Trouble[] {
  return target.state === 'unhealthy'
    ? [
        {
          instanceId: target.instanceId,
          kind: 'target-unhealthy',
          since: now,
          detail: `${target.targetGroupName}:${target.port} ${target.reason ?? ''}`.trim(),
          said: 'maybe-begun',
        },
      ]
    : [];
}

const detailTypes = {
  'status-check': { begun: 'Instance Status Check Failed', ended: 'Instance Status Check Recovered' },
  'target-unhealthy': { begun: 'Target Unhealthy', ended: 'Target Healthy' },
} as const satisfies Record<Trouble['kind'], { begun: string; ended: string }>;

function eventOf(trouble: Trouble, hasBegun: boolean, at: Timestamp, scope: Scope): string {
  return JSON.stringify({
    version: '0',
    id: `${trouble.kind}-${trouble.instanceId}-${at}`,
    source: 'perennial',
    'detail-type': detailTypes[trouble.kind][hasBegun ? 'begun' : 'ended'],
    account: scope.accountId,
    region: scope.region,
    time: at,
    resources: [],
    detail: { instanceId: trouble.instanceId, checks: trouble.detail },
  });
}

const MESSAGES_PER_CALL = 100;

async function send(ports: PollPorts, bodies: readonly string[]): Promise<void> {
  for (let start = 0; start < bodies.length; start += MESSAGES_PER_CALL) {
    const batch = bodies.slice(start, start + MESSAGES_PER_CALL);
    // at most ten calls; the queue paces them
    const failures = await ports.queue.send(batch.map((body) => ({ body })));
    if (failures.length > 0)
      throw new RetryableError(
        `${failures.length} of ${batch.length} signals could not be put on the queue (${failures[0]?.reason}); the next poll sends them again.`,
      );
  }
}

/** Gives the version that was written; nothing when another poll was faster. */
async function remember(ports: PollPorts, troubles: readonly Trouble[], lastLook: PollRecord['lastLook'], version: number): Promise<number | undefined> {
  try {
    const body = { troubles: [...troubles], ...present({ lastLook }) };
    await ports.store.write([writeOf(pollType, keys.impairedPoll(ports.scope), body, version)]);
    return version + 1;
  } catch (error) {
    if (!(error instanceof RecordConflictError)) throw error;
    return undefined;
  }
}
