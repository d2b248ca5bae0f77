import { PermanentError, RetryableError } from '../core/environment/errors.ts';
import type { Clock } from '../core/environment/ports.ts';
import { present } from '../core/environment/present.ts';
import { addSeconds, type Timestamp } from '../core/environment/time.ts';
import { tagKeys } from '../core/inventory/records.ts';
import { codeOwnerOf } from '../core/remediation/surroundings/code-owner.ts';
import type { DashboardKeeper } from '../core/remediation/surroundings/dashboard-ports.ts';
import type { Capture, CapturedTarget } from '../core/remediation/surroundings/capture.ts';
import { InsufficientCapacityError } from '../core/remediation/ports.ts';
import type {
  AlarmFacts,
  AlarmReader,
  AlarmCloner,
  CaptureReader,
  EvidenceCollector,
  ImageFacts,
  ImageReader,
  InstanceFacts,
  InstancePower,
  InstanceReader,
  InstanceState,
  InstanceStatus,
  InstanceTerminator,
  LaunchRequest,
  QuarantineKeeper,
  ReplacementLauncher,
  StatusCheck,
  TargetHealth,
  TargetReader,
  TargetRegistrar,
  TargetState,
} from '../core/remediation/ports.ts';
import { SimulatedAttachments } from './simulated-attachments.ts';
import { SimulatedCommands } from './simulated-commands.ts';
import { SimulatedGroups } from './simulated-groups.ts';
import { SimulatedLeftBehind } from './simulated-left-behind.ts';
import { SimulatedPreflight } from './simulated-preflight.ts';
import { SimulatedRecovery } from './simulated-recovery.ts';

/** One instance of the simulated region; times make its state, so that only the clock moves it. */
interface SimulatedInstance {
  readonly instanceId: string;
  facts: Omit<InstanceFacts, 'state' | 'stateReason'>;
  state: InstanceState;
  stateReason?: string;
  /** When `pending` becomes `running` or `stopping` becomes `stopped`. */
  settlesAt: Timestamp;
  statusOkAt: Timestamp;
  systemCheck: StatusCheck;
  instanceCheck: StatusCheck;
  impairedSince?: Timestamp;
  consoleOutput: string;
  launchToken?: string;
  terminationProtection: boolean;
  /** What was shown last, and of which facts it was made. */
  shown?: { readonly from: object; readonly facts: InstanceFacts };
  shownStatus?: InstanceStatus;
}

interface SimulatedTarget {
  readonly instanceId: string;
  readonly target: CapturedTarget;
  readonly healthyAt: Timestamp;
  /** Set when it is deregistered: until then it drains. */
  drainsUntil?: Timestamp;
  /** What was shown last. */
  shown?: TargetHealth;
}

interface SimulatedAlarm extends Omit<AlarmFacts, 'alarmOf'> {
  readonly alarmOf?: string;
  areActionsEnabled: boolean;
}

/** How long things take, in seconds of the virtual clock. */
export interface SimulatedTimes {
  readonly bootSeconds: number;
  readonly statusCheckSeconds: number;
  readonly targetInitialSeconds: number;
  readonly drainSeconds: number;
  readonly stopSeconds: number;
}

const defaultTimes: SimulatedTimes = { bootSeconds: 20, statusCheckSeconds: 40, targetInitialSeconds: 10, drainSeconds: 30, stopSeconds: 15 };

/** What a world starts an instance with. */
export interface InstanceSeed {
  readonly instanceId: string;
  readonly imageId: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly launchedAt: Timestamp;
  readonly availabilityZone?: string;
  readonly targets?: readonly CapturedTarget[];
  readonly instanceProfileArn?: string;
  readonly securityGroupNames?: readonly string[];
  readonly dataVolumeIds?: readonly string[];
  readonly lifecycle?: InstanceFacts['lifecycle'];
}

/**
 * An EC2, Elastic Load Balancing, CloudWatch and Parameter Store region in memory: the in-memory fake of every port of
 * `core/remediation/ports.ts`. Deterministic; only the clock and its methods change it.
 */
export class SimulatedRegion {
  readonly #clock: Clock;
  readonly #times: SimulatedTimes;
  readonly #instances = new Map<string, SimulatedInstance>();
  /** Target group → instance and port → target: one instance may serve on several ports. */
  readonly #targets = new Map<string, Map<string, SimulatedTarget>>();
  readonly #unhealthyTargets = new Set<string>();
  readonly #alarms = new Map<string, SimulatedAlarm>();
  readonly #dashboards = new Map<string, string>();
  readonly #images = new Map<string, ImageFacts>();
  readonly #approved = new Map<string, string[]>();
  readonly #badImages = new Map<string, string>();
  #launchRefusal: string | undefined;
  /** Names of the security groups that instances began with. */
  readonly #groupNames = new Map<string, string>();
  #launched = 0;
  #stuckStopSeconds: number | undefined;
  /** How launched instances are called. */
  nameLaunched = (count: number): string => `i-new${String(count).padStart(4, '0')}`;

  /** What moves with instances: volumes, interfaces, addresses, DNS records, associations. */
  readonly attachments: SimulatedAttachments;
  readonly recovery: SimulatedRecovery;
  readonly groups: SimulatedGroups;
  /** What a launch is asked before it: types, snapshots, keys, free addresses. */
  readonly preflight = new SimulatedPreflight();
  /** Types of which the region has none left. */
  readonly exhaustedTypes = new Set<string>();

  constructor(clock: Clock, times: Partial<SimulatedTimes> = {}) {
    this.#clock = clock;
    this.#times = { ...defaultTimes, ...times };
    this.commands = new SimulatedCommands(clock, (instanceId) => this.find(instanceId)?.state === 'running');
    this.recovery = new SimulatedRecovery(clock, this);
    this.groups = new SimulatedGroups(clock, this);
    this.attachments = new SimulatedAttachments(clock, (instanceId) => {
      const instance = this.#instances.get(instanceId);
      return instance === undefined ? undefined : this.#ownFacts(instance);
    });
  }

  // --- building and disturbing the world -------------------------------------------------------------------------

  addInstance(seed: InstanceSeed): void {
    const now = this.#clock.now();
    this.#groupNames.set('sg-web', seed.securityGroupNames?.[0] ?? 'shop-web');
    this.#instances.set(seed.instanceId, {
      instanceId: seed.instanceId,
      facts: {
        instanceId: seed.instanceId,
        launchedAt: seed.launchedAt,
        imageId: seed.imageId,
        instanceType: 't3.micro',
        availabilityZone: seed.availabilityZone ?? 'eu-central-1a',
        subnetId: `subnet-${seed.availabilityZone ?? 'eu-central-1a'}`,
        vpcId: 'vpc-1',
        securityGroupIds: ['sg-web'],
        securityGroupNames: seed.securityGroupNames ?? ['shop-web'],
        privateIpAddress: `10.0.0.${this.#instances.size + 4}`,
        ...(seed.instanceProfileArn === undefined ? {} : { instanceProfileArn: seed.instanceProfileArn }),
        lifecycle: seed.lifecycle ?? 'on-demand',
        rootDeviceType: 'ebs',
        dataVolumeIds: seed.dataVolumeIds ?? [],
        tags: seed.tags,
      },
      state: 'running',
      settlesAt: now,
      statusOkAt: now,
      systemCheck: 'ok',
      instanceCheck: 'ok',
      consoleOutput: `${seed.instanceId} login:`,
      terminationProtection: false,
    });
    for (const target of seed.targets ?? [])
      this.#targetsOf(target.targetGroupName).set(placeOf(seed.instanceId, target), { instanceId: seed.instanceId, target, healthyAt: now });
  }

  addImage(imageId: string, facts: Partial<ImageFacts> = {}): void {
    this.#images.set(imageId, {
      imageId,
      state: 'available',
      architecture: 'x86_64',
      rootDeviceName: '/dev/xvda',
      rootDeviceType: 'ebs',
      createdAt: this.#clock.now(),
      virtualizationType: 'hvm',
      isEnaEnabled: true,
      rootSizeGiB: 8,
      snapshotIds: [`snap-of-${imageId}`],
      ...facts,
    });
  }

  approveImage(role: string, imageId: string): void {
    this.#approved.set(role, [imageId, ...(this.#approved.get(role) ?? []).filter((id) => id !== imageId)]);
  }

  putDashboard(name: string, body: string): void {
    this.#dashboards.set(name, body);
  }

  dashboardBody(name: string): string | undefined {
    return this.#dashboards.get(name);
  }

  addAlarm(alarm: Omit<AlarmFacts, 'arn' | 'stateReason' | 'changedAt' | 'treatsMissingDataAsBreaching' | 'hasOwnAction'> & Partial<AlarmFacts>): void {
    const defaults = {
      arn: `arn:aws:cloudwatch:eu-central-1:111122223333:alarm:${alarm.name}`,
      stateReason: 'Threshold Crossed',
      changedAt: this.#clock.now(),
      treatsMissingDataAsBreaching: false,
      hasOwnAction: false,
    };
    this.#alarms.set(alarm.name, { ...defaults, ...alarm, areActionsEnabled: true });
  }

  setAlarmState(name: string, state: AlarmFacts['state']): void {
    const alarm = this.#alarms.get(name);
    if (alarm !== undefined) this.#alarms.set(name, { ...alarm, state, changedAt: this.#clock.now() });
  }

  setTargetUnhealthy(instanceId: string, isUnhealthy: boolean): void {
    if (isUnhealthy) this.#unhealthyTargets.add(instanceId);
    else this.#unhealthyTargets.delete(instanceId);
  }

  setStatus(instanceId: string, check: 'system' | 'instance', value: StatusCheck): void {
    const instance = this.#need(instanceId);
    if (check === 'system') instance.systemCheck = value;
    else instance.instanceCheck = value;
    if (value === 'impaired') instance.impairedSince = this.#clock.now();
  }

  /** Instances launched from this image run for a moment and then stop, with this reason (a key that may not be used). */
  makeImageBad(imageId: string, reason: string): void {
    this.#badImages.set(imageId, reason);
  }

  refuseLaunches(reason: string | undefined): void {
    this.#launchRefusal = reason;
  }

  setTag(instanceId: string, key: string, value: string): void {
    const instance = this.#need(instanceId);
    instance.facts = { ...instance.facts, tags: { ...instance.facts.tags, [key]: value } };
  }

  /** By a person or by fate, without any port: takes effect at once. */
  setState(instanceId: string, state: InstanceState, reason: string): void {
    const instance = this.#need(instanceId);
    instance.state = state;
    instance.stateReason = reason;
    instance.settlesAt = this.#clock.now();
  }

  setImage(instanceId: string, imageId: string): void {
    const instance = this.#need(instanceId);
    instance.facts = { ...instance.facts, imageId };
  }

  setTerminationProtection(instanceId: string, isProtected: boolean): void {
    this.#need(instanceId).terminationProtection = isProtected;
  }

  /** The next stop takes this long. */
  stickNextStop(seconds: number): void {
    this.#stuckStopSeconds = seconds;
  }

  get launchRefusal(): string | undefined {
    return this.#launchRefusal;
  }

  /** One instance as it truly is; `undefined` when there never was one. */
  find(instanceId: string): InstanceFacts | undefined {
    const instance = this.#instances.get(instanceId);
    return instance === undefined ? undefined : this.#factsOf(instance);
  }

  /** Of every instance that runs. */
  statuses(): readonly InstanceStatus[] {
    return [...this.#instances.keys()].flatMap((instanceId) => this.#statusOf(instanceId) ?? []);
  }

  findStatus(instanceId: string): InstanceStatus | undefined {
    return this.#statusOf(instanceId);
  }

  findAlarm(name: string): AlarmFacts | undefined {
    return this.#alarms.get(name);
  }

  findImage(imageId: string): ImageFacts | undefined {
    return this.#images.get(imageId);
  }

  approvedImages(role: string): readonly string[] {
    return this.#approved.get(role) ?? [];
  }

  /** How its target in this group truly is. */
  findTarget(instanceId: string, target: CapturedTarget): TargetState {
    return this.#targetState(instanceId, this.#targetsOf(target.targetGroupName).get(placeOf(instanceId, target)));
  }

  /** The world's own view, for assertions. */
  all(): readonly InstanceFacts[] {
    return [...this.#instances.values()].map((instance) => this.#factsOf(instance));
  }

  alarmNames(): readonly { readonly name: string; readonly instanceId?: string; readonly alarmOf?: string; readonly areActionsEnabled: boolean }[] {
    return [...this.#alarms.values()];
  }

  /** Those that have not ended, by their tags, which are cheaper to ask than all facts. */
  #tagged(isWanted: (tags: InstanceFacts['tags']) => boolean): readonly InstanceFacts[] {
    const tagged = [...this.#instances.values()].filter(({ facts }) => isWanted(facts.tags));
    return tagged.map((instance) => this.#factsOf(instance)).filter(({ state }) => state !== 'terminated');
  }

  // --- time ------------------------------------------------------------------------------------------------------

  #factsOf(instance: SimulatedInstance): InstanceFacts {
    const attached = this.attachments.dataVolumesOf(instance.instanceId);
    const facts = this.#ownFacts(instance);
    return attached.length === 0 ? facts : { ...facts, dataVolumeIds: [...facts.dataVolumeIds, ...attached] };
  }

  /** The same object for as long as nothing changes: every look asks for all of them. */
  #ownFacts(instance: SimulatedInstance): InstanceFacts {
    this.#settle(instance);
    const { facts, state, stateReason, shown } = instance;
    if (shown?.from === facts && shown.facts.state === state && shown.facts.stateReason === stateReason) return shown.facts;
    const seen: InstanceFacts = { ...facts, state, ...(stateReason === undefined ? {} : { stateReason }) };
    instance.shown = { from: facts, facts: seen };
    return seen;
  }

  /** Its state at this moment, without all that else is known of it. */
  #stateOf(instance: SimulatedInstance): InstanceState {
    this.#settle(instance);
    return instance.state;
  }

  #settle(instance: SimulatedInstance): void {
    const now = this.#clock.now();
    if (now < instance.settlesAt) return;
    if (instance.state === 'pending') instance.state = 'running';
    if (instance.state === 'stopping') instance.state = 'stopped';
    if (instance.state === 'shutting-down') instance.state = 'terminated';
    const badReason = this.#badImages.get(instance.facts.imageId);
    if (badReason !== undefined && instance.launchToken !== undefined && instance.state === 'running' && now >= addSeconds(instance.settlesAt, 2)) {
      instance.state = 'terminated';
      instance.stateReason = badReason;
    }
  }

  #need(instanceId: string): SimulatedInstance {
    const instance = this.#instances.get(instanceId);
    if (instance === undefined) throw new PermanentError(`There is no instance ${instanceId}.`);
    this.#settle(instance);
    return instance;
  }

  #targetsOf(targetGroupName: string): Map<string, SimulatedTarget> {
    const known = this.#targets.get(targetGroupName) ?? new Map<string, SimulatedTarget>();
    this.#targets.set(targetGroupName, known);
    return known;
  }

  #targetState(instanceId: string, registered: SimulatedTarget | undefined): TargetState {
    const now = this.#clock.now();
    if (registered === undefined) return 'unregistered';
    if (registered.drainsUntil !== undefined) return now < registered.drainsUntil ? 'draining' : 'unregistered';
    const instance = this.#instances.get(instanceId);
    if (instance === undefined || this.#stateOf(instance) !== 'running') return 'unused';
    if (now < registered.healthyAt) return 'initial';
    return this.#unhealthyTargets.has(instanceId) ? 'unhealthy' : 'healthy';
  }

  #healthOf(registered: SimulatedTarget): TargetHealth {
    const state = this.#targetState(registered.instanceId, registered);
    if (registered.shown?.state !== state) registered.shown = { ...registered.target, instanceId: registered.instanceId, state };
    return registered.shown;
  }

  // --- the ports -------------------------------------------------------------------------------------------------

  readonly instances: InstanceReader = {
    read: async (instanceId) => {
      const instance = this.#instances.get(instanceId);
      return instance === undefined ? undefined : this.#factsOf(instance);
    },
    readStatus: async (instanceId) => this.#statusOf(instanceId),
    findByTag: async (key, value) => this.#tagged((tags) => tags[key] === value),
    isGroupMember: async (instanceId) => this.#instances.get(instanceId)?.facts.tags['aws:autoscaling:groupName'] !== undefined,
  };

  #statusOf(instanceId: string): InstanceStatus | undefined {
    const instance = this.#instances.get(instanceId);
    if (instance === undefined || this.#stateOf(instance) !== 'running') return undefined;
    const isStarting = this.#clock.now() < instance.statusOkAt;
    const system = isStarting ? 'initializing' : instance.systemCheck;
    const instanceCheck = isStarting ? 'initializing' : instance.instanceCheck;
    const { impairedSince, shownStatus: shown } = instance;
    // Polls ask for all of them, and hardly any has changed.
    if (shown?.system === system && shown.instance === instanceCheck && shown.impairedSince === impairedSince) return shown;
    const status: InstanceStatus = { instanceId, system, instance: instanceCheck, ...present({ impairedSince }) };
    instance.shownStatus = status;
    return status;
  }

  readonly captures: CaptureReader = {
    capture: async (instanceId, targetGroupNames, at, hostedZones = []) => {
      const instance = this.#instances.get(instanceId);
      if (instance === undefined) return undefined;
      const facts = this.#factsOf(instance);
      if (facts.state === 'terminated' || facts.state === 'shutting-down') return undefined;
      const targets = targetGroupNames.flatMap((name) => {
        const own = [...this.#targetsOf(name).values()].filter((registered) => registered.instanceId === instanceId);
        return own.filter((registered) => registered.drainsUntil === undefined).map((registered) => registered.target);
      });
      return { ...captureOf(facts, targets, at), ...this.attachments.captureOf(facts, hostedZones) };
    },
  };

  readonly targets: TargetReader = {
    health: async (instanceId, targets) =>
      targets.map((target) => ({
        ...target,
        instanceId,
        state: this.#targetState(instanceId, this.#targetsOf(target.targetGroupName).get(placeOf(instanceId, target))),
      })),
    registered: async (targetGroupNames) =>
      targetGroupNames.flatMap((name): readonly TargetHealth[] =>
        Array.from(this.#targetsOf(name).values(), (registered) => this.#healthOf(registered)).filter(({ state }) => state !== 'unregistered'),
      ),
  };

  readonly registrar: TargetRegistrar = {
    register: async (instanceId, targets) => {
      for (const target of targets) {
        const known = this.#targetsOf(target.targetGroupName).get(placeOf(instanceId, target));
        if (known !== undefined && known.drainsUntil === undefined) continue;
        this.#targetsOf(target.targetGroupName).set(placeOf(instanceId, target), {
          instanceId,
          target,
          healthyAt: addSeconds(this.#clock.now(), this.#times.targetInitialSeconds),
        });
      }
    },
    deregister: async (instanceId, targets) => {
      for (const target of targets) {
        const known = this.#targetsOf(target.targetGroupName).get(placeOf(instanceId, target));
        if (known !== undefined && known.drainsUntil === undefined) known.drainsUntil = addSeconds(this.#clock.now(), this.#times.drainSeconds);
      }
    },
  };

  readonly images: ImageReader = {
    describe: async (imageId) => this.#images.get(imageId),
    approvedHistory: async (role) => this.#approved.get(role) ?? [],
  };

  readonly launcher: ReplacementLauncher = {
    rehearse: async () =>
      this.#launchRefusal === undefined ? { kind: 'possible', reason: 'The dry run passed' } : { kind: 'impossible', reason: this.#launchRefusal },
    launch: async (request) => this.#launch(request),
  };

  #launch(request: LaunchRequest): { readonly instanceId: string } {
    const token = `${request.remediationId}-${request.attempt}`;
    const earlier = [...this.#instances.values()].find((instance) => instance.launchToken === token);
    if (earlier !== undefined) return { instanceId: earlier.instanceId };
    if (this.#launchRefusal !== undefined) throw new PermanentError(this.#launchRefusal);
    const instanceType = request.instanceType ?? request.capture.instanceType;
    if (this.exhaustedTypes.has(instanceType)) throw new InsufficientCapacityError(`There is no capacity for ${instanceType}.`);
    this.#launched += 1;
    const instanceId = this.nameLaunched(this.#launched);
    const now = this.#clock.now();
    const { capture } = request;
    this.addInstance({
      instanceId,
      imageId: request.imageId,
      tags: request.tags,
      launchedAt: now,
      availabilityZone: capture.availabilityZone,
      ...(capture.instanceProfileArn === undefined ? {} : { instanceProfileArn: capture.instanceProfileArn }),
    });
    const instance = this.#need(instanceId);
    instance.facts = { ...instance.facts, instanceType };
    instance.state = 'pending';
    instance.launchToken = token;
    instance.settlesAt = addSeconds(now, this.#times.bootSeconds);
    instance.statusOkAt = addSeconds(now, this.#times.bootSeconds + this.#times.statusCheckSeconds);
    return { instanceId };
  }

  readonly power: InstancePower = {
    stop: async (instanceId) => {
      const instance = this.#need(instanceId);
      if (instance.state !== 'running' && instance.state !== 'pending') return;
      instance.state = 'stopping';
      instance.settlesAt = addSeconds(this.#clock.now(), this.#stuckStopSeconds ?? this.#times.stopSeconds);
      this.#stuckStopSeconds = undefined;
    },
    start: async (instanceId) => {
      const instance = this.#need(instanceId);
      // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StartInstances.html: IncorrectInstanceState, which is tried again.
      if (instance.state === 'stopping') throw new RetryableError(`${instanceId} is still stopping: try again.`);
      if (instance.state !== 'stopped') return;
      instance.state = 'pending';
      instance.settlesAt = addSeconds(this.#clock.now(), this.#times.bootSeconds);
      instance.statusOkAt = addSeconds(this.#clock.now(), this.#times.bootSeconds + this.#times.statusCheckSeconds);
    },
  };

  readonly commands: SimulatedCommands;

  readonly leftBehind = new SimulatedLeftBehind(() => this.all());

  readonly evidence: EvidenceCollector = {
    collect: async (instanceId, at) => {
      const instance = this.#instances.get(instanceId);
      return instance === undefined ? { collectedAt: at, absent: ['console output'] } : { collectedAt: at, consoleOutput: instance.consoleOutput, absent: [] };
    },
  };

  readonly quarantine: QuarantineKeeper = {
    isolate: async (instanceId) => {
      const instance = this.#need(instanceId);
      instance.facts = { ...instance.facts, securityGroupIds: ['sg-quarantine'], securityGroupNames: ['perennial-quarantine'] };
      return { securityGroupId: 'sg-quarantine' };
    },
    interfaceGroups: async (instanceId) => ({ [`eni-of-${instanceId}`]: this.#need(instanceId).facts.securityGroupIds }),
    rejoin: async (instanceId, groups) => {
      const instance = this.#need(instanceId);
      const ids = Object.values(groups)[0] ?? [];
      const names = ids.map((id) => (id === 'sg-quarantine' ? 'perennial-quarantine' : (this.#groupNames.get(id) ?? id)));
      instance.facts = { ...instance.facts, securityGroupIds: ids, securityGroupNames: names };
    },
    restoreProfile: async (instanceId, instanceProfileArn) => {
      const instance = this.#need(instanceId);
      instance.facts = { ...instance.facts, instanceProfileArn: instance.facts.instanceProfileArn ?? instanceProfileArn };
    },
    unmark: async (instanceId, removeTagKeys, tags) => {
      const instance = this.#need(instanceId);
      const kept = Object.entries(instance.facts.tags).filter(([key]) => !removeTagKeys.includes(key));
      instance.facts = { ...instance.facts, tags: { ...Object.fromEntries(kept), ...tags } };
    },
    dropProfile: async (instanceId) => {
      const instance = this.#need(instanceId);
      const { instanceProfileArn, ...rest } = instance.facts;
      instance.facts = rest;
      return instanceProfileArn === undefined ? {} : { instanceProfileArn };
    },
    mark: async (instanceId, tags, removeTagKeys) => {
      const instance = this.#need(instanceId);
      const removed = Object.entries(instance.facts.tags).filter(([key]) => removeTagKeys.includes(key));
      const kept = Object.entries(instance.facts.tags).filter(([key]) => !removeTagKeys.includes(key));
      instance.facts = { ...instance.facts, tags: { ...Object.fromEntries(kept), ...tags } };
      return { removedTags: Object.fromEntries(removed) };
    },
  };

  readonly terminator: InstanceTerminator = {
    quarantined: async () => this.#tagged((tags) => tags[tagKeys.quarantine] !== undefined),
    terminate: async (instanceId) => {
      const instance = this.#need(instanceId);
      if (instance.terminationProtection) throw new PermanentError(`${instanceId} is protected against termination.`);
      instance.state = 'shutting-down';
      instance.settlesAt = addSeconds(this.#clock.now(), 5);
    },
  };

  readonly alarms: AlarmReader = {
    read: async (names) => names.flatMap((name) => this.#alarms.get(name) ?? []),
    ofInstance: async (instanceId, nameGlobs) =>
      [...this.#alarms.values()].filter((alarm) => alarm.instanceId === instanceId && nameGlobs.some((glob) => matchesGlob(glob, alarm))),
  };

  readonly dashboards: DashboardKeeper = {
    follow: async (name, oldInstanceId, newInstanceId) => {
      const body = this.#dashboards.get(name) ?? '';
      if (!body.includes(oldInstanceId)) return false;
      this.#dashboards.set(name, body.replaceAll(oldInstanceId, newInstanceId));
      return true;
    },
  };

  readonly alarmCloner: AlarmCloner = {
    clone: async (alarmName, originalName, _oldInstanceId, newInstanceId) => {
      const source = this.#alarms.get(alarmName);
      if (source === undefined) throw new PermanentError(`There is no alarm ${alarmName}.`);
      const name = `${originalName}--${newInstanceId}`;
      if (!this.#alarms.has(name))
        this.#alarms.set(name, { ...source, name, instanceId: newInstanceId, alarmOf: originalName, state: 'OK', areActionsEnabled: true });
      return { alarmName: name };
    },
    retire: async (alarmName) => {
      const alarm = this.#alarms.get(alarmName);
      if (alarm !== undefined) alarm.areActionsEnabled = false;
    },
    revive: async (alarmName) => {
      const alarm = this.#alarms.get(alarmName);
      if (alarm !== undefined) alarm.areActionsEnabled = true;
    },
  };
}

const placeOf = (instanceId: string, target: { readonly port: number }): string => `${instanceId}:${target.port}`;

function matchesGlob(glob: string, alarm: { readonly name: string; readonly alarmOf?: string }): boolean {
  return [alarm.name, alarm.alarmOf ?? alarm.name].some((name) => (glob.endsWith('*') ? name.startsWith(glob.slice(0, -1)) : name === glob));
}

function captureOf(facts: InstanceFacts, targets: readonly CapturedTarget[], at: Timestamp): Capture {
  return {
    formatVersion: 1,
    instanceId: facts.instanceId,
    capturedAt: at,
    imageId: facts.imageId,
    instanceType: facts.instanceType,
    architecture: 'x86_64',
    availabilityZone: facts.availabilityZone,
    subnetId: facts.subnetId,
    vpcId: facts.vpcId,
    securityGroupIds: [...facts.securityGroupIds],
    ...(facts.privateIpAddress === undefined ? {} : { privateIpAddress: facts.privateIpAddress }),
    ...(facts.instanceProfileArn === undefined ? {} : { instanceProfileArn: facts.instanceProfileArn }),
    ebsOptimized: false,
    detailedMonitoring: false,
    sourceDestCheck: true,
    terminationProtection: false,
    stopProtection: false,
    shutdownBehavior: 'stop',
    metadataOptions: { httpTokens: 'required', httpPutResponseHopLimit: 1, httpEndpoint: 'enabled', instanceMetadataTags: 'disabled' },
    rootDeviceName: '/dev/xvda',
    volumes: [],
    tags: Object.fromEntries(Object.entries(facts.tags).filter(([key]) => !key.startsWith('perennial:') && !key.startsWith('aws:'))),
    targets: [...targets],
    cannotKeep: ['its private address'],
    ...present({ codeOwner: codeOwnerOf(facts.tags) }),
  };
}
