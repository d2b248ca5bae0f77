import { addSeconds, type Timestamp } from '../../environment/time.ts';
import { tagKeys } from '../../inventory/records.ts';
import { deleteDecided, type LooseDecision, readable, type ReapingPorts, readNamed, reportOnce, unlessFrozen } from './reaping.ts';
import type { LooseSnapshot } from './reaping-ports.ts';
import type { Remediation } from '../record.ts';

/*
 * Snapshots that repairs took, of data volumes before they moved and as evidence, cost money for as long as they are there.
 */

export type SnapshotDecision = LooseDecision;

/** By no policy: whoever needs one longer puts it on hold. */
const KEPT_DAYS = 30;

/** The calls that take snapshots; both record the ids that EC2 gave. */
const takingCalls = ['snapshot', 'evidence-snapshot'] as const;

export interface SnapshotFactsOfReaper {
  readonly snapshot: LooseSnapshot;
  /** The remediation that its tag names; `undefined` when there is none. */
  readonly remediation: Remediation | undefined;
  /** `undefined`: the system is not in the catalog any more, so that nobody says that it holds nothing. */
  readonly isStateful: boolean | undefined;
  /** A complete one of the same volume is younger. Asked only where the system may be stateful. */
  readonly hasYounger: boolean;
}

export function takenBy({ calls }: Remediation, snapshotId: string): boolean {
  return takingCalls.some((name) => calls[name]?.result?.['snapshotIds']?.split(',').includes(snapshotId) === true);
}

/** Pure. Tag and record must agree; and the youngest snapshot of a volume that may hold data is never deleted. */
export function decideSnapshot({ snapshot, remediation, isStateful, hasYounger }: SnapshotFactsOfReaper, now: Timestamp): SnapshotDecision {
  const { snapshotId: id, volumeId, tags, startedAt } = snapshot;
  if (tags[tagKeys.hold] !== undefined) return { kind: 'keep', id, reason: `It is on hold (${tags[tagKeys.hold]})` };
  const until = addSeconds(startedAt, KEPT_DAYS * 86_400);
  if (now < until) return { kind: 'keep', id, reason: `Kept until ${until}` };
  if (remediation === undefined) return { kind: 'report', id, reason: 'Its tag names a remediation of which there is no record' };
  const { id: remediationId, incidentId, state, system } = remediation;
  if (state === 'running') return { kind: 'keep', id, reason: `${remediationId} is still running` };
  if (!takenBy(remediation, id)) return { kind: 'report', id, incidentId, reason: `It carries the tag of ${remediationId}, whose record does not name it` };
  if (isStateful !== false && !hasYounger) {
    const why = isStateful === undefined ? `the system ${system} is not in the catalog any more` : `the system ${system} is stateful`;
    return { kind: 'report', id, incidentId, reason: `It is older than ${KEPT_DAYS} days, but there is no younger snapshot of ${volumeId}, and ${why}` };
  }
  return { kind: 'delete', id, system, incidentId, reason: `${remediationId} took it of ${volumeId}, and it is older than ${KEPT_DAYS} days` };
}

/** Deletes old snapshots of repairs. Says what it will do before it does it; one id a call; run twice it does nothing more. */
export async function reapSnapshots(ports: ReapingPorts): Promise<readonly SnapshotDecision[]> {
  const { systems } = await ports.catalog();
  const stateful = new Map(systems.map(({ metadata, spec }) => [metadata.name, spec.recovery.stateful]));
  const decisions: SnapshotDecision[] = [];
  for (const snapshot of await ports.oldSnapshots.olderThan(addSeconds(ports.clock.now(), -KEPT_DAYS * 86_400)))
    decisions.push(await decideOf(ports, snapshot, stateful));
  ports.log.info('The reaper has looked for old snapshots', { decisions });
  for (const decision of decisions) if (decision.kind === 'report') await reportOnce(ports, decision.id, decision.incidentId, decision.reason);
  await deleteDecided(ports, decisions, (id) => ports.oldSnapshots.delete(id), 'An old snapshot could not be deleted');
  return decisions;
}

async function decideOf(ports: ReapingPorts, snapshot: LooseSnapshot, stateful: ReadonlyMap<string, boolean>): Promise<SnapshotDecision> {
  return readable(snapshot.snapshotId, async () => {
    const remediation = await readNamed(ports, snapshot.tags[tagKeys.remediation]);
    const isStateful = remediation === undefined ? undefined : stateful.get(remediation.system);
    const hasYounger = isStateful === false || (await ports.oldSnapshots.hasYounger(snapshot.volumeId, snapshot.startedAt));
    const decision = decideSnapshot({ snapshot, remediation, isStateful, hasYounger }, ports.clock.now());
    return unlessFrozen(ports, remediation, decision, (reason): SnapshotDecision => ({ kind: 'keep', id: snapshot.snapshotId, reason }));
  });
}
