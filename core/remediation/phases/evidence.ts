import { PermanentError, RetryableError } from '../../environment/errors.ts';
import { secondsBetween } from '../../environment/time.ts';
import { addTimelineEvent } from '../../incidents/incidents.ts';
import { tagKeys } from '../../inventory/records.ts';
import { maskOf } from '../../signals/mask.ts';
import { type EvidenceItem, evidenceItem, keepRecord } from '../evidence/evidence.ts';
import { hostScript, readHostReport } from '../evidence/host-tools.ts';
import type { ActPhase, ActPorts, PhaseContext, PhaseResult } from '../phase.ts';
import { bestCapture } from './capture.ts';

type Context = PhaseContext<ActPorts>;

/** What one source of evidence gave. `isWanted`: what is absent of it stops the repair where the policy requires evidence. */
interface Found {
  readonly items: readonly EvidenceItem[];
  readonly absent: readonly string[];
  readonly isWanted: boolean;
  readonly snapshotIds?: readonly string[];
}

/** The host has this long to answer; a sick one often never does. */
const HOST_SECONDS = 45;
const POLL_SECONDS = 2;

/** A throttle is waited for so long; then the repair goes on without that piece, unless the policy requires it. */
const PATIENCE_SECONDS = 90;

const absent = (what: string): Found => ({ items: [], absent: [what], isWanted: true });

/**
 * Takes what the old instance can still say before anything is done to it (design section 7, quarantine; S4-33): the console, the host's
 * own tools and error lines through Systems Manager, and a snapshot where the policy asks for one. What cannot be had is said.
 */
export const evidence: ActPhase = async (context) => {
  const { ports, session, policy } = context;
  const { oldInstanceId, phases } = session.record;
  if (phases.some(({ name, outcome }) => name === 'evidence' && outcome === 'done')) return { kind: 'done', reason: 'Kept before the first way was tried' };
  const instance = await ports.instances.read(oldInstanceId);
  if (instance === undefined || instance.state === 'terminated' || instance.state === 'shutting-down')
    return { kind: 'done', reason: `${oldInstanceId} is gone; there is nothing to collect` };
  const snapshot = policy.spec.snapshotEvidence ? await attempt(context, 'snapshot', () => beginSnapshot(context)) : undefined;
  const host = await attempt(context, 'host tools', () => askHost(context));
  if (host === 'waiting') return { kind: 'wait', seconds: POLL_SECONDS, reason: `${oldInstanceId} has not answered yet` };
  const console = await attempt(context, 'console output', () => readConsole(context));
  return keep(context, [console, host, ...(snapshot === undefined ? [] : [snapshot])]);
};

async function keep({ ports, session, policy, system }: Context, found: readonly Found[]): Promise<PhaseResult> {
  const { id, incidentId, oldInstanceId } = session.record;
  const mask = maskOf(system);
  const items = found.flatMap((piece) => piece.items).map((item) => ({ ...item, text: mask(item.text) }));
  const notHad = found.flatMap((piece) => piece.absent);
  const snapshotIds = found.flatMap((piece) => piece.snapshotIds ?? []);
  const at = ports.clock.now();
  await keepRecord(ports, { remediationId: id, incidentId, instanceId: oldInstanceId, collectedAt: at, items: [...items], absent: notHad, snapshotIds });
  const names = [...items.map(({ name }) => name), ...snapshotIds];
  const sentence = `${names.length === 0 ? 'Nothing could be kept' : `Kept: ${names.join(', ')}`}.${notHad.length === 0 ? '' : ` Not to be had: ${notHad.join(', ')}.`}`;
  await addTimelineEvent(ports, incidentId, {
    at,
    eventId: `${id}:evidence:${oldInstanceId}`,
    kind: 'evidence',
    text: `Evidence of ${oldInstanceId}. ${sentence}`,
  });
  const missing = found.filter((piece) => piece.isWanted).flatMap((piece) => piece.absent);
  if (policy.spec.evidenceRequired && missing.length > 0)
    return { kind: 'failed', reason: `The policy requires evidence before ${oldInstanceId} is touched; not to be had: ${missing.join(', ')}` };
  return { kind: 'done', reason: sentence };
}

/** Evidence that cannot be had is said; it stops a repair only where the policy requires it. A throttle is waited for, but not for ever. */
async function attempt<Result>(context: Context, what: string, collect: () => Promise<Result>): Promise<Result | Found> {
  try {
    return await collect();
  } catch (error) {
    const hasPatience = secondsBetween(context.session.record.phaseStartedAt, context.ports.clock.now()) < PATIENCE_SECONDS;
    if (error instanceof PermanentError || (error instanceof RetryableError && !hasPatience)) return absent(`${what} (${error.message})`);
    throw error;
  }
}

async function readConsole({ ports, session }: Context): Promise<Found> {
  const { consoleOutput, absent: notHad } = await ports.evidence.collect(session.record.oldInstanceId, ports.clock.now());
  const items = consoleOutput === undefined ? [] : [evidenceItem('console output', consoleOutput, 'end')];
  return { items, absent: notHad, isWanted: true };
}

/** An agent that does not answer is what a sick host looks like: said, but nothing that a policy can require. */
async function askHost({ ports, session, policy }: Context): Promise<Found | 'waiting'> {
  const { oldInstanceId, calls } = session.record;
  if (calls['evidence-command'] === undefined && !(await ports.commands.isOnline(oldInstanceId)))
    return { items: [], absent: ['host tools (Systems Manager does not reach the instance)'], isWanted: false };
  const { logFiles, accessLogs } = policy.spec;
  const files = { logFiles, accessLogs };
  const script = { name: 'perennial: read-only evidence', script: hostScript(files), timeoutSeconds: HOST_SECONDS };
  const { commandId } = await session.mutate('evidence-command', () => ports.commands.start(oldInstanceId, script));
  if (commandId === undefined) return absent('host tools (the command has no id)');
  const command = await ports.commands.read(oldInstanceId, commandId);
  if (command.state === 'ended') {
    const report = readHostReport(command.output, files);
    return { ...report, isWanted: report.items.length === 0 };
  }
  const since = session.record.calls['evidence-command']?.intentAt ?? ports.clock.now();
  return secondsBetween(since, ports.clock.now()) < HOST_SECONDS ? 'waiting' : absent(`host tools (no answer within ${HOST_SECONDS} s)`);
}

/** Begun is enough: a snapshot holds what was on the volume when it began (https://docs.aws.amazon.com/ebs/latest/userguide/ebs-snapshots.html). */
async function beginSnapshot(context: Context): Promise<Found> {
  const { ports, session } = context;
  const { id, incidentId, oldInstanceId, system } = session.record;
  // Of now: some paths keep the instance and have no capture.
  const volumeIds = ((await bestCapture(context))?.volumes ?? []).map(({ volumeId }) => volumeId);
  if (volumeIds.length === 0) return absent('snapshot (the instance has no volumes)');
  const tags = { [tagKeys.system]: system, [tagKeys.remediation]: id, [tagKeys.evidenceOf]: incidentId };
  const { snapshotIds = '' } = await session.mutate('evidence-snapshot', async () => {
    const taken = await ports.snapshots.take(oldInstanceId, volumeIds, tags);
    return { snapshotIds: taken.map(({ snapshotId }) => snapshotId).join(',') };
  });
  return snapshotIds === '' ? absent('snapshot (EC2 gave none)') : { items: [], absent: [], isWanted: true, snapshotIds: snapshotIds.split(',') };
}
