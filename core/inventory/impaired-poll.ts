import * as z from 'zod/mini';
import type { CompiledCatalog } from '../catalog/schema.ts';
import { RetryableError } from '../environment/errors.ts';
import type { Clock, Scope } from '../environment/ports.ts';
import type { Timestamp } from '../environment/time.ts';
import { keys } from '../records/keys.ts';
import { type RecordType, readRecord, writeOf } from '../records/record-type.ts';
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
});
type Trouble = z.infer<typeof pollSchema>['troubles'][number];
const pollType: RecordType<z.infer<typeof pollSchema>> = { name: 'impaired poll', schema: pollSchema };

/** Fits one record and one run; a region with more impaired instances has a platform breaker open anyway. */
const MAX_TROUBLES = 500;

export interface PollPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
  readonly inventory: InventoryReader;
  readonly targets: TargetReader;
  readonly queue: SignalQueue;
}

/**
 * Asks for what emits no event: failed status checks and unhealthy targets (design section 4). Puts a signal on the queue when one
 * begins and when it ends. What is to be said is written down before it is sent and ticked off after it: a crash anywhere repeats and
 * loses nothing, and what was said last is always true in the end.
 */
export async function pollImpaired(ports: PollPorts, catalog: CompiledCatalog): Promise<{ readonly begun: number; readonly ended: number }> {
  const now = ports.clock.now();
  const key = keys.impairedPoll(ports.scope);
  const before = await readRecord(ports.store, pollType, key);
  const known = before?.body.troubles ?? [];
  const { troubles: present, well } = await look(ports, catalog, now);
  const ended = known.filter((trouble) => !present.some((other) => isSameTrouble(other, trouble)));
  // Back before its end was surely told: it begins again, now.
  const still = known
    .filter((trouble) => !ended.includes(trouble))
    .map((trouble): Trouble => (trouble.said === 'maybe-ended' ? { ...trouble, since: now, said: 'maybe-begun' } : trouble));
  // Bounded by what may begin, never by what is still there: what no longer fits has not ended.
  const fresh = present.filter((trouble) => !known.some((other) => isSameTrouble(other, trouble))).slice(0, MAX_TROUBLES - known.length);
  const begun = [...still.filter((trouble) => trouble.said === 'maybe-begun'), ...fresh];
  if (begun.length === 0 && ended.length === 0) return { begun: 0, ended: 0 };
  const intent = await remember(ports, [...still, ...ended.map((trouble): Trouble => ({ ...trouble, said: 'maybe-ended' })), ...fresh], before?.version ?? 0);
  // Another poll was faster: it tells what there is to tell.
  if (intent === undefined) return { begun: 0, ended: 0 };
  await send(ports, [
    ...begun.map((trouble) => eventOf(trouble, true, trouble.since, ports.scope)),
    // An instance that is gone, or out of its target group, has not recovered: no trouble ends without a proof of health (S3-17).
    ...ended.filter((trouble) => well[trouble.kind].has(trouble.instanceId)).map((trouble) => eventOf(trouble, false, now, ports.scope)),
  ]);
  await remember(
    ports,
    [...still, ...fresh].map((trouble): Trouble => ({ ...trouble, said: 'begun' })),
    intent,
  );
  return { begun: begun.length, ended: ended.length };
}

function isSameTrouble(left: Trouble, right: Trouble): boolean {
  return left.instanceId === right.instanceId && left.kind === right.kind;
}

interface Look {
  readonly troubles: readonly Trouble[];
  /** Instances that were seen in good health, by the source that saw them. */
  readonly well: Readonly<Record<Trouble['kind'], ReadonlySet<string>>>;
}

async function look(ports: PollPorts, catalog: CompiledCatalog, now: Timestamp): Promise<Look> {
  const statuses: InstanceStatus[] = [];
  for await (const page of ports.inventory.listStatuses()) statuses.push(...page);
  const targetGroups = [...new Set(catalog.systems.flatMap((system) => system.spec.targetGroups))];
  const targets = targetGroups.length === 0 ? [] : await ports.targets.registered(targetGroups);
  const troubles = [...statuses.flatMap((status) => statusTrouble(status, now)), ...targets.flatMap((target) => targetTrouble(target, now))];
  return {
    // An instance that is unhealthy in two target groups is one trouble.
    troubles: troubles.filter((trouble, index) => troubles.findIndex((other) => isSameTrouble(other, trouble)) === index),
    well: {
      'status-check': new Set(statuses.filter((status) => status.system === 'ok' && status.instance === 'ok').map((status) => status.instanceId)),
      'target-unhealthy': new Set(targets.filter((target) => target.state === 'healthy').map((target) => target.instanceId)),
    },
  };
}

function statusTrouble(status: InstanceStatus, now: Timestamp): readonly Trouble[] {
  const failed = [status.system === 'impaired' ? 'system' : undefined, status.instance === 'impaired' ? 'instance' : undefined].filter(
    (check) => check !== undefined,
  );
  return failed.length === 0
    ? []
    : [{ instanceId: status.instanceId, kind: 'status-check', since: status.impairedSince ?? now, detail: failed.join(','), said: 'maybe-begun' }];
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
async function remember(ports: PollPorts, troubles: readonly Trouble[], version: number): Promise<number | undefined> {
  try {
    await ports.store.write([writeOf(pollType, keys.impairedPoll(ports.scope), { troubles: [...troubles] }, version)]);
    return version + 1;
  } catch (error) {
    if (!(error instanceof RecordConflictError)) throw error;
    return undefined;
  }
}
