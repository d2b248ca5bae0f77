import { RetryableError } from '../environment/errors.ts';
import { secondsBetween, type Timestamp } from '../environment/time.ts';
import { recordReplaced } from '../inventory/replaced.ts';
import { keys } from '../records/keys.ts';
import { readRecord, writeOf } from '../records/record-type.ts';
import { RecordConflictError, type RecordWrite } from '../records/store.ts';
import type { DriverPorts } from './driver.ts';
import { type Group, groupType, type Platform, platformType, type Remediation, type RemediationState, type Slot, slotType } from './record.ts';
import type { RemediationSession } from './session.ts';

/** Phases that touch nothing: a failure in one of them leaves the world as it was. */
const harmless: readonly string[] = ['confirm', 'guard', 'preflight', 'capture'];

/** How a remediation ended, from what its phases gave: pure. */
export function finalState(record: Remediation): Exclude<RemediationState, 'running'> {
  if (record.failure === undefined) return 'succeeded';
  if (record.phases.some((phase) => phase.outcome === 'skipped')) return 'would-have';
  if (record.failure.guardrail !== undefined) return 'vetoed';
  return harmless.includes(record.failure.phase) ? 'stood-down' : 'failed';
}

function finalReason(record: Remediation, extra: string | undefined): string {
  const undone = record.phases.filter((phase) => phase.outcome === 'failed' && phase.name !== record.failure?.phase);
  const halfDone = undone.length === 0 ? '' : ` Half-done: ${undone.map((phase) => `${phase.name} failed (${phase.reason})`).join('; ')}.`;
  const reason = record.failure === undefined ? `${record.oldInstanceId} was replaced by ${record.newInstanceId ?? 'nothing'}` : record.failure.reason;
  return `${reason}${halfDone}${extra === undefined ? '' : ` ${extra}`}`;
}

/** The slot after the remediation: free; a success moves it to the new instance. What changed nothing does not count as an attempt. */
export function releaseSlot(slot: Slot, record: Remediation): Slot {
  const { remediationId: _released, failuresInARow = 0, ...free } = slot;
  if (record.state === 'failed') return { ...free, failuresInARow: failuresInARow + 1 };
  if (record.state !== 'succeeded') return { ...free, ...(failuresInARow === 0 ? {} : { failuresInARow }), attempts: withoutUncounted(slot.attempts, record) };
  const retired = [...slot.retiredInstanceIds.filter((id) => id !== record.oldInstanceId), record.oldInstanceId].slice(-50);
  return { ...free, instanceId: record.newInstanceId ?? slot.instanceId, retiredInstanceIds: retired };
}

function withoutUncounted(attempts: readonly Timestamp[], record: Remediation): Timestamp[] {
  if (record.state === 'failed') return [...attempts];
  // One only: another remediation may have begun in the same millisecond.
  const own = attempts.indexOf(record.timing.decidedAt);
  return attempts.filter((_, index) => index !== own);
}

/** Phases in which the replacement itself shows that it is no good. */
const replacementPhases: readonly string[] = ['await-running', 'await-healthy', 'verify'];

/** One more bad replacement, or a clean sheet after a good one. */
function failedReplacementsOf(group: Group, record: Remediation): Pick<Group, 'failedReplacements'> {
  const known = group.failedReplacements ?? [];
  if (record.state === 'succeeded') return known.length === 0 ? {} : { failedReplacements: [] };
  const isBad = record.state === 'failed' && replacementPhases.includes(record.failure?.phase ?? '');
  return isBad ? { failedReplacements: [...known, record.timing.endedAt ?? record.timing.decidedAt].slice(-10) } : {};
}

/** The group after it: a failed probe stops probing, a verified one lets the next pass. */
export function releaseGroup(group: Group, record: Remediation): Group {
  const isProbe = group.breaker.probeRemediationId === record.id;
  const { probeRemediationId: _probe, ...breaker } = group.breaker;
  return {
    ...group,
    ...failedReplacementsOf(group, record),
    inFlight: group.inFlight.filter((id) => id !== record.id),
    unhealthy: record.state === 'succeeded' ? group.unhealthy.filter((entry) => entry.slotId !== record.slotId) : group.unhealthy,
    breaker: isProbe ? { ...breaker, isProbeFailed: record.state === 'failed' } : group.breaker,
  };
}

export function releasePlatform(platform: Platform, record: Remediation): Platform {
  return {
    ...platform,
    inFlight: platform.inFlight.filter((id) => id !== record.id),
    starts: withoutUncounted(platform.starts, record.state === 'succeeded' ? { ...record, state: 'failed' } : record),
    unhealthySystems: record.state === 'succeeded' ? platform.unhealthySystems.filter((entry) => entry.system !== record.system) : platform.unhealthySystems,
  };
}

function closed(record: Remediation, extra: string | undefined, now: Timestamp): Remediation {
  const state = finalState(record);
  const phases = [
    ...record.phases,
    {
      name: record.phase,
      startedAt: record.phaseStartedAt,
      endedAt: now,
      outcome: 'done' as const,
      reason: `Ended as ${state} after ${Math.round(secondsBetween(record.timing.detectedAt, now))} s`,
    },
  ];
  return { ...record, state, reason: finalReason(record, extra), phases, timing: { ...record.timing, endedAt: now } };
}

const RELEASE_ATTEMPTS = 20;

/** Tells people first, then writes the end and releases slot, group and caps in one transaction: a crash in between repeats, never loses. */
export async function finish(ports: DriverPorts, session: RemediationSession, extra: string | undefined): Promise<void> {
  const body = closed(session.record, extra, ports.observe.clock.now());
  await ports.journal.finished(body);
  const { oldInstanceId, newInstanceId, imageId, slotId } = body;
  if (body.state === 'succeeded' && newInstanceId !== undefined && imageId !== undefined) {
    await recordReplaced(ports.observe, { oldInstanceId, newInstanceId, imageId, slotId, at: ports.observe.clock.now() });
  }
  for (let attempt = 1; attempt <= RELEASE_ATTEMPTS; attempt += 1) {
    try {
      await session.saveWith(body, await releaseWrites(ports, body));
      return;
    } catch (error) {
      if (!(error instanceof RecordConflictError)) throw error;
    }
  }
  throw new RetryableError(`The claim of ${body.id} could not be released in ${RELEASE_ATTEMPTS} tries; the step will be repeated.`);
}

async function releaseWrites(ports: DriverPorts, body: Remediation): Promise<readonly RecordWrite[]> {
  const { store, scope } = ports.observe;
  const [slot, group, platform] = await Promise.all([
    readRecord(store, slotType, keys.slot(scope, body.slotId)),
    readRecord(store, groupType, keys.group(scope, body.groupId)),
    readRecord(store, platformType, keys.platform(scope)),
  ]);
  return [
    ...(slot?.body.remediationId === body.id ? [writeOf(slotType, slot.key, releaseSlot(slot.body, body), slot.version)] : []),
    ...(group === undefined ? [] : [writeOf(groupType, group.key, releaseGroup(group.body, body), group.version)]),
    ...(platform === undefined ? [] : [writeOf(platformType, platform.key, releasePlatform(platform.body, body), platform.version)]),
  ];
}
