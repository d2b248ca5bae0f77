import {
  type CompiledCatalog,
  type MaintenanceWindow,
  type RemediationPolicy,
  type System,
  policySchema,
  systemSchema,
  windowSchema,
} from '../core/catalog/schema.ts';
import type { Scope } from '../core/environment/ports.ts';
import { addSeconds, type Timestamp } from '../core/environment/time.ts';
import { groupIdOf, slotIdOf } from '../core/inventory/classify.ts';
import { tagKeys } from '../core/inventory/records.ts';
import type { CapturedTarget } from '../core/remediation/surroundings/capture.ts';
import { Dice, quickHash } from './random.ts';
import type { AttachmentSeed } from './simulated-attachments.ts';
import type { GroupSeed } from './simulated-groups.ts';
import type { InstanceSeed } from './simulated-region.ts';

/** What stands before the play begins: catalog, fleet, images, alarms. The same for every run of the same stage. */

export const simulatedScope: Scope = { accountId: '111122223333', region: 'eu-central-1' };
export const START_MILLIS = Date.parse('2026-11-21T09:00:00.000Z');
const zones = ['eu-central-1a', 'eu-central-1b', 'eu-central-1c'] as const;
const roles = ['web', 'app', 'job'] as const;

/** How large a stage is; at least 100 instances. */
export interface StageSize {
  readonly multipleSystems: number;
  readonly fewestMembers: number;
  readonly mostMembers: number;
  readonly singleSystems: number;
  /** Instances that are not ours to touch: untagged, or tagged for a system of nobody's catalog. */
  readonly foreignInstances: number;
  /** Systems whose instances have what moves: data volumes, interfaces, Elastic IP addresses, DNS records, associations. */
  readonly keptSystems?: number;
  /** Systems whose policy has a ladder: restart, reboot, another root. */
  readonly ladderSystems?: number;
  /** Systems in an Auto Scaling group. */
  readonly groupedSystems?: number;
  /** Out of a hundred of these systems: those whose policy asks a person. */
  readonly askingPercent?: number;
  /** Systems that people work on for a while, at least half an hour after the beginning. */
  readonly windowedSystems?: number;
}

/** What makes an instance one that must be left alone, each with the guardrail that says so. */
export const oddities = ['none', 'uncorroborated', 'unknown-image', 'data-volume', 'spot', 'hold', 'young'] as const;
export type Oddity = (typeof oddities)[number];

export interface StagedInstance {
  readonly seed: InstanceSeed;
  readonly oddity: Oddity;
  /** Absent for those of others. */
  readonly place?: { readonly system: string; readonly groupId: string; readonly slotId: string };
  readonly alarmName?: string;
  readonly hasOwnAction: boolean;
  readonly attachments?: AttachmentSeed;
  /** Whether EC2 moves it to another host by itself, and whether its Systems Manager agent answers. */
  readonly capability?: { readonly isRecoveredByEc2: boolean; readonly isManagedOnline: boolean };
}

/** When people work on a system, as moments. */
export interface StagedWindow {
  readonly system: string;
  readonly from: Timestamp;
  readonly until: Timestamp;
}

export interface Stage {
  readonly name: string;
  /** The one in force at first, and those that deploys of Perennial publish later. */
  readonly catalogs: readonly [CompiledCatalog, ...CompiledCatalog[]];
  readonly instances: readonly StagedInstance[];
  /** Role → approved images, oldest first. */
  readonly images: Readonly<Record<string, readonly string[]>>;
  readonly groups: readonly GroupSeed[];
  readonly windows: readonly StagedWindow[];
}

export function imageOf(role: string, version: number): string {
  return `ami-${quickHash(`${role}${version}`).slice(0, 12)}`;
}

export function buildStage(size: StageSize, number: number): Stage {
  const dice = new Dice(number * 7919 + size.singleSystems * 31 + size.multipleSystems);
  const plainSystems = [
    ...Array.from({ length: size.multipleSystems }, (_, index) => systemOf(dice, `fleet-${index + 1}`, 'multiple')),
    ...Array.from({ length: size.singleSystems }, (_, index) => systemOf(dice, `lone-${index + 1}`, 'single')),
  ];
  const plainInstances = plainSystems.flatMap((system) => membersOf(dice, system, size));
  const plainPolicies = plainSystems.flatMap((system) => policyOf(dice, system, plainInstances));
  const special = buildSpecial(size, new Dice(number * 104_729 + 17));
  const systems = [...plainSystems, ...special.systems];
  const windows = windowsOf(size, systems);
  const base = catalogOf(systems, [...plainPolicies, ...special.policies], windows.map(windowDocument));
  const deployed = [changedCatalog(dice, base), changedCatalog(dice, base)] as const;
  const foreign = Array.from({ length: size.foreignInstances }, (_, index) => foreignInstance(dice, index));
  return {
    name: `${number}`,
    catalogs: [base, ...deployed],
    instances: [...plainInstances, ...special.instances, ...foreign],
    images: Object.fromEntries(roles.map((role) => [role, [imageOf(role, 1), imageOf(role, 2)]])),
    groups: special.groups,
    windows,
  };
}

function systemOf(dice: Dice, name: string, topology: System['spec']['topology']): System {
  const role = dice.pick(roles) ?? 'web';
  const hasTargets = topology === 'multiple' || dice.percent(70);
  return systemSchema.parse({
    apiVersion: 'perennial/v1',
    kind: 'System',
    metadata: { name },
    spec: {
      purpose: 'Simulated',
      impact: 'Simulated customers wait',
      owners: { owner: 'team-simulated' },
      environment: 'prod',
      topology,
      concurrencySafe: topology === 'single' && dice.percent(15),
      roles: [role],
      recovery: { rtoSeconds: dice.pick([300, 600, 1800]) ?? 600, rpoSeconds: 0, stateful: dice.percent(6) },
      access: { securityGroups: [`sg-${name}`] },
      targetGroups: hasTargets ? [name] : [],
      alarms: [`${name}-*`],
      image: { role },
    },
  });
}

/** Times that keep a run short: the rules do not know that they are simulated. */
const usualTimes = {
  pendingSeconds: 60,
  healthCheckGraceSeconds: 900,
  drainSeconds: 30,
  healthyReads: 2,
  healthyReadIntervalSeconds: 45,
  statusPollSeconds: 60,
  runningPersistSeconds: 15,
  verifiedAfterSeconds: 90,
  cooldownSeconds: 300,
  launchDeadlineSeconds: 300,
  healthyDeadlineSeconds: 240,
  approvalExpiresSeconds: 300,
  caps: { maxInFlight: 4, maxStartsPerHour: 8, platformUnhealthySystems: 5 },
} as const;

/** A policy for most systems, with times that keep a run short: the rules do not know that they are simulated. */
function policyOf(dice: Dice, system: System, instances: readonly StagedInstance[]): readonly RemediationPolicy[] {
  const { name } = system.metadata;
  if (dice.percent(6)) return [];
  const alarms = instances.filter(({ place, alarmName }) => place?.system === name && alarmName !== undefined).map(({ alarmName }) => ({ alarm: alarmName }));
  const builtIn = dice.pick([
    ['instance.status-check', 'instance.target-unhealthy'],
    ['instance.status-check', 'instance.target-unhealthy'],
    ['instance.status-check'],
  ]);
  return [
    policySchema.parse({
      apiVersion: 'perennial/v1',
      kind: 'RemediationPolicy',
      metadata: { name },
      spec: {
        system: name,
        mode: dice.pick(['auto', 'auto', 'auto', 'auto', 'auto', 'auto', 'auto', 'auto', 'approve', 'dry-run']),
        triggers: [...(builtIn ?? []), ...(dice.percent(75) ? alarms.slice(0, 40) : [])],
        ...usualTimes,
        evidenceRequired: dice.percent(30),
      },
    }),
  ];
}

function membersOf(dice: Dice, system: System, size: StageSize): readonly StagedInstance[] {
  const count = system.spec.topology === 'single' ? 1 : dice.between(size.fewestMembers, size.mostMembers);
  const hasAlarms = dice.percent(60);
  return Array.from({ length: count }, (_, index) => memberOf(dice, system, index, hasAlarms));
}

function memberOf(dice: Dice, system: System, index: number, hasAlarms: boolean): StagedInstance {
  const { name } = system.metadata;
  const { role } = system.spec.image;
  const oddity = dice.percent(14) ? (dice.pick(oddities) ?? 'none') : 'none';
  const instanceId = `i-${quickHash(`${name}/${index}`).slice(0, 10)}`;
  const schedule: Readonly<Record<string, string>> = dice.percent(20) ? { Schedule: 'office-hours' } : {};
  const tags = {
    [tagKeys.system]: name,
    [tagKeys.role]: role,
    Name: `${name}-${index}`,
    ...schedule,
    ...oddTags(oddity),
  };
  const targets: readonly CapturedTarget[] = system.spec.targetGroups.map((group) => ({ targetGroupArn: `arn:tg/${group}`, targetGroupName: group, port: 80 }));
  const availabilityZone = zones[index % zones.length] ?? zones[0];
  const launchedSecondsAgo = oddity === 'young' ? 30 : 86_400 * dice.between(1, 60);
  return {
    seed: {
      instanceId,
      imageId: oddity === 'unknown-image' ? 'ami-0123456789ab' : imageOf(role, dice.percent(70) ? 2 : 1),
      tags,
      launchedAt: addSeconds(new Date(START_MILLIS).toISOString(), -launchedSecondsAgo),
      availabilityZone,
      targets,
      instanceProfileArn: `arn:aws:iam::${simulatedScope.accountId}:instance-profile/${name}`,
      securityGroupNames: oddity === 'uncorroborated' ? ['default'] : [`sg-${name}`],
      ...oddHardware(oddity, instanceId),
    },
    oddity,
    place: {
      system: name,
      groupId: groupIdOf(name, role),
      slotId: slotIdOf({ instanceId, tags, availabilityZone: zones[index % zones.length] ?? zones[0] }, name),
    },
    hasOwnAction: dice.percent(10),
    ...(hasAlarms ? { alarmName: `${name}-${index}-errors` } : {}),
  };
}

function oddHardware(oddity: Oddity, instanceId: string): Pick<InstanceSeed, 'dataVolumeIds' | 'lifecycle'> {
  return { dataVolumeIds: oddity === 'data-volume' ? [`vol-${quickHash(instanceId).slice(0, 10)}`] : [], lifecycle: oddity === 'spot' ? 'spot' : 'on-demand' };
}

function oddTags(oddity: Oddity): Readonly<Record<string, string>> {
  return oddity === 'hold' ? { [tagKeys.hold]: 'somebody looks at it' } : {};
}

function foreignInstance(dice: Dice, index: number): StagedInstance {
  const instanceId = `i-${quickHash(`foreign/${index}`).slice(0, 10)}`;
  const tags: Readonly<Record<string, string>> = dice.percent(50) ? { Name: 'not-ours' } : { [tagKeys.system]: 'another-teams-system' };
  return {
    seed: { instanceId, imageId: 'ami-0123456789ab', tags, launchedAt: '2026-10-01T00:00:00.000Z', availabilityZone: zones[index % zones.length] ?? zones[0] },
    oddity: 'none',
    hasOwnAction: false,
  };
}

function catalogOf(systems: readonly System[], policies: readonly RemediationPolicy[], windows: readonly MaintenanceWindow[]): CompiledCatalog {
  const hash = quickHash(JSON.stringify([systems.map(({ metadata }) => metadata.name), policies.map(({ spec }) => spec)]));
  return {
    formatVersion: 1,
    systems: [...systems],
    policies: [...policies],
    routes: [],
    objectives: [],
    services: [],
    ...(windows.length === 0 ? {} : { windows: [...windows] }),
    provenance: { hash, commit: null, dirty: false },
  };
}

/** What a deploy changes in mid-repair: a system leaves, a policy goes or turns to dry-run, triggers and times change. */
function changedCatalog(dice: Dice, base: CompiledCatalog): CompiledCatalog {
  // Who leaves in mid-repair leaves what has moved where it is; that is another day's trouble.
  const leaving = dice.pick(base.systems.filter(({ metadata }) => /^(fleet|lone)-/.test(metadata.name)))?.metadata.name;
  const policies = base.policies.flatMap((policy): readonly RemediationPolicy[] => {
    if (policy.spec.system === leaving || dice.percent(4)) return [];
    if (dice.percent(10)) return [{ ...policy, spec: { ...policy.spec, mode: 'dry-run' } }];
    if (dice.percent(15)) return [{ ...policy, spec: { ...policy.spec, triggers: ['instance.status-check'] } }];
    return dice.percent(20) ? [{ ...policy, spec: { ...policy.spec, pendingSeconds: 90, verifiedAfterSeconds: 120 } }] : [policy];
  });
  return catalogOf(
    base.systems.filter(({ metadata }) => metadata.name !== leaving),
    policies,
    base.windows ?? [],
  );
}

// --- systems with more to lose, in stages that ask for them -------------------------------------------------------------------

interface Special {
  readonly systems: readonly System[];
  readonly policies: readonly RemediationPolicy[];
  readonly instances: readonly StagedInstance[];
  readonly groups: readonly GroupSeed[];
}

type SpecialKind = 'kept' | 'ladder' | 'asg';

function buildSpecial({ keptSystems = 0, ladderSystems = 0, groupedSystems = 0, askingPercent = 0 }: StageSize, dice: Dice): Special {
  const names = [
    ...Array.from({ length: keptSystems }, (_, index) => ({ kind: 'kept', index }) as const),
    ...Array.from({ length: ladderSystems }, (_, index) => ({ kind: 'ladder', index }) as const),
    ...Array.from({ length: groupedSystems }, (_, index) => ({ kind: 'asg', index }) as const),
  ];
  const built = names.map(({ kind, index }) => specialSystem(dice, kind, index, askingPercent));
  return {
    systems: built.map(({ system }) => system),
    policies: built.map(({ policy }) => policy),
    instances: built.flatMap(({ instances }) => instances),
    groups: built.flatMap(({ group }) => group ?? []),
  };
}

const specialSpec = {
  purpose: 'Simulated',
  impact: 'Simulated customers wait',
  owners: { owner: 'team-simulated' },
  environment: 'prod',
} as const;

interface BuiltSystem {
  readonly system: System;
  readonly policy: RemediationPolicy;
  readonly instances: readonly StagedInstance[];
  readonly group?: GroupSeed;
}

function specialSystem(dice: Dice, kind: SpecialKind, index: number, askingPercent: number): BuiltSystem {
  const name = `${kind}-${index + 1}`;
  const topology = kind === 'asg' || index % 3 === 0 ? 'multiple' : 'single';
  const role = dice.pick(roles) ?? 'web';
  // Every other one has data that moves; the rest has only what leads people to it.
  const hasData = kind === 'kept' && index % 2 === 0;
  const system = systemSchema.parse({
    apiVersion: 'perennial/v1',
    kind: 'System',
    metadata: { name },
    spec: {
      ...specialSpec,
      topology,
      roles: [role],
      recovery: { rtoSeconds: 1800, rpoSeconds: hasData ? 3600 : 0, stateful: hasData },
      access: { securityGroups: [`sg-${name}`] },
      targetGroups: topology === 'multiple' || dice.percent(60) ? [name] : [],
      hostedZones: kind === 'kept' ? [`${name}.test`] : [],
      alarms: [`${name}-*`],
      image: { role },
    },
  });
  const count = topology === 'single' ? 1 : dice.between(3, 5);
  const hasIdentity = dice.percent(40);
  const instances = Array.from({ length: count }, (_, member) => specialMember(dice, system, member, kind, hasData));
  const policy = specialPolicy(dice, name, kind, { hasIdentity, isAsking: dice.percent(askingPercent) });
  return { system, policy, instances, ...(kind === 'asg' ? { group: groupOf(dice, system, count) } : {}) };
}

function specialPolicy(
  dice: Dice,
  system: string,
  kind: SpecialKind,
  { hasIdentity, isAsking }: { readonly hasIdentity: boolean; readonly isAsking: boolean },
): RemediationPolicy {
  const ladder = dice.pick([
    ['restart', 'reboot', 'replace'],
    ['reboot', 'root-swap', 'replace'],
    ['restart', 'replace'],
    ['root-swap', 'replace'],
    ['reboot'],
  ]);
  return policySchema.parse({
    apiVersion: 'perennial/v1',
    kind: 'RemediationPolicy',
    metadata: { name: system },
    spec: {
      ...usualTimes,
      system,
      mode: isAsking ? 'approve' : 'auto',
      triggers: ['instance.status-check', 'instance.target-unhealthy'],
      snapshotDeadlineSeconds: 600,
      moveDeadlineSeconds: 300,
      nativeRecoverySeconds: 600,
      stepDeadlineSeconds: 180,
      memberReplacement: dice.pick(['mark-unhealthy', 'standby']),
      ...(kind === 'ladder' ? { ladder, keepIdentity: hasIdentity, restartProcess: { service: 'simulated' } } : {}),
      caps: { ...usualTimes.caps, ...(kind === 'asg' ? { maxInFlightPercent: 34 } : { maxAttemptsPerDay: 2 }) },
    },
  });
}

function specialMember(dice: Dice, system: System, index: number, kind: SpecialKind, hasData: boolean): StagedInstance {
  const { name } = system.metadata;
  const { role } = system.spec.image;
  const instanceId = `i-${quickHash(`${name}/${index}`).slice(0, 10)}`;
  const availabilityZone = zones[index % zones.length] ?? zones[0];
  const tags = { [tagKeys.system]: name, [tagKeys.role]: role, Name: `${name}-${index}`, ...(kind === 'asg' ? { [tagKeys.autoScalingGroup]: name } : {}) };
  const attachments = kind === 'kept' ? attachmentsOf(dice, name, index, hasData) : undefined;
  return {
    seed: {
      instanceId,
      imageId: imageOf(role, 2),
      tags,
      launchedAt: addSeconds(new Date(START_MILLIS).toISOString(), -86_400 * dice.between(1, 60)),
      availabilityZone,
      targets: system.spec.targetGroups.map((group) => ({ targetGroupArn: `arn:tg/${group}`, targetGroupName: group, port: 80 })),
      instanceProfileArn: `arn:aws:iam::${simulatedScope.accountId}:instance-profile/${name}`,
      securityGroupNames: [`sg-${name}`],
    },
    oddity: 'none',
    place: { system: name, groupId: groupIdOf(name, role), slotId: slotIdOf({ instanceId, tags, availabilityZone }, name) },
    hasOwnAction: false,
    ...(attachments === undefined ? {} : { attachments }),
    ...(kind === 'ladder' ? { capability: { isRecoveredByEc2: dice.percent(70), isManagedOnline: dice.percent(80) } } : {}),
  };
}

/** A part of everything that can move, never nothing. The DNS record is given the address once the instance has one. */
function attachmentsOf(dice: Dice, name: string, index: number, hasData: boolean): AttachmentSeed {
  const id = quickHash(`${name}/${index}/things`).slice(0, 8);
  const [hasInterface, hasAddress, hasRecord] = [dice.percent(50), dice.percent(60), dice.percent(60)];
  return {
    volumes: hasData ? [{ volumeId: `vol-${id}`, deviceName: '/dev/sdf', deleteOnTermination: dice.percent(50) }] : [],
    interfaces: hasInterface ? [{ networkInterfaceId: `eni-${id}`, deviceIndex: 1, privateIpAddresses: [`10.1.${index}.9`], deleteOnTermination: true }] : [],
    elasticIps: hasAddress ? [{ allocationId: `eipalloc-${id}`, publicIpAddress: `198.51.100.${(Number.parseInt(id.slice(0, 4), 16) % 250) + 1}` }] : [],
    records: hasRecord ? [{ zoneName: `${name}.test`, name: `host-${index}.${name}.test`, type: 'A', values: [] }] : [],
    associations: [{ associationId: `association-${id}`, documentName: 'Patch' }],
  };
}

function groupOf(dice: Dice, { metadata: { name }, spec }: System, count: number): GroupSeed {
  return {
    name,
    imageId: imageOf(spec.image.role, 2),
    zones: [...zones],
    targets: spec.targetGroups.map((group) => ({ targetGroupArn: `arn:tg/${group}`, targetGroupName: group, port: 80 })),
    memberTags: { [tagKeys.system]: name, [tagKeys.role]: spec.image.role },
    desiredCapacity: count,
    securityGroupNames: [`sg-${name}`],
    ...(dice.percent(50) ? { minHealthyPercentage: 90 } : {}),
  };
}

/** Two a stage: one that opens soon and one that opens late. Cron knows minutes only. */
function windowsOf({ windowedSystems = 0 }: StageSize, systems: readonly System[]): readonly StagedWindow[] {
  const chosen = systems.filter((_, index) => index % 2 === 0).slice(0, windowedSystems);
  return chosen.map(({ metadata }, index) => {
    const opens = START_MILLIS + (index % 2 === 0 ? 120_000 : 1_500_000);
    return { system: metadata.name, from: new Date(opens).toISOString(), until: new Date(opens + WINDOW_MINUTES * 60_000).toISOString() };
  });
}

const WINDOW_MINUTES = 25;

function windowDocument({ system, from }: StagedWindow): MaintenanceWindow {
  const at = new Date(from);
  return windowSchema.parse({
    apiVersion: 'perennial/v1',
    kind: 'MaintenanceWindow',
    metadata: { name: `work-on-${system}` },
    spec: {
      systems: [system],
      schedule: `${at.getUTCMinutes()} ${at.getUTCHours()} ${at.getUTCDate()} ${at.getUTCMonth() + 1} *`,
      durationMinutes: WINDOW_MINUTES,
      author: 'an operator',
    },
  });
}
