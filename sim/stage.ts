import { type CompiledCatalog, type RemediationPolicy, type System, policySchema, systemSchema } from '../core/catalog/schema.ts';
import type { Scope } from '../core/environment/ports.ts';
import { addSeconds } from '../core/environment/time.ts';
import { groupIdOf, slotIdOf } from '../core/inventory/classify.ts';
import { tagKeys } from '../core/inventory/records.ts';
import type { CapturedTarget } from '../core/remediation/capture.ts';
import { Dice, quickHash } from './random.ts';
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
}

export interface Stage {
  readonly name: string;
  /** The one in force at first, and those that deploys of Perennial publish later. */
  readonly catalogs: readonly [CompiledCatalog, ...CompiledCatalog[]];
  readonly instances: readonly StagedInstance[];
  /** Role → approved images, oldest first. */
  readonly images: Readonly<Record<string, readonly string[]>>;
}

export function imageOf(role: string, version: number): string {
  return `ami-${quickHash(`${role}${version}`).slice(0, 12)}`;
}

export function buildStage(size: StageSize, number: number): Stage {
  const dice = new Dice(number * 7919 + size.singleSystems * 31 + size.multipleSystems);
  const systems = [
    ...Array.from({ length: size.multipleSystems }, (_, index) => systemOf(dice, `fleet-${index + 1}`, 'multiple')),
    ...Array.from({ length: size.singleSystems }, (_, index) => systemOf(dice, `lone-${index + 1}`, 'single')),
  ];
  const instances = systems.flatMap((system) => membersOf(dice, system, size));
  const policies = systems.flatMap((system) => policyOf(dice, system, instances));
  const base = catalogOf(systems, policies);
  return {
    name: `${number}`,
    catalogs: [base, changedCatalog(dice, base), changedCatalog(dice, base)],
    instances: [...instances, ...Array.from({ length: size.foreignInstances }, (_, index) => foreignInstance(dice, index))],
    images: Object.fromEntries(roles.map((role) => [role, [imageOf(role, 1), imageOf(role, 2)]])),
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
        pendingSeconds: 60,
        healthCheckGraceSeconds: 900,
        drainSeconds: 30,
        healthyReads: 2,
        healthyReadIntervalSeconds: 30,
        statusPollSeconds: 30,
        runningPersistSeconds: 15,
        verifiedAfterSeconds: 90,
        cooldownSeconds: 300,
        launchDeadlineSeconds: 300,
        healthyDeadlineSeconds: 240,
        approvalExpiresSeconds: 600,
        evidenceRequired: dice.percent(30),
        caps: { maxInFlight: 4, maxStartsPerHour: 8, platformUnhealthySystems: 5 },
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

function catalogOf(systems: readonly System[], policies: readonly RemediationPolicy[]): CompiledCatalog {
  const hash = quickHash(JSON.stringify([systems.map(({ metadata }) => metadata.name), policies.map(({ spec }) => spec)]));
  return {
    formatVersion: 1,
    systems: [...systems],
    policies: [...policies],
    routes: [],
    objectives: [],
    services: [],
    provenance: { hash, commit: null, dirty: false },
  };
}

/** What a deploy changes in mid-repair: a system leaves, a policy goes or turns to dry-run, triggers and times change. */
function changedCatalog(dice: Dice, base: CompiledCatalog): CompiledCatalog {
  const leaving = dice.pick(base.systems)?.metadata.name;
  const policies = base.policies.flatMap((policy): readonly RemediationPolicy[] => {
    if (policy.spec.system === leaving || dice.percent(4)) return [];
    if (dice.percent(10)) return [{ ...policy, spec: { ...policy.spec, mode: 'dry-run' } }];
    if (dice.percent(15)) return [{ ...policy, spec: { ...policy.spec, triggers: ['instance.status-check'] } }];
    return dice.percent(20) ? [{ ...policy, spec: { ...policy.spec, pendingSeconds: 90, verifiedAfterSeconds: 120 } }] : [policy];
  });
  return catalogOf(
    base.systems.filter(({ metadata }) => metadata.name !== leaving),
    policies,
  );
}
