import { PermanentError, RetryableError } from '../../environment/errors.ts';
import { secondsBetween, type Timestamp } from '../../environment/time.ts';
import { readDeclaration } from '../admission/declaration.ts';
import type { DriverAnswer } from './driver-answer.ts';
import { finish } from './finish.ts';
import { FREEZE_PAGE_SECONDS, freeze, phaseSeconds, thaw } from '../guardrails/freeze.ts';
import type { RemediationJournal } from './journal.ts';
import type { ActPhase, ActPorts, ObservePhase, ObservePorts, PhaseContext, PhaseResult } from '../phase.ts';
import { awaitApproval } from '../phases/approval.ts';
import { capture } from '../phases/capture.ts';
import { chooseStep } from '../phases/choose-step.ts';
import { confirm } from '../phases/confirm.ts';
import { evidence } from '../phases/evidence.ts';
import { awaitThrowaway, launchThrowaway } from '../phases/drill.ts';
import { guardAny } from '../phases/guard-by-hand.ts';
import { launch } from '../phases/launch.ts';
import { preflight } from '../phases/preflight.ts';
import { moveAddresses, returnAddresses } from '../phases/addresses.ts';
import { moveAssociations, returnAssociations } from '../phases/associations.ts';
import { moveRecords, returnRecords } from '../phases/dns-records.ts';
import { moveInterfaces, returnInterfaces } from '../phases/interfaces.ts';
import { snapshot } from '../phases/snapshot.ts';
import { defuse, moveVolumes, rearm, rearmOld, returnVolumes } from '../phases/volumes.ts';
import { fence, quarantine, quarantineNew, startOld } from '../phases/quarantine.ts';
import { awaitOldHealthy, releaseOld, returnNew } from '../phases/revert.ts';
import { completeHooks } from '../phases/complete-hooks.ts';
import { awaitMember, preflightMember, quarantineMember, replaceMember } from '../phases/members.ts';
import { awaitNativeRecovery, awaitRecovered, awaitSwap, keepRoot, reboot, restartProcess, swapRoot, verifyServing } from '../phases/recovery.ts';
import { awaitOldRunning, awaitRunning } from '../phases/running.ts';
import { awaitHealthy, deregister, deregisterNew, drain, register, registerOld, restoreOld, verify } from '../phases/targets.ts';
import { transferAlarms } from '../phases/transfer-alarms.ts';
import { deadlineSeconds } from '../guardrails/policy.ts';
import { goesOnRegardless, rowOf, undoOf } from '../paths/procedure.ts';
import type { Pause, PhaseName, Remediation } from '../record.ts';
import { RemediationSession } from './session.ts';
import { frozenBy, pausedBy, readSwitches, type Switches } from '../guardrails/switches.ts';

/** Everything a step needs; `act` is present only in the function that may change AWS. */
export interface DriverPorts {
  readonly observe: ObservePorts;
  readonly act?: ActPorts;
  readonly journal: RemediationJournal;
  /** The catalog in force; `undefined` for a system that is not in it any more. */
  readonly declared: (system: string) => Promise<Declared | undefined>;
}

/** What the state machine says when a step kept failing. */
export interface GiveUp {
  readonly error: string;
  readonly cause: string;
}

const observePhases = {
  confirm,
  guard: guardAny,
  'await-throwaway': awaitThrowaway,
  'await-old-healthy': awaitOldHealthy,
  'prove-old': awaitOldHealthy,
  'choose-step': chooseStep,
  'await-approval': awaitApproval,
  capture,
  'await-running': awaitRunning,
  'await-healthy': awaitHealthy,
  drain,
  verify,
  'await-old-running': awaitOldRunning,
  'await-native-recovery': awaitNativeRecovery,
  'await-swap': awaitSwap,
  'await-recovered': awaitRecovered,
  'await-member': awaitMember,
  'verify-serving': verifyServing,
} as const satisfies Partial<Record<PhaseName, ObservePhase>>;

const actPhases = {
  evidence,
  preflight,
  fence,
  launch,
  register,
  deregister,
  'transfer-alarms': transferAlarms,
  quarantine,
  'deregister-new': deregisterNew,
  'quarantine-new': quarantineNew,
  'start-old': startOld,
  'register-old': registerOld,
  defuse,
  snapshot,
  'move-volumes': moveVolumes,
  'move-interfaces': moveInterfaces,
  'move-addresses': moveAddresses,
  'move-records': moveRecords,
  'move-associations': moveAssociations,
  rearm,
  'return-associations': returnAssociations,
  'return-records': returnRecords,
  'return-addresses': returnAddresses,
  'return-interfaces': returnInterfaces,
  'return-volumes': returnVolumes,
  'rearm-old': rearmOld,
  'restore-old': restoreOld,
  'launch-throwaway': launchThrowaway,
  'release-old': releaseOld,
  'return-new': returnNew,
  'restart-process': restartProcess,
  reboot,
  'swap-root': swapRoot,
  'keep-root': keepRoot,
  'preflight-member': preflightMember,
  'replace-member': replaceMember,
  'complete-hooks': completeHooks,
  'quarantine-member': quarantineMember,
} as const satisfies Partial<Record<PhaseName, ActPhase>>;

type ObservePhaseName = keyof typeof observePhases;
type ActPhaseName = keyof typeof actPhases;

const isObservePhase = (name: PhaseName): name is ObservePhaseName => Object.hasOwn(observePhases, name);
const isActPhase = (name: PhaseName): name is ActPhaseName => Object.hasOwn(actPhases, name);

const RETRY_SECONDS = 5;
const MAX_WAIT_SECONDS = 300;

/**
 * A phase looks at most this often until its deadline: an execution keeps at most 25,000 events, a look writes about seven, and about
 * eight phases wait (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html).
 */
const MAX_LOOKS_PER_PHASE = 200;

/**
 * One step of the driver loop: runs the present phase of a remediation once and records what came of it.
 * Called again with the same arguments after a crash anywhere, it goes on where the record says.
 *
 * @param role what the calling function may do; a phase of the other role is handed over
 * @throws PermanentError when there is no such remediation or its system left the catalog
 */
export async function advance(ports: DriverPorts, remediationId: string, role: 'observe' | 'act', giveUp?: GiveUp): Promise<DriverAnswer> {
  const { store, clock, scope } = ports.observe;
  const session = await RemediationSession.open(store, clock, scope, remediationId);
  if (session === undefined)
    throw new PermanentError(`There is no remediation ${remediationId}. It was never claimed, so nothing was touched; look at the incident.`);
  const { record } = session;
  if (record.state !== 'running') return ended(record);
  const switches = await readSwitches(store, scope, record.system);
  const stop = frozenBy(switches);
  // Before anything else: what is frozen is not even given up, it is tried again when it goes on.
  if (stop !== undefined) return stayFrozen(ports, session, stop);
  if (record.frozen !== undefined) await goOn(ports, session);
  // Going on may have put another phase first.
  const { phase } = session.record;
  const row = rowOf(phase);
  if (giveUp === undefined && row.role !== role)
    return { remediationId, next: row.role, waitSeconds: 0, outcome: 'open', reason: `${phase} is for ${row.role}` };
  // Nobody gives up to record the end: without it nothing would be free again, and a success must be proved all the same.
  const result = giveUp === undefined || phase === 'finish' ? await runBounded(ports, session, switches) : givenUp(giveUp);
  return settle(ports, session, result);
}

function ended(record: Remediation): DriverAnswer {
  return { remediationId: record.id, next: 'end', waitSeconds: 0, outcome: record.state === 'failed' ? 'failed' : 'succeeded', reason: record.reason };
}

function givenUp(giveUp: GiveUp): PhaseResult {
  return { kind: 'failed', reason: `The step kept failing: ${giveUp.error}: ${giveUp.cause.slice(0, 500)}` };
}

/** Runs the phase; throttles wait, permanent errors fail it, the deadline ends it. A bug surfaces as an error of the function. */
async function runBounded(ports: DriverPorts, session: RemediationSession, switches: Switches): Promise<PhaseResult> {
  const { record } = session;
  const inForce = await ports.declared(record.system);
  const declared = inForce ?? (await readDeclaration(ports.observe, record.id));
  if (declared === undefined) return { kind: 'failed', reason: `The system ${record.system} or its policy is not in the catalog any more` };
  const limitSeconds = deadlineSeconds(rowOf(record.phase).deadline, declared.policy);
  const result = await runGuarded(ports, session, declared, { ...switches, isRetired: inForce === undefined });
  if (result.kind !== 'wait') return result;
  const elapsed = phaseSeconds(record, ports.observe.clock.now());
  if (elapsed > limitSeconds) return { kind: 'failed', reason: `${record.phase} took longer than its ${limitSeconds} s: ${result.reason}` };
  return { ...result, seconds: Math.max(result.seconds, limitSeconds / MAX_LOOKS_PER_PHASE) };
}

type Declared = Pick<PhaseContext<unknown>, 'system' | 'policy' | 'windows'>;

/** What takes a repair to its safe point: the switches, and whether its system has left the catalog. */
type Stops = Switches & { readonly isRetired: boolean };

async function runGuarded(ports: DriverPorts, session: RemediationSession, declared: Declared, stops: Stops): Promise<PhaseResult> {
  try {
    session.guardMutations(() => refuseWhileFrozen(ports, session.record.system));
    const paused = stopReason(session.record, stops);
    return paused === undefined ? await runPhase(ports, session, declared) : { kind: 'failed', reason: paused, isStopped: true };
  } catch (error) {
    if (error instanceof RetryableError)
      return { kind: 'wait', seconds: RETRY_SECONDS, reason: `To be tried again: ${error.message}`, memory: session.record.memory };
    if (error instanceof PermanentError) return { kind: 'failed', reason: error.message };
    throw error;
  }
}

/**
 * A pause, an abort or the retirement of its system takes a repair to its safe point: undone before the drain, finished after it. An
 * unreadable switch counts as paused.
 */
function stopReason(record: Remediation, { isRetired, ...switches }: Stops): string | undefined {
  if (!rowOf(record.phase).isBeforeDrain || record.failure !== undefined) return undefined;
  if (record.abort !== undefined) return `Aborted by ${record.abort.by}: ${record.abort.reason}`;
  if (isRetired) return `The system ${record.system} or its policy is not in the catalog any more, which takes the repair to its safe point`;
  if (record.phase === 'guard') return undefined;
  return pausedBy(switches);
}

/** A freeze may come in the middle of a step: the very next call waits. */
async function refuseWhileFrozen({ observe: { store, scope } }: DriverPorts, system: string): Promise<void> {
  const stop = frozenBy(await readSwitches(store, scope, system));
  if (stop !== undefined) throw new RetryableError(`Frozen (${stop.target}) by ${stop.by}: ${stop.reason}`);
}

const FROZEN_LOOK_SECONDS = 30;

/** Stays exactly where it is: says once what is half-done, pages once after ten minutes, and looks again. */
async function stayFrozen(ports: DriverPorts, session: RemediationSession, stop: Pause): Promise<DriverAnswer> {
  const { record } = session;
  const now = ports.observe.clock.now();
  if (record.frozen === undefined) {
    const frozen = freeze(record, stop, now);
    await ports.journal.frozen(frozen);
    await session.save(frozen);
  }
  const since = session.record.frozen;
  const seconds = since === undefined ? 0 : secondsBetween(since.at, now);
  if (since !== undefined && since.pagedAt === undefined && seconds >= FREEZE_PAGE_SECONDS) {
    await ports.journal.frozenTooLong(session.record);
    await session.save({ ...session.record, frozen: { ...since, pagedAt: now } });
  }
  // A look writes about seven events of an execution: who freezes for a night must not use them up.
  const waitSeconds = seconds < FREEZE_PAGE_SECONDS ? FROZEN_LOOK_SECONDS : MAX_WAIT_SECONDS;
  return { remediationId: record.id, next: rowOf(record.phase).role, waitSeconds, outcome: 'open', reason: session.record.reason };
}

async function goOn(ports: DriverPorts, session: RemediationSession): Promise<void> {
  const thawed = thaw(session.record, ports.observe.clock.now());
  await ports.journal.thawed(session.record, thawed);
  await session.save(provedOnceMore(thawed, ports.observe.clock.now()));
}

/** What has shown that the old instance of a way back serves. */
const proofsOfWayBack: readonly PhaseName[] = ['await-old-healthy', 'prove-old'];

const seenToServe = ({ phases }: Remediation): Remediation['phases'][number] | undefined =>
  phases.findLast(({ name, outcome }) => outcome === 'done' && proofsOfWayBack.includes(name));

/** A freeze may have lasted for days: a way back touches the replacement, and what leads people to it, only once the old instance is seen to serve again. */
function provedOnceMore(record: Remediation, now: Timestamp): Remediation {
  const { revertOf, failure, phase, remaining } = record;
  if (revertOf === undefined || failure !== undefined || proofsOfWayBack.includes(phase) || seenToServe(record) === undefined) return record;
  const { frozenSeconds: _frozen, ...rest } = record;
  return { ...rest, phase: 'prove-old', phaseStartedAt: now, memory: {}, remaining: [phase, ...remaining] };
}

async function runPhase(ports: DriverPorts, session: RemediationSession, declared: Declared): Promise<PhaseResult> {
  const { phase } = session.record;
  // What an end says is for `finish` to write.
  if (phase === 'finish') return proveAgain(session.record, declared.policy, ports.observe.clock.now()) ?? { kind: 'done', reason: 'It ends' };
  if (isObservePhase(phase)) return observePhases[phase]({ ports: ports.observe, session, ...declared });
  if (isActPhase(phase) && ports.act !== undefined) return actPhases[phase]({ ports: ports.act, session, ...declared });
  throw new Error(`The phase ${phase} has no code in this role`);
}

/** The phases that prove a success, where nothing but its record follows. */
const proofs: readonly PhaseName[] = ['verify', 'verify-serving', 'await-recovered'];

/** A success that is recorded long after its proof, because nobody carried it on meanwhile, is proved again. */
function proveAgain(record: Remediation, policy: Declared['policy'], now: Timestamp): PhaseResult | undefined {
  const { failure, phases, revertOf } = record;
  const proof = revertOf === undefined ? phases.at(-1) : seenToServe(record);
  if (failure !== undefined || proof === undefined || (revertOf === undefined && !proofs.includes(proof.name))) return undefined;
  const seconds = Math.round(secondsBetween(proof.endedAt, now));
  if (seconds <= deadlineSeconds('verifyDeadlineSeconds', policy)) return undefined;
  return {
    kind: 'done',
    reason: `${proof.name} was ${seconds} s ago: it is asked again`,
    patch: { remaining: [revertOf === undefined ? proof.name : 'prove-old', 'finish'] },
  };
}

/** Records what a phase gave and says who goes next. Telling people comes first: it is idempotent, a lost page is not. */
async function settle(ports: DriverPorts, session: RemediationSession, result: PhaseResult): Promise<DriverAnswer> {
  const now = ports.observe.clock.now();
  if (result.kind === 'wait') return waitOn(session, result, now);
  const before = session.record;
  if (before.phase === 'finish' && result.patch?.remaining === undefined) {
    await finish(ports, session, result.kind === 'failed' ? result.reason : undefined);
    return ended(session.record);
  }
  const next = transition(before, result, now);
  await ports.journal.phaseEnded(before, next);
  await session.save(next);
  return { remediationId: before.id, next: rowOf(next.phase).role, waitSeconds: 0, outcome: 'open', reason: `${before.phase}: ${result.reason}` };
}

async function waitOn(session: RemediationSession, result: PhaseResult & { kind: 'wait' }, now: Timestamp): Promise<DriverAnswer> {
  const { record } = session;
  const memory = result.memory ?? record.memory;
  if (JSON.stringify(memory) !== JSON.stringify(record.memory) || result.patch !== undefined) {
    await session.save({ ...record, ...result.patch, memory, reason: result.reason });
  }
  const waitSeconds = Math.min(MAX_WAIT_SECONDS, Math.max(1, Math.ceil(result.seconds)));
  return { remediationId: record.id, next: rowOf(record.phase).role, waitSeconds, outcome: 'open', reason: `${record.phase} at ${now}: ${result.reason}` };
}

/** The record after a phase ended: pure. */
export function transition(record: Remediation, result: Exclude<PhaseResult, { kind: 'wait' }>, now: Timestamp): Remediation {
  const outcome = phaseOutcomes[result.kind];
  const goesOn = outcome === 'done' || isPassedOver(record, result);
  const course = goesOn ? { remaining: result.patch?.remaining ?? record.remaining } : courseAfterFailure(record, result, now);
  const [phase = 'finish', ...remaining] = course.remaining;
  const { frozenSeconds: _frozen, ...before } = record;
  return {
    ...before,
    ...result.patch,
    ...course,
    phase,
    remaining,
    phaseStartedAt: now,
    memory: {},
    reason: result.reason,
    phases: [...record.phases, { name: record.phase, startedAt: record.phaseStartedAt, endedAt: now, outcome, reason: result.reason }],
  };
}

/** What failed is told, and what follows it runs all the same. */
function isPassedOver(record: Remediation, result: Exclude<PhaseResult, { kind: 'wait' }>): boolean {
  return result.kind === 'failed' && result.undo === undefined && goesOnRegardless(record);
}

type Course = Pick<Remediation, 'triedPaths' | 'failure'> & { readonly remaining: readonly PhaseName[] };

/** The next path of the ladder, else what undoes the phase; the first failure is the one people are told. */
function courseAfterFailure(record: Remediation, result: Exclude<PhaseResult, { kind: 'wait' }>, now: Timestamp): Course {
  const escalation = result.kind === 'failed' && result.isStopped !== true ? escalationOf(record, result.reason, now) : undefined;
  if (escalation !== undefined) return escalation;
  const failure = { phase: record.phase, reason: result.reason, ...(result.kind === 'vetoed' ? { guardrail: result.guardrail } : {}) };
  const undo = result.kind === 'failed' && result.undo !== undefined ? [...result.undo, 'finish' as const] : remainingAfterFailure(record);
  return { failure: record.failure ?? failure, remaining: undo };
}

const phaseOutcomes = { done: 'done', failed: 'failed', vetoed: 'vetoed', 'would-have': 'skipped' } as const;

/** This path did not help, and the ladder has more: which of them can help is asked afresh (S4-18). */
function escalationOf(record: Remediation, reason: string, now: Timestamp): Course | undefined {
  const { path = 'replace', nextPaths = [], triedPaths = [] } = record;
  if (rowOf(record.phase).escalates !== true || record.failure !== undefined || nextPaths.length === 0) return undefined;
  const startedAt = triedPaths.at(-1)?.endedAt ?? record.timing.decidedAt;
  return { triedPaths: [...triedPaths, { path, startedAt, endedAt: now, reason }], remaining: ['choose-step'] };
}

/** A failed compensation is not compensated again: a person is told what is half-done. */
function remainingAfterFailure(record: Remediation): readonly PhaseName[] {
  return [...undoOf(record), 'finish'];
}
