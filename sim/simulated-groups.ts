import { PermanentError } from '../core/environment/errors.ts';
import type { Clock } from '../core/environment/ports.ts';
import { present } from '../core/environment/present.ts';
import { addSeconds, type Timestamp } from '../core/environment/time.ts';
import { tagKeys } from '../core/inventory/records.ts';
import type { CapturedTarget } from '../core/remediation/surroundings/capture.ts';
import type {
  AutoScalingGroupFacts,
  GroupChanger,
  GroupReader,
  LifecycleHook,
  MemberFacts,
  ScalingActivity,
} from '../core/remediation/surroundings/member-ports.ts';
import type { ImageFacts, InstanceFacts, InstanceState, TargetRegistrar } from '../core/remediation/ports.ts';
import type { MemberReleaser } from '../core/remediation/reaper/reaping-ports.ts';

/** What groups do to a region. */
export interface GroupedRegion {
  readonly registrar: TargetRegistrar;
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
    readonly securityGroupNames?: readonly string[];
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
  readonly hooks?: readonly LifecycleHook[];
  /** How many it keeps alive by itself; without it, it replaces only what it is asked to. */
  readonly desiredCapacity?: number;
  readonly securityGroupNames?: readonly string[];
}

interface Group {
  seed: GroupSeed;
  suspended: { readonly name: string; readonly reason: string }[];
  refreshes: { readonly refreshId: string; readonly status: string }[];
  launchFailure: string | undefined;
  readonly activities: ScalingActivity[];
  /** When the next members come into service, and where. */
  readonly pending: { readonly at: Timestamp; readonly zone: string; readonly instead?: string }[];
}

const TERMINATE_SECONDS = 10;
const LAUNCH_SECONDS = 60;

/** Auto Scaling groups in memory: the fake of `core/remediation/surroundings/member-ports.ts`. They end first and launch then, as groups do by default. */
export class SimulatedGroups {
  readonly #clock: Clock;
  readonly #region: GroupedRegion;
  readonly #groups = new Map<string, Group>();
  readonly #standby = new Set<string>();
  /** Marked members and when they end. */
  readonly #marked = new Map<string, Timestamp>();
  /** Launched members that wait at a hook before they come into service. */
  readonly #warming = new Set<string>();
  readonly #detached = new Set<string>();
  readonly #passedHooks = new Set<string>();
  /** What was completed through the port, in order. */
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

  addHook(groupName: string, hook: LifecycleHook): void {
    const group = this.#need(groupName);
    group.seed = { ...group.seed, hooks: [...(group.seed.hooks ?? []), hook] };
  }

  /** Whoever put the hook there completes it for this member. */
  async passHook(groupName: string, hookName: string, instanceId: string): Promise<boolean> {
    this.#settle();
    const facts = this.#region.find(instanceId);
    const isWaiting = facts !== undefined && this.#openHooks(groupName, facts).some(({ name }) => name === hookName);
    if (!isWaiting) return false;
    this.#passedHooks.add(`${hookName} ${instanceId}`);
    if (this.#warming.has(instanceId) && this.#openHooks(groupName, facts).length === 0) {
      this.#warming.delete(instanceId);
      await this.#region.registrar.register(instanceId, this.#need(groupName).seed.targets);
    }
    return true;
  }

  /** The hooks at which it waits now. */
  #openHooks(groupName: string, { instanceId }: Pick<InstanceFacts, 'instanceId'>): readonly LifecycleHook[] {
    const endsAt = this.#marked.get(instanceId);
    const isEnding = endsAt !== undefined && this.#clock.now() >= endsAt;
    const launching = this.#warming.has(instanceId) ? 'launching' : undefined;
    const transition = isEnding ? 'terminating' : launching;
    const hooks = this.#groups.get(groupName)?.seed.hooks ?? [];
    return hooks.filter((hook) => hook.transition === transition && !this.#passedHooks.has(`${hook.name} ${instanceId}`));
  }

  /** As a person does by hand, or whoever takes a member away for good. */
  setDesiredCapacity(groupName: string, desiredCapacity: number): void {
    const group = this.#need(groupName);
    group.seed = { ...group.seed, desiredCapacity };
  }

  desiredCapacityOf(groupName: string): number | undefined {
    return this.#groups.get(groupName)?.seed.desiredCapacity;
  }

  /** Why nothing can be asked of it at this moment, for judges. */
  obstacleOf(groupName: string): string | undefined {
    const { refreshes, suspended, launchFailure } = this.#need(groupName);
    if (refreshes.length > 0) return 'it refreshes its instances';
    if (suspended.length > 0) return 'it has suspended processes';
    return launchFailure;
  }

  /** As the group does itself after a health check of its own. */
  markByItself(instanceId: string): void {
    this.#mark(instanceId);
  }

  /** The members that were marked unhealthy or put into standby, in order. */
  readonly asked: string[] = [];

  #need(name: string): Group {
    const group = this.#groups.get(name);
    if (group === undefined) throw new PermanentError(`There is no Auto Scaling group ${name}.`);
    return group;
  }

  #membersOf(name: string): readonly InstanceFacts[] {
    return this.#region
      .all()
      .filter(({ tags, state }) => tags[tagKeys.autoScalingGroup] === name && state !== 'terminated')
      .filter(({ instanceId }) => !this.#detached.has(instanceId));
  }

  #settle(): void {
    const now = this.#clock.now();
    for (const [instanceId, endsAt] of this.#marked) {
      const name = this.#region.find(instanceId)?.tags[tagKeys.autoScalingGroup] ?? '';
      if (now < endsAt || this.#openHooks(name, { instanceId }).length > 0) continue;
      this.#marked.delete(instanceId);
      this.#region.setState(instanceId, 'terminated', 'Ended by its Auto Scaling group');
      this.#note(name, { kind: 'terminate', startedAt: endsAt, state: 'successful', instanceId, description: `Terminating EC2 instance: ${instanceId}` });
    }
    for (const [name, group] of this.#groups) {
      this.#keepCapacity(name, group);
      // A group launches once the old one has ended.
      for (const due of group.pending.filter(({ at, instead }) => at <= now && !(instead !== undefined && this.#marked.has(instead))))
        this.#launch(name, group, due);
    }
  }

  /** It notices what ended without its doing. */
  #keepCapacity(name: string, { seed: { desiredCapacity, zones }, pending }: Group): void {
    if (desiredCapacity === undefined) return;
    const alive = this.#membersOf(name).filter(({ instanceId }) => !this.#standby.has(instanceId) && !this.#marked.has(instanceId)).length;
    for (let missing = desiredCapacity - alive - pending.length; missing > 0; missing -= 1)
      pending.push({ at: addSeconds(this.#clock.now(), LAUNCH_SECONDS), zone: zones[missing % zones.length] ?? 'none', instead: '' });
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
    const isHeld = (seed.hooks ?? []).some(({ transition }) => transition === 'launching');
    this.#region.addInstance({
      instanceId,
      imageId: seed.imageId,
      tags: { ...seed.memberTags, [tagKeys.autoScalingGroup]: name },
      launchedAt: due.at,
      availabilityZone: due.zone,
      targets: isHeld ? [] : seed.targets,
      ...(seed.securityGroupNames === undefined ? {} : { securityGroupNames: seed.securityGroupNames }),
    });
    if (isHeld) this.#warming.add(instanceId);
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
      desiredCapacity: seed.desiredCapacity ?? members.length,
      suspendedProcesses: group.suspended,
      members,
      source: seed.imageId === undefined ? { kind: 'none' } : { kind: 'launch-template', id: `lt-${name}`, version: '1' },
      ...(seed.minHealthyPercentage === undefined ? {} : { minHealthyPercentage: seed.minHealthyPercentage }),
      tags: seed.memberTags,
    };
  }

  #memberOf({ instanceId, availabilityZone, state }: InstanceFacts): MemberFacts {
    const endsAt = this.#marked.get(instanceId);
    const held = this.#warming.has(instanceId) ? 'Pending:Wait' : undefined;
    const ending = endsAt !== undefined && this.#clock.now() >= endsAt ? 'Terminating:Wait' : undefined;
    const working = state === 'running' ? 'InService' : 'Terminating';
    const lifecycleState = this.#standby.has(instanceId) ? 'Standby' : (held ?? ending ?? working);
    return { instanceId, availabilityZone, lifecycleState, isHealthy: endsAt === undefined };
  }

  readonly reader: GroupReader = {
    groupOf: async (instanceId) => {
      this.#settle();
      const facts = this.#region.find(instanceId);
      const name = facts?.state === 'terminated' || this.#detached.has(instanceId) ? undefined : facts?.tags[tagKeys.autoScalingGroup];
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
    hooks: async (groupName) => this.#need(groupName).seed.hooks ?? [],
    launchSource: async ({ name }) => ({ instanceTypes: ['t3.micro'], kmsKeyIds: [], ...present({ imageId: this.#need(name).seed.imageId }) }),
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
    completeLifecycleAction: async (groupName, hookName, instanceId) => {
      if (await this.passHook(groupName, hookName, instanceId)) this.completedHooks.push({ hookName, instanceId });
    },
  };

  readonly releaser: MemberReleaser = {
    membership: async (instanceId) => {
      const group = await this.reader.groupOf(instanceId);
      const member = group?.members.find((known) => known.instanceId === instanceId);
      return group === undefined || member === undefined ? undefined : { groupName: group.name, lifecycleState: member.lifecycleState };
    },
    release: async (groupName, instanceId) => {
      const group = await this.reader.read(groupName);
      const state = group?.members.find((known) => known.instanceId === instanceId)?.lifecycleState;
      if (state === undefined) return;
      if (state !== 'Standby') throw new PermanentError(`${instanceId} is ${state}, not in standby, and cannot leave ${groupName}.`);
      this.#detached.add(instanceId);
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
    this.#need(groupName).pending.push({ at: addSeconds(this.#clock.now(), LAUNCH_SECONDS), zone, instead: instanceId });
  }
}
