import { PermanentError } from '../../environment/errors.ts';
import { addSeconds, secondsBetween, type Timestamp } from '../../environment/time.ts';
import { type InstanceRecord, instanceType, tagKeys } from '../../inventory/records.ts';
import { keys, partitions } from '../../records/keys.ts';
import { parseRecord, readAll, readRecord } from '../../records/record-type.ts';
import type { StoredRecord } from '../../records/store.ts';
import type { InstanceFacts } from '../ports.ts';
import { isLaunchedBy, launchedIds } from '../paths/launch-calls.ts';
import { frozenReason, type ReapingPorts, readNamed, reportOnce, tellBefore, unlessFrozen } from './reaping.ts';
import { type Remediation, remediationType, slotType } from '../record.ts';
import { RemediationSession } from '../driver/session.ts';

/** What is decided about an instance that a launch of ours made. */
export type OrphanDecision =
  /** Nobody needs it: marked and stopped now, ended when its quarantine is over. */
  | { readonly kind: 'quarantine'; readonly instanceId: string; readonly remediation: Remediation; readonly reason: string }
  | { readonly kind: 'keep'; readonly instanceId: string; readonly reason: string }
  /** Only the tag or only the record says that it is ours: a person is told, nothing is done. */
  | { readonly kind: 'report'; readonly instanceId: string; readonly incidentId?: string; readonly reason: string };

export interface OrphanFacts {
  readonly instance: InstanceFacts;
  /** The remediation that its tag names; `undefined` when there is none. */
  readonly remediation: Remediation | undefined;
  /** A slot that holds it. */
  readonly slotId: string | undefined;
  /** Since when the sweep has seen it in service. */
  readonly inServiceSince: Timestamp | undefined;
}

/** Younger than this a launch may still be on its way into its record (design section 7). */
export const ORPHAN_AGE_SECONDS = 3600;

/** One run puts at most so many away; the rest waits for the next one. */
const MAX_QUARANTINES = 10;
const MAX_RECORDS = 50;
const DEFAULT_QUARANTINE_HOURS = 96;

/** Pure: is this instance an orphan? Tag and record must agree, and nobody may need it. */
export function decideOrphan(facts: OrphanFacts, now: Timestamp): OrphanDecision {
  const { instance, remediation } = facts;
  const { instanceId } = instance;
  const needed = neededReason(facts, now);
  if (needed !== undefined) return { kind: 'keep', instanceId, reason: needed };
  if (remediation === undefined) return { kind: 'report', instanceId, reason: 'Its tag names a remediation of which there is no record' };
  const { incidentId } = remediation;
  const report = (reason: string): OrphanDecision => ({ kind: 'report', instanceId, incidentId, reason });
  if (!isLaunchedBy(remediation, instanceId)) return report(`It carries the tag of ${remediation.id}, which did not launch it`);
  if (isInService(remediation)) return report(`${remediation.id} put it into service, but no slot holds it`);
  if (hasTakenOver(remediation)) return report(`${remediation.id} failed after it had taken the old instance out: this may be all that serves`);
  if (facts.inServiceSince !== undefined) return report(`No slot holds it, but it has been in service since ${facts.inServiceSince}`);
  return { kind: 'quarantine', instanceId, remediation, reason: `${remediation.id} launched it and ended ${remediation.state}; no slot holds it` };
}

/** What a repair launched serves when it has worked; a drill leaves nothing that serves. */
const isInService = ({ state, isDrill }: Remediation): boolean => state === 'succeeded' && !isDrill;

/** Behind the drain nothing is undone: what was launched stays, with everything that has moved to it. */
const hasTakenOver = ({ isDrill, phases }: Remediation): boolean =>
  !isDrill &&
  phases.some(({ name, outcome }) => name === 'deregister' && outcome === 'done') &&
  !phases.some(({ name, outcome }) => name === 'quarantine-new' && outcome === 'done');

function neededReason({ instance, remediation, slotId }: OrphanFacts, now: Timestamp): string | undefined {
  const { state, tags, launchedAt } = instance;
  if (state === 'shutting-down' || state === 'terminated') return `It is ${state} already`;
  if (tags[tagKeys.hold] !== undefined) return `It is on hold (${tags[tagKeys.hold]})`;
  if (slotId !== undefined) return `The slot ${slotId} holds it`;
  if (remediation?.state === 'running') return `${remediation.id} is still running`;
  return secondsBetween(launchedAt, now) < ORPHAN_AGE_SECONDS ? 'It was launched less than an hour ago' : undefined;
}

/** What the inventory knows of an instance of which a remediation says that it launched it: pure. */
export function decideUntagged(remediation: Remediation, { instanceId, status }: InstanceRecord, now: Timestamp): OrphanDecision | undefined {
  if (remediation.state === 'running' || isInService(remediation) || status === 'gone' || status === 'quarantined') return undefined;
  if (secondsBetween(remediation.timing.endedAt ?? remediation.timing.decidedAt, now) < ORPHAN_AGE_SECONDS) return undefined;
  const reason = `${remediation.id} launched it and ended ${remediation.state}, but it does not carry its tag: only the record says that it is ours`;
  return { kind: 'report', instanceId, incidentId: remediation.incidentId, reason };
}

/** Finds instances that launches of ours left behind, puts those away that nobody needs, and reports the doubtful ones. */
export async function reapOrphans(ports: ReapingPorts): Promise<readonly OrphanDecision[]> {
  const tagged = await ports.leftBehind.instances();
  const launched = tagged.filter(({ tags }) => tags[tagKeys.quarantine] === undefined);
  const holders = await slotsByInstance(ports);
  const decisions: OrphanDecision[] = [];
  for (const instance of launched) decisions.push(await decideOne(ports, instance, holders));
  decisions.push(...(await untagged(ports, new Set(tagged.map(({ instanceId }) => instanceId)))));
  ports.log.info('The reaper has looked for orphans', { decisions: decisions.map(({ kind, instanceId, reason }) => ({ kind, instanceId, reason })) });
  for (const decision of decisions) if (decision.kind === 'report') await reportOnce(ports, decision.instanceId, decision.incidentId, decision.reason);
  let putAwayCount = 0;
  for (const decision of decisions) {
    if (decision.kind !== 'quarantine' || putAwayCount === MAX_QUARANTINES) continue;
    // Only what was put away counts: protected instances must not stop the others, however many they are.
    if (await putAway(ports, decision)) putAwayCount += 1;
  }
  return decisions;
}

async function slotsByInstance({ store, scope }: ReapingPorts): Promise<ReadonlyMap<string, string>> {
  const slots = await readAll(slotType, (page) => store.query(partitions.slots(scope), '', page));
  return new Map(slots.map(({ body }) => [body.instanceId, body.id]));
}

async function decideOne(ports: ReapingPorts, instance: InstanceFacts, holders: ReadonlyMap<string, string>): Promise<OrphanDecision> {
  const { instanceId, tags } = instance;
  try {
    const remediation = await readNamed(ports, tags[tagKeys.remediation]);
    const known = await readRecord(ports.store, instanceType, keys.instance(ports.scope, instanceId));
    const decision = decideOrphan({ instance, remediation, slotId: holders.get(instanceId), inServiceSince: known?.body.inServiceSince }, ports.clock.now());
    return await unlessFrozen(ports, remediation, decision, (reason): OrphanDecision => ({ kind: 'keep', instanceId, reason }));
  } catch (error) {
    // A record nobody can read agrees with nothing; it must not keep the others.
    if (!(error instanceof PermanentError)) throw error;
    return { kind: 'report', instanceId, reason: error.message };
  }
}

/** The other half: the newest records that say they launched something which does not carry their tag. */
async function untagged(ports: ReapingPorts, tagged: ReadonlySet<string>): Promise<readonly OrphanDecision[]> {
  const { store, scope, clock } = ports;
  const found: OrphanDecision[] = [];
  const page = await store.query(partitions.remediations(scope), '', { limit: MAX_RECORDS, newestFirst: true });
  for (const record of page.records) {
    const remediation = readable(ports, record);
    if (remediation === undefined) continue;
    for (const instanceId of launchedIds(remediation).filter((id) => !tagged.has(id))) {
      const instance = await readRecord(store, instanceType, keys.instance(scope, instanceId));
      const decision = instance === undefined ? undefined : decideUntagged(remediation, instance.body, clock.now());
      if (decision !== undefined) found.push(decision);
    }
  }
  return found;
}

/** A record nobody can read must not keep the others. */
function readable({ log }: ReapingPorts, record: StoredRecord): Remediation | undefined {
  try {
    return parseRecord(remediationType, record).body;
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    log.warn('A remediation cannot be read', { reason: error.message });
    return undefined;
  }
}

/**
 * Stopped first and marked last: until the mark is there the next run finds it again as an orphan and goes on. From the mark on it is a
 * quarantined instance as any other. It is in no target group and serves nobody, so that being stopped isolates it enough.
 */
async function putAway(ports: ReapingPorts, decision: OrphanDecision & { kind: 'quarantine' }): Promise<boolean> {
  const { instanceId, remediation, reason } = decision;
  try {
    const session = await RemediationSession.open(ports.store, ports.clock, ports.scope, remediation.id);
    if (session === undefined || session.record.state === 'running' || (await frozenReason(ports, remediation.system)) !== undefined) return false;
    await tellBefore(ports, remediation.incidentId, `quarantine:${instanceId}`, `Will stop ${instanceId} and put it into quarantine. ${reason}`);
    await session.mutate(`stop:${instanceId}`, () => ports.power.stop(instanceId).then(() => undefined));
    const until = addSeconds(ports.clock.now(), (await quarantineHours(ports, remediation.system)) * 3600);
    const tags = { [tagKeys.quarantine]: remediation.incidentId, [tagKeys.quarantineUntil]: until, [tagKeys.remediation]: remediation.id };
    await session.mutate(`mark:${instanceId}`, async () => (await ports.quarantine.mark(instanceId, tags, [])).removedTags);
    return true;
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    ports.log.error('An orphan could not be put into quarantine', { instanceId, reason: error.message });
    return false;
  }
}

async function quarantineHours({ catalog }: ReapingPorts, system: string): Promise<number> {
  const policy = (await catalog()).policies.find(({ spec }) => spec.system === system);
  return policy?.spec.quarantineHours ?? DEFAULT_QUARANTINE_HOURS;
}
