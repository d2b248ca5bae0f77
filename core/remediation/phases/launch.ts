import type { System } from '../../catalog/schema.ts';
import { PermanentError } from '../../environment/errors.ts';
import { tagKeys } from '../../inventory/records.ts';
import type { Capture } from '../surroundings/capture.ts';
import { InsufficientCapacityError, type LaunchRequest } from '../ports.ts';
import type { ActPhase, ActPorts, PhaseContext, PhaseResult } from '../phase.ts';
import type { Remediation } from '../record.ts';
import { storedCapture } from './capture.ts';

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

export function launchRequest(record: Remediation, system: System, capture: Capture, imageId: string): LaunchRequest {
  return {
    remediationId: record.id,
    attempt: record.attempt,
    capture,
    imageId,
    tags: tagsOf(record, system, capture),
    ...(capture.userData === undefined ? {} : { userDataFrom: capture.instanceId }),
  };
}

/** Launches the replacement, once: the client token and the tag make a repeated call find what an earlier one launched. */
export const launch: ActPhase = async (context) => {
  const { session, system, policy } = context;
  const { imageId, unfitTypes = [] } = session.record;
  if (imageId === undefined) return { kind: 'failed', reason: 'No image was chosen' };
  const capture = await storedCapture(context);
  const request = launchRequest(session.record, system, capture, imageId);
  const refusals: string[] = [];
  // A type that the image does not fit is refused for good, and would keep the others from being tried.
  for (const instanceType of typesToTry([capture.instanceType, ...policy.spec.instanceTypes], unfitTypes)) {
    const answer = await launchAs(context, request, instanceType);
    if (answer.instanceId !== undefined) return launched(context, capture, answer.instanceId, instanceType);
    if (answer.refused !== undefined) return { kind: 'failed', reason: answer.refused };
    if (answer.insufficient === undefined) return { kind: 'failed', reason: 'The launch gave no instance id' };
    refusals.push(`${instanceType}: ${answer.insufficient}`);
  }
  return { kind: 'failed', reason: `EC2 has no capacity in ${capture.availabilityZone}: ${refusals.join('; ')}` };
};

function typesToTry(types: readonly string[], unfit: readonly string[]): readonly string[] {
  return [...new Set(types)].filter((name) => !unfit.includes(name));
}

type LaunchAnswer = Readonly<Partial<Record<'instanceId' | 'insufficient' | 'refused', string>>>;

/**
 * A lack of capacity is an outcome like another: recorded, so that a step that is repeated does not try a type again after a later one
 * was launched. The zone stays, because volumes and interfaces are in it.
 */
function launchAs({ ports, session }: PhaseContext<ActPorts>, request: LaunchRequest, instanceType: string): Promise<LaunchAnswer> {
  const isCaptured = instanceType === request.capture.instanceType;
  const name = isCaptured ? 'launch' : `launch:${instanceType}`;
  return session.mutate(name, async (): Promise<Record<string, string>> => {
    try {
      return { ...(await ports.launcher.launch(isCaptured ? request : { ...request, instanceType })) };
    } catch (error) {
      if (error instanceof InsufficientCapacityError) return { insufficient: error.message };
      // A plain no to the first request: nothing was launched, and no withdrawal needs to wait for what it may have launched.
      if (error instanceof PermanentError && session.record.calls[name]?.attempt === 1) return { refused: error.message };
      throw error;
    }
  });
}

function launched({ ports, session }: PhaseContext<ActPorts>, capture: Capture, instanceId: string, instanceType: string): PhaseResult {
  const { record } = session;
  const timing = { ...record.timing, launchedAt: record.timing.launchedAt ?? ports.clock.now() };
  const why = record.unfitTypes?.includes(capture.instanceType) === true ? 'its image does not fit it' : 'EC2 had no capacity for it';
  const other = `the instance type ${capture.instanceType} (${why}; the replacement is ${instanceType})`;
  const differences = instanceType === capture.instanceType ? {} : { differences: [...record.differences, other] };
  return {
    kind: 'done',
    reason: `Launched ${instanceId} (${instanceType}) from ${record.imageId ?? 'its image'}`,
    patch: { newInstanceId: instanceId, timing, ...differences },
  };
}
