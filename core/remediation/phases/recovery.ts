import { PermanentError } from '../../environment/errors.ts';
import { addSeconds, secondsBetween } from '../../environment/time.ts';
import { tagKeys } from '../../inventory/records.ts';
import { nativeRecoveryUntil } from '../paths/path-choice.ts';
import type { InstanceStatus, TargetHealth } from '../ports.ts';
import type { ActPhase, ObservePhase, ObservePorts, PhaseContext, PhaseResult } from '../phase.ts';
import type { Remediation } from '../record.ts';
import type { RootSwap } from '../surroundings/recovery-ports.ts';
import { keptRootCall } from '../paths/kept-root.ts';
import { describeTargets, inServicePatch, targetsTrouble, verification } from './targets.ts';

/*
 * The gentler ways to repair: the instance stays, and what triggered must be gone afterwards. A step that does not help in its time
 * fails, which takes the next step of the ladder (S0-15, S4-18).
 */

const areChecksOk = (status: InstanceStatus | undefined): boolean => status?.system === 'ok' && status.instance === 'ok';

const checksText = (status: InstanceStatus | undefined): string =>
  status === undefined ? 'EC2 reports no status' : `status checks: system ${status.system}, instance ${status.instance}`;

/** EC2 moves the instance to another host by itself; ends when both checks pass again, at the latest with the time it is given. */
export const awaitNativeRecovery: ObservePhase = async ({ ports, session, policy }) => {
  const { oldInstanceId, memory } = session.record;
  const [instance, status] = [await ports.instances.read(oldInstanceId), await ports.instances.readStatus(oldInstanceId)];
  if (instance === undefined || instance.state === 'terminated') return { kind: 'failed', reason: `${oldInstanceId} is ${instance?.state ?? 'gone'}` };
  if (areChecksOk(status)) return { kind: 'done', reason: `EC2 has recovered ${oldInstanceId}: both status checks pass again` };
  const now = ports.clock.now();
  // The moment is kept: while it is recovered its checks may begin anew.
  const until = typeof memory['until'] === 'string' ? memory['until'] : nativeRecoveryUntil(status, policy.spec, now);
  const leftSeconds = secondsBetween(now, until);
  if (leftSeconds <= 0) return { kind: 'failed', reason: `EC2 has not recovered it by ${until}; ${checksText(status)}` };
  return {
    kind: 'wait',
    seconds: Math.min(policy.spec.statusPollSeconds, leftSeconds),
    reason: `EC2 may recover it until ${until}; ${checksText(status)}`,
    memory: { until },
  };
};

/** Restarts the service once: the command is sent again only if nobody knows whether it was. */
export const restartProcess: ActPhase = async ({ ports, session, policy }) => {
  const { id, oldInstanceId } = session.record;
  const { restartProcess: declared } = policy.spec;
  if (declared === undefined) return { kind: 'failed', reason: 'The policy does not declare restartProcess any more' };
  const { commandId } = await session.mutate('restart-process', () =>
    ports.processRestarter.restart({
      remediationId: id,
      instanceId: oldInstanceId,
      service: declared.service,
      ...(declared.document === undefined ? {} : { document: declared.document }),
    }),
  );
  if (commandId === undefined) return { kind: 'failed', reason: 'Systems Manager gave no command id' };
  const outcome = await ports.processRestarter.outcome(commandId, oldInstanceId);
  const told = `Command ${commandId} restarts ${declared.service} on ${oldInstanceId}`;
  if (outcome === undefined || outcome.state === 'running') return { kind: 'wait', seconds: policy.spec.statusPollSeconds, reason: `${told}: under way` };
  return outcome.state === 'succeeded'
    ? { kind: 'done', reason: `${told}: ${outcome.detail}` }
    : { kind: 'failed', reason: `${told}: failed: ${outcome.detail}` };
};

export const reboot: ActPhase = async ({ ports, session }) => {
  const { oldInstanceId } = session.record;
  await session.mutate('reboot', () => ports.rebooter.reboot(oldInstanceId).then(() => undefined));
  return { kind: 'done', reason: `Asked EC2 to reboot ${oldInstanceId}` };
};

/** A new root from the image that a replacement would be launched from; the old root is kept. */
export const swapRoot: ActPhase = async ({ ports, session }) => {
  const { id, attempt, oldInstanceId, imageId, timing } = session.record;
  if (imageId === undefined) return { kind: 'failed', reason: 'No image was chosen' };
  // A reading, kept like a call: once the root is new nobody says which one it was before.
  await session.mutate('old-root', async () => {
    const volumeId = await ports.rootSwapper.rootVolumeOf(oldInstanceId);
    return volumeId === undefined ? undefined : { volumeId };
  });
  const { taskId } = await session.mutate('swap-root', () => ports.rootSwapper.swap({ remediationId: id, attempt, instanceId: oldInstanceId, imageId }));
  if (taskId === undefined) return { kind: 'failed', reason: 'EC2 gave no id of the task' };
  return {
    kind: 'done',
    reason: `${taskId} replaces the root of ${oldInstanceId} from ${imageId}`,
    patch: { timing: { ...timing, launchedAt: ports.clock.now() } },
  };
};

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/replace-root.html: what the end of a task means. */
const swapEndings = {
  pending: undefined,
  'in-progress': undefined,
  failing: undefined,
  succeeded: 'its root is new',
  failed: 'it failed, and the old root is still attached',
  'failed-detached': 'it failed with no root attached: the instance cannot start any more and must be replaced as a whole',
} as const satisfies Record<RootSwap['state'], string | undefined>;

export const awaitSwap: ObservePhase = async ({ ports, session, policy }) => {
  const { calls, differences, imageId } = session.record;
  const taskId = calls['swap-root']?.result?.['taskId'];
  if (taskId === undefined) return { kind: 'failed', reason: 'No task that replaces the root was begun' };
  const task = await ports.recovery.rootSwap(taskId);
  const ending = task === undefined ? undefined : swapEndings[task.state];
  if (ending === undefined) return { kind: 'wait', seconds: policy.spec.statusPollSeconds, reason: `${taskId} is ${task?.state ?? 'not listed yet'}` };
  if (task?.state !== 'succeeded') return { kind: 'failed', reason: `${taskId}: ${ending}` };
  const lost = `its root volume: a new one from ${imageId ?? 'the image'}, the old one is kept detached; user data may not have run again`;
  return { kind: 'done', reason: `${taskId}: ${ending}`, patch: { differences: [...differences.filter((difference) => difference !== lost), lost] } };
};

/**
 * Tags the root that was replaced with the remediation and the end of its quarantine, so that the reaper can tell whose it is. The
 * instance is repaired either way: a tag that cannot be set is told, and fails nothing.
 */
export const keepRoot: ActPhase = async ({ ports, session, policy }) => {
  const { id, calls, differences } = session.record;
  const volumeId = calls['old-root']?.result?.['volumeId'];
  const untagged = (why: string): PhaseResult => {
    const note = `the root volume ${volumeId ?? 'that was replaced'} is kept without a tag (${why}): delete it by hand once nobody needs it`;
    return { kind: 'done', reason: note, patch: { differences: [...differences.filter((known) => known !== note), note] } };
  };
  if (volumeId === undefined) return untagged('its id is not known');
  const until = addSeconds(ports.clock.now(), policy.spec.quarantineHours * 3600);
  try {
    await session.mutate(keptRootCall(volumeId), () =>
      ports.rootSwapper.keep(volumeId, { [tagKeys.remediation]: id, [tagKeys.quarantineUntil]: until }).then(() => undefined),
    );
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    return untagged(error.message);
  }
  return { kind: 'done', reason: `${volumeId} is kept as evidence for ${policy.spec.quarantineHours} h` };
};

interface Recovery {
  /** What is still wrong; `undefined` when nothing is. */
  readonly trouble: string | undefined;
  readonly healthy: string;
}

/** What triggered must be gone, and what shows service must show it: silence is no success. */
async function readRecovery({ ports, session, system }: PhaseContext<ObservePorts>): Promise<Recovery> {
  const { oldInstanceId } = session.record;
  const [instance, status, targets, alarm] = await Promise.all([
    ports.instances.read(oldInstanceId),
    ports.instances.readStatus(oldInstanceId),
    registeredTargets(ports, system.spec.targetGroups, oldInstanceId),
    alarmTrouble(ports, session.record),
  ]);
  const running = instance?.state === 'running' ? undefined : `${oldInstanceId} is ${instance?.state ?? 'gone'}`;
  const checks = areChecksOk(status) ? undefined : checksText(status);
  return { trouble: running ?? checks ?? targetTrouble(session.record, targets) ?? alarm, healthy: describeTargets(targets) };
}

export async function registeredTargets(ports: ObservePorts, targetGroups: readonly string[], instanceId: string): Promise<readonly TargetHealth[]> {
  return (await ports.targets.registered(targetGroups)).filter((target) => target.instanceId === instanceId);
}

function targetTrouble({ trigger }: Remediation, targets: readonly TargetHealth[]): string | undefined {
  if (targets.length === 0) return trigger.kind === 'instance.target-unhealthy' ? 'it is in no target group any more' : undefined;
  return targetsTrouble(targets);
}

async function alarmTrouble({ alarms }: ObservePorts, { trigger }: Remediation): Promise<string | undefined> {
  if (trigger.alarmName === undefined) return undefined;
  const alarm = (await alarms.read([trigger.alarmName]))[0];
  return alarm?.state === 'OK' ? undefined : `the alarm ${trigger.alarmName} is ${alarm?.state ?? 'gone'}`;
}

/** The same instance serves again: several good reads in a row, like for a new one. */
export const awaitRecovered: ObservePhase = async (context) => {
  const { ports, session, policy } = context;
  const { memory, oldInstanceId } = session.record;
  const { trouble, healthy } = await readRecovery(context);
  const reads = trouble === undefined ? Number(memory['healthyReads'] ?? 0) + 1 : 0;
  const wanted = policy.spec.healthyReads;
  if (reads < wanted)
    return {
      kind: 'wait',
      seconds: policy.spec.healthyReadIntervalSeconds,
      reason: `${reads} of ${wanted} good reads${trouble === undefined ? '' : `: ${trouble}`}`,
      memory: { healthyReads: reads },
    };
  const seen = healthy === '' ? 'both status checks pass' : healthy;
  return { kind: 'done', reason: `${oldInstanceId} serves again, seen ${reads} times in a row: ${seen}`, patch: inServicePatch(context, ports.clock.now()) };
};

/** Sees whoever holds the slot now serve for the verification time. */
export const verifyServing: ObservePhase = async (context) => {
  const { ports, session, system } = context;
  const instanceId = session.record.newInstanceId ?? session.record.oldInstanceId;
  const instance = await ports.instances.read(instanceId);
  if (instance?.state !== 'running') return notRunning(instanceId, instance?.state, instance?.stateReason);
  return verification(context, instanceId, targetsTrouble(await registeredTargets(ports, system.spec.targetGroups, instanceId)));
};

const notRunning = (instanceId: string, state: string | undefined, reason: string | undefined): PhaseResult => ({
  kind: 'failed',
  reason: `${instanceId} is ${state ?? 'gone'} during verification: ${reason ?? 'no reason given'}`,
});
