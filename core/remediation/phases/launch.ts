import type { System } from '../../catalog/schema.ts';
import { tagKeys } from '../../inventory/records.ts';
import type { Capture } from '../capture.ts';
import { InsufficientCapacityError, type LaunchRequest } from '../ports.ts';
import type { ActPhase, ActPorts, PhaseContext, PhaseResult } from '../phase.ts';
import type { Remediation } from '../record.ts';
import { bestCapture, storedCapture } from './capture.ts';

/** Tags of the replacement: what it had, and ours afresh. */
function tagsOf(record: Remediation, system: System, capture: Capture): Readonly<Record<string, string>> {
  return {
    ...capture.tags,
    [tagKeys.system]: record.system,
    [tagKeys.role]: system.spec.image.role,
    [tagKeys.slot]: record.slotId,
    [tagKeys.remediation]: record.id,
    ...(record.isDrill ? { [tagKeys.drill]: record.id } : {}),
  };
}

function launchRequest(record: Remediation, system: System, capture: Capture, imageId: string): LaunchRequest {
  return {
    remediationId: record.id,
    attempt: record.attempt,
    capture,
    imageId,
    tags: tagsOf(record, system, capture),
    ...(capture.userData === undefined ? {} : { userDataFrom: capture.instanceId }),
  };
}

/** Everything that could make the launch fail is asked before the old instance is touched. */
export const preflight: ActPhase = async (context) => {
  const { ports, session, system } = context;
  const { imageId } = session.record;
  if (imageId === undefined) return { kind: 'failed', reason: 'No image was chosen' };
  const [image, capture] = [await ports.images.describe(imageId), await bestCapture(context)];
  if (image === undefined) return { kind: 'failed', reason: `The image ${imageId} does not exist` };
  if (image.state !== 'available') return { kind: 'failed', reason: `The image ${imageId} is ${image.state}, not available` };
  if (capture === undefined) return { kind: 'failed', reason: `${session.record.oldInstanceId} is gone and no capture of it was kept` };
  if (image.architecture !== capture.architecture)
    return { kind: 'failed', reason: `The image is ${image.architecture}, the instance ${capture.architecture}` };
  const rehearsal = await ports.launcher.rehearse(launchRequest(session.record, system, capture, imageId));
  return rehearsal.kind === 'possible' ? { kind: 'done', reason: rehearsal.reason } : { kind: 'failed', reason: rehearsal.reason };
};

/** Launches the replacement, once: the client token and the tag make a repeated call find what an earlier one launched. */
export const launch: ActPhase = async (context) => {
  const { session, system, policy } = context;
  const { imageId } = session.record;
  if (imageId === undefined) return { kind: 'failed', reason: 'No image was chosen' };
  const capture = await storedCapture(context);
  const request = launchRequest(session.record, system, capture, imageId);
  const refusals: string[] = [];
  for (const instanceType of new Set([capture.instanceType, ...policy.spec.instanceTypes])) {
    const answer = await launchAs(context, request, instanceType);
    if (answer.instanceId !== undefined) return launched(context, capture, answer.instanceId, instanceType);
    if (answer.insufficient === undefined) return { kind: 'failed', reason: 'The launch gave no instance id' };
    refusals.push(`${instanceType}: ${answer.insufficient}`);
  }
  return { kind: 'failed', reason: `EC2 has no capacity in ${capture.availabilityZone}: ${refusals.join('; ')}` };
};

type LaunchAnswer = Readonly<Partial<Record<'instanceId' | 'insufficient', string>>>;

/**
 * A lack of capacity is an outcome like another: recorded, so that a step that is repeated does not try a type again after a later one
 * was launched. The zone stays, because volumes and interfaces are in it.
 */
function launchAs({ ports, session }: PhaseContext<ActPorts>, request: LaunchRequest, instanceType: string): Promise<LaunchAnswer> {
  const isCaptured = instanceType === request.capture.instanceType;
  return session.mutate(isCaptured ? 'launch' : `launch:${instanceType}`, async (): Promise<Record<string, string>> => {
    try {
      return { ...(await ports.launcher.launch(isCaptured ? request : { ...request, instanceType })) };
    } catch (error) {
      if (!(error instanceof InsufficientCapacityError)) throw error;
      return { insufficient: error.message };
    }
  });
}

function launched({ ports, session }: PhaseContext<ActPorts>, capture: Capture, instanceId: string, instanceType: string): PhaseResult {
  const { record } = session;
  const timing = { ...record.timing, launchedAt: record.timing.launchedAt ?? ports.clock.now() };
  const other = `the instance type ${capture.instanceType} (EC2 had no capacity for it; the replacement is ${instanceType})`;
  const differences = instanceType === capture.instanceType ? {} : { differences: [...record.differences, other] };
  return {
    kind: 'done',
    reason: `Launched ${instanceId} (${instanceType}) from ${record.imageId ?? 'its image'}`,
    patch: { newInstanceId: instanceId, timing, ...differences },
  };
}
