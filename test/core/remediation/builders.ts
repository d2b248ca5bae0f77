import type { RemediationPolicy, System } from '../../../core/catalog/schema.ts';
import type { StoredRecord } from '../../../core/records/store.ts';
import { buildRemediation } from '../../../core/remediation/admission/admit.ts';
import { closedBreaker } from '../../../core/remediation/guardrails/breaker.ts';
import type { InstanceFacts } from '../../../core/remediation/ports.ts';
import type { Group, Remediation, Slot } from '../../../core/remediation/record.ts';
import type { CapturedVolume } from '../../../core/remediation/surroundings/capture.ts';
import type { AutoScalingGroupFacts, MemberFacts } from '../../../core/remediation/surroundings/member-ports.ts';
import type { RecoveryCapability } from '../../../core/remediation/surroundings/recovery-ports.ts';
import { GROUP } from './group-world.ts';
import { type TestStore, testHasher, testScope, webPolicy, webSystem } from './world.ts';

export const NOW = '2026-11-21T09:00:00.000Z';

/** Facts of a healthy web instance that is a day old. */
export function instanceFacts(changes: Partial<InstanceFacts> = {}): InstanceFacts {
  return {
    instanceId: 'i-0000000000000001',
    state: 'running',
    launchedAt: '2026-11-20T09:00:00.000Z',
    imageId: 'ami-v1',
    instanceType: 't3.micro',
    availabilityZone: 'eu-central-1a',
    subnetId: 'subnet-a',
    vpcId: 'vpc-1',
    securityGroupIds: ['sg-web'],
    securityGroupNames: ['shop-web'],
    lifecycle: 'on-demand',
    rootDeviceType: 'ebs',
    dataVolumeIds: [],
    tags: { 'perennial:system': 'shop-web', 'perennial:role': 'web' },
    ...changes,
  };
}

/** The root volume of such an instance, as it is captured. */
export function capturedVolume(changes: Partial<CapturedVolume> = {}): CapturedVolume {
  return {
    volumeId: 'vol-root',
    deviceName: '/dev/xvda',
    isRoot: true,
    deleteOnTermination: true,
    sizeGiB: 8,
    volumeType: 'gp3',
    encrypted: true,
    ...changes,
  };
}

/** A member that its Auto Scaling group counts as working. */
export function memberFacts(instanceId: string, changes: Partial<MemberFacts> = {}): MemberFacts {
  return { instanceId, availabilityZone: 'eu-central-1a', lifecycleState: 'InService', isHealthy: true, ...changes };
}

/** An Auto Scaling group in which nothing goes on. */
export function autoScalingGroup(changes: Partial<AutoScalingGroupFacts> = {}): AutoScalingGroupFacts {
  return { name: GROUP, minSize: 1, maxSize: 3, desiredCapacity: 1, suspendedProcesses: [], members: [], source: { kind: 'none' }, tags: {}, ...changes };
}

/** What a usual On-Demand instance can take. */
export const plainCapability: RecoveryCapability = {
  isRecoveredByEc2: true,
  recoveryReason: 'its type and configuration are supported',
  isBareMetal: false,
  hasProductCode: false,
  isManagedOnline: false,
  isTerminationProtected: false,
  isStopProtected: false,
};

export interface BuildOptions {
  readonly id?: string;
  readonly system?: System;
  readonly policy?: RemediationPolicy;
  readonly slotId?: string;
  readonly groupId?: string;
  readonly instanceId?: string;
  readonly attempt?: number;
  readonly at?: string;
  readonly trigger?: Partial<Remediation['trigger']>;
}

/** A remediation that has just been claimed, as the admission builds it. */
export function remediationOf(options: BuildOptions = {}, changes: Partial<Remediation> = {}): Remediation {
  const { id = 'rem-1', system = webSystem(), policy = webPolicy(), at = NOW } = options;
  const slot = { id: options.slotId ?? 'shop-web/1', groupId: options.groupId ?? 'shop-web/web', instanceId: options.instanceId ?? 'i-0000000000000001' };
  const trigger = { kind: 'instance.target-unhealthy', rule: 'target-health', fingerprint: 'f-1', at, summary: 'unhealthy', ...options.trigger };
  return {
    ...buildRemediation({ scope: testScope, hasher: testHasher }, { system, policy, slot, trigger, incidentId: 'inc-1' }, id, options.attempt ?? 1, at, 600),
    ...changes,
  };
}

export function slotOf(changes: Partial<Slot> = {}): Slot {
  return { id: 'shop-web/1', system: 'shop-web', groupId: 'shop-web/web', instanceId: 'i-0000000000000001', retiredInstanceIds: [], attempts: [], ...changes };
}

export function groupOf(changes: Partial<Group> = {}): Group {
  return { id: 'shop-web/web', inFlight: [], unhealthy: [], breaker: closedBreaker, ...changes };
}

/** Everything stored, in the order of keys; two worlds with equal dumps are the same. */
export function dump(store: TestStore): readonly StoredRecord[] {
  return store.snapshot().toSorted((left, right) => (JSON.stringify(left.key) < JSON.stringify(right.key) ? -1 : 1));
}
