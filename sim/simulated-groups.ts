import { PermanentError } from '../core/environment/errors.ts';
import type { Clock } from '../core/environment/ports.ts';
import { addSeconds, type Timestamp } from '../core/environment/time.ts';
import { tagKeys } from '../core/inventory/records.ts';
import type { CapturedTarget } from '../core/remediation/capture.ts';
import type { AutoScalingGroupFacts, GroupChanger, GroupReader, MemberFacts, ScalingActivity } from '../core/remediation/member-ports.ts';
import type { ImageFacts, InstanceFacts, InstanceState } from '../core/remediation/ports.ts';

/** What groups do to a region. */
export interface GroupedRegion {
  find(instanceId: string): InstanceFacts | undefined;
  all(): readonly InstanceFacts[];
  findImage(imageId: string): ImageFacts | undefined;
  setState(instanceId: string, state: InstanceState, reason: string): void;
  addInstance(seed: {
    readonly instanceId: string;
    readonly imageId: string;
    readonly tags: Readonly<Record<string, string>>;
    readonly launchedAt: Timestamp;
    readonly availabilityZone: string;
    readonly targets: readonly CapturedTarget[];
  }): void;
}

export interface GroupSeed {
  readonly name: string;
  /** What its template launches. */
  readonly imageId?: string;
  readonly zones: readonly string[];
  readonly targets: readonly CapturedTarget[];
  /** Tags that its members are launched with, beside the group's own. */
  readonly memberTags: Readonly<Record<string, string>>;
  readonly minHealthyPercentage?: number;
}

interface Group {
  seed: GroupSeed;
  suspended: { readonly name: string; readonly reason: string }[];
  refreshes: { readonly refreshId: string; readonly status: string }[];
  launchFailure: string | undefined;
  readonly activities: ScalingActivity[];
  /** When the next members come into service, and where. */
  readonly pending: { readonly at: Timestamp; readonly zone: string }[];
}

const TERMINATE_SECONDS = 10;
const LAUNCH_SECONDS = 60;

/** Auto Scaling groups in memory: the fake of `core/remediation/member-ports.ts`. They end first and launch then, as groups do by default. */
export class SimulatedGroups {
  readonly #clock: Clock;
  readonly #region: GroupedRegion;
  readonly #groups = new Map<string, Group>();
  readonly #standby = new Set<string>();
  /** Marked members and when they end. */
  readonly #marked = new Map<string, Timestamp>();
  readonly completedHooks: { readonly hookName: string; readonly instanceId: string }[] = [];
  #launched = 0;

  constructor(clock: Clock, region: GroupedRegion) {
    this.#clock = clock;
    this.#region = region;
  }

  addGroup(seed: GroupSeed): void {
    this.#groups.set(seed.name, { seed, suspended: [], refreshes: [], launchFailure: undefined, activities: [], pending: [] });
  }

  suspend(groupName: string, process: string, reason: string): void {
    this.#need(groupName).suspended.push({ name: process, reason });
  }

  setRefreshes(groupName: string, refreshes: readonly { readonly refreshId: string; readonly status: string }[]): void {
    this.#need(groupName).refreshes = [...refreshes];
  }

  setTemplateImage(groupName: string, imageId: string): void {
    const group = this.#need(groupName);
    group.seed = { ...group.seed, imageId };
  }

  /** Launches fail with these words from now on; `undefined` ends it. */
  failLaunches(groupName: string, statusMessage: string | undefined): void {
    this.#need(groupName).launchFailure = statusMessage;
  }

  /** The members that were marked unhealthy or put into standby, in order. */
  readonly asked: string[] = [];

  #need(name: string): Group {
    const group = this.#groups.get(name);
    if (group === undefined) throw new PermanentError(`There is no Auto Scaling group ${name}.`);
    return group;
  }

  #membersOf(name: string): readonly InstanceFacts[] {
    return this.#region.all().filter(({ tags, state }) => tags[tagKeys.autoScalingGroup] === name && state !== 'terminated');
  }

  #settle(): void {
    const now = this.#clock.now();
    for (const [instanceId, endsAt] of this.#marked) {
      if (now < endsAt) continue;
      this.#marked.delete(instanceId);
      const name = this.#region.find(instanceId)?.tags[tagKeys.autoScalingGroup] ?? '';
      this.#region.setState(instanceId, 'terminated', 'Ended by its Auto Scaling group');
      this.#note(name, { kind: 'terminate', startedAt: endsAt, state: 'successful', instanceId, description: `Terminating EC2 instance: ${instanceId}` });
    }
    for (const [name, group] of this.#groups) for (const due of group.pending.filter(({ at }) => at <= now)) this.#launch(name, group, due);
  }

  #launch(name: string, group: Group, due: Group['pending'][number]): void {
    const { seed, launchFailure } = group;
    if (launchFailure !== undefined || seed.imageId === undefined) {
      if (!group.activities.some(({ state }) => state === 'failed'))
        this.#note(name, {
          kind: 'launch',
          startedAt: due.at,
          state: 'failed',
          description: 'Launching a new EC2 instance',
          statusMessage: launchFailure ?? 'no image',
        });
      return;
    }
    group.pending.splice(group.pending.indexOf(due), 1);
    this.#launched += 1;
    const instanceId = `i-${name}-${String(this.#launched).padStart(4, '0')}`;
    this.#region.addInstance({
      instanceId,
      imageId: seed.imageId,
      tags: { ...seed.memberTags, [tagKeys.autoScalingGroup]: name },
      launchedAt: due.at,
      availabilityZone: due.zone,
      targets: seed.targets,
    });
    this.#note(name, { kind: 'launch', startedAt: due.at, state: 'successful', instanceId, description: `Launching a new EC2 instance: ${instanceId}` });
  }

  #note(name: string, activity: Omit<ScalingActivity, 'activityId'>): void {
    const group = this.#groups.get(name);
    group?.activities.unshift({ activityId: `activity-${name}-${group.activities.length + 1}`, ...activity });
  }

  #factsOf(name: string, group: Group): AutoScalingGroupFacts {
    const members = this.#membersOf(name).map((facts) => this.#memberOf(facts));
    const { seed } = group;
    return {
      name,
      minSize: members.length,
      maxSize: members.length + 2,
      desiredCapacity: members.length,
      suspendedProcesses: group.suspended,
      members,
      source: seed.imageId === undefined ? { kind: 'none' } : { kind: 'launch-template', id: `lt-${name}`, version: '1' },
      ...(seed.minHealthyPercentage === undefined ? {} : { minHealthyPercentage: seed.minHealthyPercentage }),
      tags: seed.memberTags,
    };
  }

  #memberOf({ instanceId, availabilityZone, state }: InstanceFacts): MemberFacts {
    const isStandby = this.#standby.has(instanceId);
    const working = state === 'running' ? 'InService' : 'Terminating';
    return { instanceId, availabilityZone, lifecycleState: isStandby ? 'Standby' : working, isHealthy: !this.#marked.has(instanceId) };
  }

  readonly reader: GroupReader = {
    groupOf: async (instanceId) => {
      this.#settle();
      const facts = this.#region.find(instanceId);
      const name = facts?.state === 'terminated' ? undefined : facts?.tags[tagKeys.autoScalingGroup];
      const group = name === undefined ? undefined : this.#groups.get(name);
      return name === undefined || group === undefined ? undefined : this.#factsOf(name, group);
    },
    read: async (groupName) => {
      this.#settle();
      const group = this.#groups.get(groupName);
      return group === undefined ? undefined : this.#factsOf(groupName, group);
    },
    openRefreshes: async (groupName) => this.#need(groupName).refreshes,
    activities: async (groupName) => {
      this.#settle();
      return this.#need(groupName).activities.slice(0, 50);
    },
    launchImage: async ({ name }) => this.#need(name).seed.imageId,
  };

  readonly changer: GroupChanger = {
    rehearse: async ({ group }) => {
      const { launchFailure, seed } = this.#need(group.name);
      if (launchFailure !== undefined) return { kind: 'impossible', reason: launchFailure };
      const image = this.#region.findImage(seed.imageId ?? '');
      return image === undefined ? { kind: 'impossible', reason: 'InvalidAMIID.NotFound' } : { kind: 'possible', reason: 'The dry run passed' };
    },
    markUnhealthy: async (instanceId) => this.#mark(instanceId),
    enterStandby: async (groupName, instanceId) => {
      if (this.#standby.has(instanceId)) return;
      this.#ask(groupName, instanceId);
      this.#standby.add(instanceId);
    },
    completeLifecycleAction: async (_groupName, hookName, instanceId) => {
      this.completedHooks.push({ hookName, instanceId });
    },
  };

  #mark(instanceId: string): void {
    const facts = this.#region.find(instanceId);
    const name = facts?.tags[tagKeys.autoScalingGroup];
    if (name === undefined || this.#marked.has(instanceId) || facts?.state !== 'running') return;
    this.#ask(name, instanceId);
    this.#marked.set(instanceId, addSeconds(this.#clock.now(), TERMINATE_SECONDS));
  }

  #ask(groupName: string, instanceId: string): void {
    const zone = this.#region.find(instanceId)?.availabilityZone ?? 'none';
    this.asked.push(instanceId);
    this.#need(groupName).pending.push({ at: addSeconds(this.#clock.now(), LAUNCH_SECONDS), zone });
  }
}
