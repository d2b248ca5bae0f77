import { PermanentError } from '../../environment/errors.ts';
import type { Timestamp } from '../../environment/time.ts';
import { lists } from '../../records/keys.ts';
import { finish } from '../driver/finish.ts';
import { phaseSeconds, thaw } from '../guardrails/freeze.ts';
import { type ReapingPorts, reportOnce, tellBefore, unlessFrozen } from './reaping.ts';
import type { ExecutionState } from './reaping-ports.ts';
import type { Remediation } from '../record.ts';
import { RemediationSession } from '../driver/session.ts';

/** What is decided about a remediation whose record says that it runs. */
export type RepairDecision =
  | { readonly kind: 'keep'; readonly remediationId: string; readonly reason: string }
  /** The driver goes on where the record stands: what took too long is undone from the capture, by the procedure's own rules. */
  | { readonly kind: 'restart'; readonly remediationId: string; readonly executionName: string; readonly reason: string }
  /** The procedure cannot go on: a person is told what is half-done. */
  | { readonly kind: 'close'; readonly remediationId: string; readonly reason: string };

/** Executions started again and again help nobody: the same step ends them. */
const MAX_RESTARTS = 3;

/** Later than this the world is not the one the record describes: nothing is undone from it by a machine. */
const MAX_IDLE_SECONDS = 86_400;

/** One run looks after at most so many; the caps allow a handful at a time. */
const MAX_REPAIRS = 20;

/** `<name>` → 0, `<name>-r2` → 2. AWS keeps a closed name for 90 days, so that a new start needs a new one. */
function restartOf(executionName: string): { readonly base: string; readonly count: number } {
  const [, base = executionName, count = '0'] = /^(.*)-r(\d)$/.exec(executionName) ?? [];
  return { base, count: Number(count) };
}

/**
 * Pure: does this remediation still have somebody who carries it on? Going on is better than closing: every call is idempotent, the
 * record knows where it stands, and a phase beyond its deadline is undone by the driver itself.
 */
export function decideRepair(record: Remediation, execution: ExecutionState, now: Timestamp): RepairDecision {
  const { id: remediationId, executionName } = record;
  const needed = carriedReason(record, execution, now);
  if (needed !== undefined) return { kind: 'keep', remediationId, reason: needed };
  const { base, count } = restartOf(executionName);
  // Until somebody carries it on its record says that it is frozen, also when the freeze is over: that time was no idleness.
  const idleSeconds = phaseSeconds(thaw(record, now), now);
  if (idleSeconds > MAX_IDLE_SECONDS) {
    return { kind: 'close', remediationId, reason: `Nothing has carried it on for ${Math.floor(idleSeconds / 3600)} h, in the phase ${record.phase}` };
  }
  if (execution === 'absent') return { kind: 'restart', remediationId, executionName, reason: 'Its execution never began' };
  if (count >= MAX_RESTARTS)
    return { kind: 'close', remediationId, reason: `It was started again ${count} times and always ended in the phase ${record.phase}` };
  return {
    kind: 'restart',
    remediationId,
    executionName: `${base}-r${count + 1}`,
    reason: `Its execution ended in the phase ${record.phase} without an end of the repair`,
  };
}

/** Whether it is frozen the switch says, and not the record: only its execution, which may be lost, would thaw that. */
function carriedReason({ state, pageAt }: Remediation, execution: ExecutionState, now: Timestamp): string | undefined {
  if (state !== 'running') return `It ended as ${state}`;
  if (now < pageAt) return `Its page time ${pageAt} has not come`;
  return execution === 'running' ? 'Its execution runs' : undefined;
}

/** Finds remediations without a live execution and starts them again, or closes them with a page. */
export async function reapRepairs(ports: ReapingPorts): Promise<readonly RepairDecision[]> {
  // The list may lag: each is read again by its key before anything is decided.
  const running = await ports.store.list(lists.runningRemediations(ports.scope), { limit: MAX_REPAIRS });
  const decisions: RepairDecision[] = [];
  for (const { key } of running.records) {
    try {
      const session = await RemediationSession.open(ports.store, ports.clock, ports.scope, key.sort);
      if (session !== undefined) decisions.push(await lookAfter(ports, session));
    } catch (error) {
      // One that cannot be read or carried on must not keep the others.
      if (!(error instanceof PermanentError)) throw error;
      await reportOnce(ports, key.sort, undefined, error.message);
    }
  }
  return decisions;
}

async function lookAfter(ports: ReapingPorts, session: RemediationSession): Promise<RepairDecision> {
  const { record } = session;
  const { pageAt, executionName } = record;
  // Nobody asks AWS about one that is young: it has its time.
  const execution = ports.clock.now() < pageAt ? 'running' : await ports.executionStates.stateOf(executionName);
  const decided = decideRepair(record, execution, ports.clock.now());
  const decision = await unlessFrozen(ports, record, decided, (reason): RepairDecision => ({ kind: 'keep', remediationId: record.id, reason }));
  ports.log.info('The reaper has looked at a running remediation', { ...decision });
  if (decision.kind === 'restart') await restart(ports, session, decision);
  if (decision.kind === 'close') await close(ports, session, decision.reason);
  return decision;
}

/** The name first: a crash before the start leaves a name of which there is no execution, and the next run starts that one. */
async function restart(
  { executions, journal, ...ports }: ReapingPorts,
  session: RemediationSession,
  decision: RepairDecision & { kind: 'restart' },
): Promise<void> {
  const { remediationId, executionName, reason } = decision;
  await tellBefore(ports, session.record.incidentId, `restart:${remediationId}:${executionName}`, `Will start ${remediationId} again. ${reason}`);
  // Its page time has come: a claim that crashed before its page was armed has no other one. Sent already, it is not sent again.
  await journal.pageAnyway(session.record);
  if (session.record.executionName !== executionName) await session.save({ ...session.record, executionName });
  await executions.start({ name: executionName, remediationId });
}

async function close({ journal, ...ports }: ReapingPorts, session: RemediationSession, reason: string): Promise<void> {
  const { record } = session;
  const now = ports.clock.now();
  await tellBefore(ports, record.incidentId, `close:${record.id}`, `Will close ${record.id} as failed. ${reason}. What was begun may be half-done.`);
  // After a crash behind this write the next run only has to finish.
  if (record.phase !== 'finish') {
    const failed = { name: record.phase, startedAt: record.phaseStartedAt, endedAt: now, outcome: 'failed' as const, reason };
    const failure = record.failure ?? { phase: record.phase, reason };
    await session.save({ ...record, failure, reason, phase: 'finish', phaseStartedAt: now, remaining: [], memory: {}, phases: [...record.phases, failed] });
  }
  await finish({ observe: ports, journal }, session, `Closed by the reaper: ${reason}.`);
}
