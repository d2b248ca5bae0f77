import type { System } from '../../catalog/schema.ts';
import { tagKeys } from '../../inventory/records.ts';
import type { Capture } from '../capture.ts';
import type { LaunchRequest } from '../ports.ts';
import type { ActPhase } from '../phase.ts';
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
  const { ports, session, system } = context;
  const { imageId } = session.record;
  if (imageId === undefined) return { kind: 'failed', reason: 'No image was chosen' };
  const capture = await storedCapture(context);
  const { instanceId } = await session.mutate('launch', () => ports.launcher.launch(launchRequest(session.record, system, capture, imageId)));
  if (instanceId === undefined) return { kind: 'failed', reason: 'The launch gave no instance id' };
  const timing = { ...session.record.timing, launchedAt: session.record.timing.launchedAt ?? ports.clock.now() };
  return { kind: 'done', reason: `Launched ${instanceId} from ${imageId}`, patch: { newInstanceId: instanceId, timing } };
};
