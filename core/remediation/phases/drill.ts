import { tagKeys } from '../../inventory/records.ts';
import type { Capture } from '../surroundings/capture.ts';
import type { ActPhase, ObservePhase } from '../phase.ts';
import { awaitRunningInstance } from './running.ts';

/** What the copy gets: what the launch itself needs. Nothing that serves, and nothing that can be had only once. */
function throwawayOf(capture: Capture): Capture {
  const { privateIpAddress: _address, primaryInterface: _primary, secondaryInterfaces: _secondary, elasticIps: _elastic, ...rest } = capture;
  const { dnsRecords: _records, associations: _associations, ...plain } = rest;
  return { ...plain, targets: [], volumes: capture.volumes.filter(({ isRoot }) => isRoot), terminationProtection: false, stopProtection: false };
}

/** Tags of the copy: the model's own, and ours, by which everybody knows that it is no member of anything. */
function throwawayTags(
  capture: Capture,
  record: { readonly id: string; readonly system: string; readonly slotId: string },
  role: string,
): Readonly<Record<string, string>> {
  return {
    ...capture.tags,
    [tagKeys.system]: record.system,
    [tagKeys.role]: role,
    [tagKeys.slot]: record.slotId,
    [tagKeys.remediation]: record.id,
    [tagKeys.drill]: record.id,
  };
}

/** Launches a copy of the model from the model's own image: the instance that this drill may break. */
export const launchThrowaway: ActPhase = async ({ ports, session, system }) => {
  const { record } = session;
  const modelId = record.drill?.modelInstanceId;
  const capture = modelId === undefined ? undefined : await ports.captures.capture(modelId, system.spec.targetGroups, ports.clock.now());
  if (capture === undefined) return { kind: 'failed', reason: `The member to copy, ${modelId ?? 'none'}, is gone` };
  const { instanceId } = await session.mutate('launch-throwaway', () =>
    ports.launcher.launch({
      remediationId: record.id,
      // The replacement has attempt 1 and more: both launches of a drill have tokens of their own.
      attempt: 0,
      capture: throwawayOf(capture),
      imageId: capture.imageId,
      tags: throwawayTags(capture, record, system.spec.image.role),
      ...(capture.userData === undefined ? {} : { userDataFrom: capture.instanceId }),
    }),
  );
  if (instanceId === undefined) return { kind: 'failed', reason: 'The launch gave no instance id' };
  return { kind: 'done', reason: `Launched ${instanceId}, a copy of ${capture.instanceId}, from ${capture.imageId}`, patch: { oldInstanceId: instanceId } };
};

export const awaitThrowaway: ObservePhase = (context) => awaitRunningInstance(context, context.session.record.oldInstanceId);
