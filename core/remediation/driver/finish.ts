import { RetryableError } from '../../environment/errors.ts';
import { secondsBetween, type Timestamp } from '../../environment/time.ts';
import { type ImageRecord, imageRecordType } from '../../images/records.ts';
import { sentence } from '../../incidents/messages/message-text.ts';
import { recordReplaced } from '../../inventory/replaced.ts';
import { keys } from '../../records/keys.ts';
import { readRecord, updateRecord, writeOf } from '../../records/record-type.ts';
import { RecordConflictError, type RecordWrite } from '../../records/store.ts';
import { endRepair } from '../guardrails/cause-breaker.ts';
import type { DriverPorts } from './driver.ts';
import { keepsInstance } from '../paths/procedure.ts';
import { type Group, groupType, type Platform, platformType, type Remediation, type RemediationState, type Slot, slotType } from '../record.ts';
import type { RemediationSession } from './session.ts';
import { isTroubleOf } from '../guardrails/unhealthy.ts';

/** Phases that touch nothing, or only what is set again: a failure in one of them leaves the world as it was. */
const harmless: readonly string[] = [
  'confirm',
  'guard',
  'await-approval',
  'preflight',
  'capture',
  'evidence',
  'defuse',
  'snapshot',
  'choose-step',
  'await-native-recovery',
  'preflight-member',
];

/** How a remediation ended, from what its phases gave: pure. */
export function finalState(record: Remediation): Exclude<RemediationState, 'running'> {
  if (record.failure === undefined) return 'succeeded';
  if (record.phases.some((phase) => phase.outcome === 'skipped')) return 'would-have';
  if (record.failure.guardrail !== undefined) return 'vetoed';
  return harmless.includes(record.failure.phase) && !hasActed(record) ? 'stood-down' : 'failed';
}

/** Whether a step of the ladder that came before has done something to the instance; waiting for EC2 does nothing. */
function hasActed({ triedPaths = [] }: Remediation): boolean {
  return triedPaths.some(({ path }) => path !== 'native-recovery');
}

/** A success that could not tidy up behind itself is one all the same; a quarantine that has begun is finished by the reaper. */
function leftText({ failure, oldInstanceId, calls }: Remediation): string {
  if (failure !== undefined) return 'Half-done';
  return calls[`mark:${oldInstanceId}`] === undefined ? 'Left for a person to finish' : 'Left to finish, the quarantine by the reaper';
}

function finalReason(record: Remediation, extra: string | undefined): string {
  // A step of the ladder that did not help is told as such, not as something left half-done.
  const since = record.triedPaths?.at(-1)?.endedAt ?? '';
  const undone = record.phases.filter((phase) => phase.outcome === 'failed' && phase.endedAt > since && phase.name !== record.failure?.phase);
  const reason = record.failure === undefined ? successText(record) : record.failure.reason;
  const more = [
    ...(undone.length === 0 ? [] : [`${leftText(record)}: ${undone.map((phase) => `${phase.name} failed (${phase.reason})`).join('; ')}`]),
    ...(extra === undefined ? [] : [extra]),
  ];
  return more.length === 0 ? reason : [reason, ...more].map(sentence).join(' ');
}

/** Who leaves the place and who takes it: on the way back the other way round. */
function successionOf({ oldInstanceId, newInstanceId, revertOf }: Remediation): { readonly leaving: string; readonly coming: string | undefined } {
  return revertOf === undefined || newInstanceId === undefined
    ? { leaving: oldInstanceId, coming: newInstanceId }
    : { leaving: newInstanceId, coming: oldInstanceId };
}

function successText(record: Remediation): string {
  if (keepsInstance(record)) return `${record.oldInstanceId} serves again by the path ${record.path}; it is the same instance`;
  const { leaving, coming = 'nothing' } = successionOf(record);
  if (record.isDrill) return `The drill passed: ${leaving} was replaced by ${coming}; both go to the reaper`;
  return record.revertOf === undefined
    ? `${leaving} was replaced by ${coming}`
    : `${coming} is back in the place of ${leaving}: ${record.revertOf} is taken back`;
}

/** The slot after the remediation: free; a success moves it to the new instance. What changed nothing does not count as an attempt. */
export function releaseSlot(slot: Slot, record: Remediation): Slot {
  const { remediationId: _released, ...free } = slot;
  if (record.state === 'failed') return { ...free, failuresInARow: (slot.failuresInARow ?? 0) + 1 };
  if (record.state !== 'succeeded') return { ...free, attempts: withoutOwn(slot.attempts, record) };
  const { failuresInARow: _over, ...well } = free;
  // Nobody left: a second failure of the same instance is repaired like the first.
  if (keepsInstance(record)) return well;
  if (record.isDrill) return { ...well, drillPassedAt: endOf(record) };
  const { leaving, coming } = successionOf(record);
  const retired = [...slot.retiredInstanceIds.filter((id) => id !== leaving && id !== coming), leaving].slice(-50);
  return { ...well, instanceId: coming ?? slot.instanceId, retiredInstanceIds: retired };
}

function endOf({ timing }: Remediation): Timestamp {
  return timing.endedAt ?? timing.decidedAt;
}

/** One only: another remediation may have begun in the same millisecond. */
function withoutOwn(begun: readonly Timestamp[], { timing }: Remediation): Timestamp[] {
  const own = begun.indexOf(timing.decidedAt);
  return begun.filter((_, index) => index !== own);
}

/** Phases in which the replacement itself shows that it is no good. */
const replacementPhases: readonly string[] = ['await-running', 'await-healthy', 'verify', 'await-member', 'verify-serving'];

/** One more bad replacement, or a clean sheet after a good one. */
function failedReplacementsOf(group: Group, record: Remediation): Pick<Group, 'failedReplacements'> {
  const known = group.failedReplacements ?? [];
  if (record.state === 'succeeded') return known.length === 0 ? {} : { failedReplacements: [] };
  const isBad = record.state === 'failed' && replacementPhases.includes(record.failure?.phase ?? '');
  return isBad ? { failedReplacements: [...known, endOf(record)].slice(-10) } : {};
}

/** The group after it: a failed probe stops probing, a verified one lets the next pass. */
export function releaseGroup(group: Group, record: Remediation): Group {
  const isProbe = group.breaker.probeRemediationId === record.id;
  const { probeRemediationId: _probe, ...breaker } = group.breaker;
  return {
    ...group,
    ...failedReplacementsOf(group, record),
    inFlight: group.inFlight.filter((id) => id !== record.id),
    unhealthy:
      record.state === 'succeeded'
        ? group.unhealthy.filter((entry) => !isTroubleOf(entry, { id: record.slotId, memberId: record.oldInstanceId }))
        : group.unhealthy,
    breaker: isProbe ? { ...breaker, isProbeFailed: record.state === 'failed' } : breakerAfter(group, record),
  };
}

/** A repair that succeeds shows that repairing works again; while the breaker is open only its probe says so. */
function breakerAfter({ breaker }: Group, { state }: Remediation): Group['breaker'] {
  return state === 'succeeded' && breaker.state === 'closed' ? { ...breaker, isProbeFailed: false } : breaker;
}

/** The caps after it: a start counts when something was touched; a success makes its system well. */
export function releasePlatform(platform: Platform, record: Remediation): Platform {
  const { state } = record;
  return {
    ...endRepair(platform, record),
    inFlight: platform.inFlight.filter((id) => id !== record.id),
    starts: state === 'succeeded' || state === 'failed' ? platform.starts : withoutOwn(platform.starts, record),
    unhealthySystems: state === 'succeeded' ? platform.unhealthySystems.filter((entry) => entry.system !== record.system) : platform.unhealthySystems,
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

/** What ending a remediation takes; the reaper has no more than this. */
interface FinishPorts {
  readonly observe: Pick<DriverPorts['observe'], 'store' | 'scope' | 'clock'>;
  readonly journal: Pick<DriverPorts['journal'], 'finished'>;
}

/** What a success teaches: who is where now, or that an image has passed a drill. */
async function recordSuccess({ observe }: FinishPorts, record: Remediation): Promise<void> {
  const { imageId, slotId, state } = record;
  const { leaving, coming } = successionOf(record);
  if (state !== 'succeeded' || coming === undefined || imageId === undefined) return;
  const at = observe.clock.now();
  if (record.isDrill) await recordDrill(observe, record, { imageId, instanceId: coming, at });
  else await recordReplaced(observe, { oldInstanceId: leaving, newInstanceId: coming, imageId, slotId, at });
}

/** The image counts as seen at work in the group (design section 7, image choice). */
async function recordDrill(
  { store, scope }: FinishPorts['observe'],
  { drill }: Remediation,
  { imageId, instanceId, at }: { readonly imageId: string; readonly instanceId: string; readonly at: Timestamp },
): Promise<void> {
  const groupId = drill?.groupId ?? '';
  const role = groupId.slice(groupId.indexOf('/') + 1);
  await updateRecord(store, imageRecordType, keys.image(scope, role, imageId), (image): ImageRecord => {
    const known = image ?? { role, imageId, firstApprovedAt: at, isApproved: true, isRevoked: false, verifiedGroups: [] };
    const isVerified = known.verifiedGroups.some((verified) => verified.groupId === groupId);
    return isVerified ? known : { ...known, verifiedGroups: [...known.verifiedGroups, { groupId, at, instanceId }] };
  });
}

/** Tells people first, then writes the end and releases slot, group and caps in one transaction: a crash in between repeats, never loses. */
export async function finish(ports: FinishPorts, session: RemediationSession, extra: string | undefined): Promise<void> {
  const body = closed(session.record, extra, ports.observe.clock.now());
  await ports.journal.finished(body);
  await recordSuccess(ports, body);
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

async function releaseWrites(ports: FinishPorts, body: Remediation): Promise<readonly RecordWrite[]> {
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
