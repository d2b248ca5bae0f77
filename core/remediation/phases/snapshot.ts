import { PermanentError } from '../../environment/errors.ts';
import { secondsBetween } from '../../environment/time.ts';
import { tagKeys } from '../../inventory/records.ts';
import type { SnapshotFacts } from '../surroundings/attachment-ports.ts';
import type { ActPhase, ActPorts, PhaseContext, PhaseResult } from '../phase.ts';
import { storedCapture } from './capture.ts';
import { dataVolumesOf, isGone } from './volumes.ts';

type Context = PhaseContext<ActPorts>;

const POLL_SECONDS = 15;

/** A stateful system whose recovery point objective leaves room for a snapshot needs it whole before harm; without room a person has approved. */
const mustWait = ({ system }: Context): boolean => system.spec.recovery.stateful && system.spec.recovery.rpoSeconds > 0;

/**
 * Fresh snapshots of all data volumes at one moment. The volumes themselves move and lose nothing; the snapshots are for the case that
 * one is damaged on its way.
 */
export const snapshot: ActPhase = async (context) => {
  const { oldInstanceId } = context.session.record;
  const old = await context.ports.instances.read(oldInstanceId);
  if (isGone(old)) return { kind: 'done', reason: `${oldInstanceId} is gone and writes nothing more; its data volumes move as they are` };
  try {
    return await takeSnapshots(context);
  } catch (error) {
    const isNeeded = context.system.spec.recovery.stateful || context.policy.spec.evidenceRequired;
    if (isNeeded || !(error instanceof PermanentError)) throw error;
    const note = `no fresh snapshot of the data volumes: ${error.message}`;
    return { kind: 'done', reason: note, patch: { differences: [...context.session.record.differences, note] } };
  }
};

async function takeSnapshots(context: Context): Promise<PhaseResult> {
  const { ports, session } = context;
  const { oldInstanceId, id, system, slotId } = session.record;
  const volumeIds = dataVolumesOf(await storedCapture(context)).map(({ volumeId }) => volumeId);
  const tags = { [tagKeys.system]: system, [tagKeys.slot]: slotId, [tagKeys.remediation]: id };
  const { snapshotIds = '' } = await session.mutate('snapshot', async () => {
    const taken = await ports.snapshots.take(oldInstanceId, volumeIds, tags);
    return { snapshotIds: taken.map(({ snapshotId }) => snapshotId).join(',') };
  });
  if (!mustWait(context)) return { kind: 'done', reason: `Snapshots under way: ${snapshotIds}` };
  return completion(context, volumeIds, await ports.snapshots.read(snapshotIds.split(',')));
}

function completion({ ports, system }: Context, volumeIds: readonly string[], snapshots: readonly SnapshotFacts[]): PhaseResult {
  const bad = snapshots.find(({ state }) => state === 'error');
  if (bad !== undefined) return { kind: 'failed', reason: `The snapshot ${bad.snapshotId} of ${bad.volumeId} failed` };
  const waiting = volumeIds.filter((id) => !snapshots.some(({ volumeId, state }) => volumeId === id && state === 'completed'));
  if (waiting.length > 0) return { kind: 'wait', seconds: POLL_SECONDS, reason: `Snapshots not complete yet: ${waiting.join(', ')}` };
  const { rpoSeconds } = system.spec.recovery;
  const ageSeconds = Math.max(...snapshots.map(({ startedAt }) => secondsBetween(startedAt, ports.clock.now())));
  if (ageSeconds > rpoSeconds)
    return {
      kind: 'failed',
      reason: `The snapshots took ${Math.round(ageSeconds)} s; the recovery point objective is ${rpoSeconds} s. Approve the repair, or make them more often`,
    };
  return { kind: 'done', reason: `Snapshots complete: ${snapshots.map(({ snapshotId }) => snapshotId).join(', ')}` };
}
