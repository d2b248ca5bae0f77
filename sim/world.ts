import type { CompiledCatalog } from '../core/catalog/schema.ts';
import { declaredIn } from '../core/catalog/published.ts';
import { RetryableError } from '../core/environment/errors.ts';
import type { Clock, Hasher, Log } from '../core/environment/ports.ts';
import { addSeconds, type Timestamp } from '../core/environment/time.ts';
import type { NotificationMessage, NotificationPublisher } from '../core/incidents/ports.ts';
import { slotIdOf } from '../core/inventory/classify.ts';
import type { InventoryReader } from '../core/inventory/ports.ts';
import { tagKeys } from '../core/inventory/records.ts';
import { keys, partitions } from '../core/records/keys.ts';
import type { RecordStore, RecordWrite } from '../core/records/store.ts';
import type { ActPorts } from '../core/remediation/phase.ts';
import type { ExecutionStarter, InstanceFacts, InstanceTerminator, PageTimer, ReplacementLauncher } from '../core/remediation/ports.ts';
import type { ExecutionWatcher, LeftBehind, MemberReleaser, SnapshotKeeper } from '../core/remediation/reaper/reaping-ports.ts';
import type { Remediation } from '../core/remediation/record.ts';
import type { SignalQueue } from '../core/signals/ports.ts';
import { quickHash, RunClock, SkewedClock } from './random.ts';
import { SharedRecordStore } from './shared-record-store.ts';
import { type AttachmentSeed, primaryInterfaceId } from './simulated-attachments.ts';
import { SimulatedRegion } from './simulated-region.ts';
import { simulatedScope, type Stage, type StagedInstance, START_MILLIS } from './stage.ts';

/** The functions of the platform; each has a clock of its own and may crash by itself. */
export const functionNames = ['signals', 'driver', 'poll', 'sweep', 'reap', 'page'] as const;
export type FunctionName = (typeof functionNames)[number];

/** Everything the rules are given. A new port of the rules is one more line in {@link World.#ports}. */
export interface SimulatedPorts extends Omit<ActPorts, 'scope' | 'clock'> {
  readonly leftBehind: LeftBehind;
  readonly members: MemberReleaser;
  readonly oldSnapshots: SnapshotKeeper;
  readonly executionStates: ExecutionWatcher;
  readonly terminator: InstanceTerminator;
  readonly inventory: InventoryReader;
  readonly queue: SignalQueue;
  readonly executions: ExecutionStarter;
  readonly pageTimer: PageTimer;
  readonly publisher: NotificationPublisher;
}

/** Breaks ports on purpose: a planted bug of the test harness. Production code never has one. */
export type Tamper = (ports: SimulatedPorts, world: World) => Partial<SimulatedPorts>;

/** What took effect in the world because of us, seen at the moment before. */
export interface Effect {
  readonly kind:
    | 'launch'
    | 'stop'
    | 'start'
    | 'register'
    | 'deregister'
    | 'isolate'
    | 'drop-profile'
    | 'mark'
    | 'terminate'
    | 'rejoin'
    | 'restore-profile'
    | 'unmark'
    | 'clone-alarm'
    | 'switch-alarm'
    | 'detach'
    | 'attach'
    | 'keep'
    | 'point-address'
    | 'write-record'
    | 'retarget'
    | 'snapshot'
    | 'delete'
    | 'mark-unhealthy'
    | 'standby'
    | 'leave-group'
    | 'complete-hook'
    | 'reboot'
    | 'swap-root'
    | 'restart'
    | 'publish'
    | 'execute';
  readonly at: Timestamp;
  readonly by: FunctionName;
  /** Instance id, notification id or execution name; of what is nobody's, its own id. */
  readonly subject: string;
  /** The volume, interface, address, record, association or alarm that is changed. */
  readonly thing?: string;
  readonly before: InstanceFacts | undefined;
  readonly remediationId?: string;
  readonly imageId?: string;
}

/** A call of one of our functions: who, when it began, and what may go wrong in it. */
export interface Frame {
  readonly by: FunctionName;
  readonly startedAt: Timestamp;
  readonly remediationId?: string;
  /** A call in it failed or was cut off, whoever noticed. */
  hadMishap: boolean;
}

/** A write of a record, with what was stored before. */
export interface Written {
  readonly write: RecordWrite;
  readonly before: unknown;
  readonly frame: Frame;
}

export interface Execution {
  readonly name: string;
  readonly remediationId: string;
  status: 'running' | 'ended';
}

/** The names by which `SimulatedAttachments.holders` calls them. */
function thingsOf({ volumes = [], interfaces = [], elasticIps = [], records = [], associations = [] }: AttachmentSeed): readonly string[] {
  return [
    ...volumes.map(({ volumeId }) => volumeId),
    ...interfaces.map(({ networkInterfaceId }) => networkInterfaceId),
    ...elasticIps.map(({ publicIpAddress }) => publicIpAddress),
    ...records.map(({ name }) => name),
    ...associations.map(({ associationId }) => associationId),
  ];
}

/** How long after a change reads may still show what was before, in a window of eventual consistency. */
interface Stale {
  readonly until: number;
  readonly facts: InstanceFacts | undefined;
}

/** Of the interface that an instance was launched with: the instance. */
const ownerOfPrimary = (networkInterfaceId: string): string => networkInterfaceId.slice(primaryInterfaceId('').length);

const silentLog: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };
export const simulatedHasher: Hasher = { sha256: quickHash };

/** One run's world: the truth of region and records, the ports on it, and a note of everything that took effect. */
export class World {
  readonly clock = new RunClock(START_MILLIS);
  readonly scope = simulatedScope;
  readonly stage: Stage;
  readonly region: SimulatedRegion;
  readonly store: SharedRecordStore;
  readonly ports: SimulatedPorts;
  readonly clocks: Readonly<Record<FunctionName, SkewedClock>>;
  /** Catalogs that have been in force, oldest first, with when; the last one is. */
  readonly catalogs: { readonly at: Timestamp; readonly catalog: CompiledCatalog }[];
  readonly staged = new Map<string, StagedInstance>();
  /** What instances were given beside themselves: volume, interface, public address, record name, association → instance. */
  readonly things = new Map<string, string>();
  /** Launched by us: instance → remediation. */
  readonly launched = new Map<string, string>();
  /** When the world last did something to an instance without us. */
  readonly disturbedAt = new Map<string, number>();
  readonly stale = new Map<string, Stale>();
  staleMillis = 0;
  /** In such a window, one that was just told to stop is not listed at all. */
  isStoppingUnlisted = false;
  /** Publishing fails until then. */
  publisherDownUntil = 0;
  readonly published = new Map<string, NotificationMessage[]>();
  readonly executions = new Map<string, Execution>();
  readonly pagesArmed = new Map<string, Timestamp>();
  readonly sickImages = new Set<string>();
  /** The next replacement never becomes healthy. */
  isNextLaunchSick = false;
  /** Until then the fleet may still be changing; later nothing does by itself. */
  restlessUntil = 0;
  /** Told of every effect and write, in order. */
  onEffect: (effect: Effect) => void = () => undefined;
  onWrite: (written: Written) => void = () => undefined;
  /** Puts a message on the queue, starts an execution, arms a timer: the engine's part. */
  send: (body: string) => void = () => undefined;
  startExecution: (execution: Execution) => void = () => undefined;
  armPage: (remediationId: string, at: Timestamp) => void = () => undefined;
  frame: Frame = { by: 'sweep', startedAt: this.clock.now(), hadMishap: false };
  #remediationPartition = partitions.remediations(simulatedScope);

  constructor(stage: Stage, options: { readonly from?: SharedRecordStore; readonly isStrict?: boolean; readonly tamper?: Tamper } = {}) {
    this.stage = stage;
    this.catalogs = [{ at: this.clock.now(), catalog: stage.catalogs[0] }];
    this.region = new SimulatedRegion(this.clock, { statusCheckSeconds: 70 });
    this.region.nameLaunched = (count) => `i-0000${String(count).padStart(6, '0')}`;
    this.store = new SharedRecordStore(this.clock, {
      isStrict: options.isStrict ?? false,
      isTrusted: options.isStrict !== true,
      ...(options.from === undefined ? {} : { from: options.from }),
    });
    this.clocks = { signals: this.#clock(), driver: this.#clock(), poll: this.#clock(), sweep: this.#clock(), reap: this.#clock(), page: this.#clock() };
    this.#furnish();
    const ports = this.#ports();
    this.ports = { ...ports, ...options.tamper?.(ports, this) };
  }

  get catalog(): CompiledCatalog {
    return this.catalogs.at(-1)?.catalog ?? this.stage.catalogs[0];
  }

  /** What the rules are told of the catalog: the truth, unless a planted bug distorts it. */
  distort: (catalog: CompiledCatalog) => CompiledCatalog = (catalog) => catalog;

  get seenCatalog(): CompiledCatalog {
    return this.distort(this.catalog);
  }

  readonly declared = (name: string): Promise<ReturnType<typeof declaredIn>> => Promise.resolve(declaredIn(this.seenCatalog, name));

  get log(): Log {
    return silentLog;
  }

  /** Something happened: polls have something to see for a while. Nothing the region does by itself takes longer. */
  stir(): void {
    this.restlessUntil = this.clock.millis + 130_000;
  }

  disturb(instanceId: string): void {
    this.disturbedAt.set(instanceId, this.clock.millis);
    this.stir();
  }

  remediation(id: string): Remediation | undefined {
    const stored = this.store.peek(keys.remediation(this.scope, id));
    return stored === undefined || !this.isRemediation(stored.key.partition, stored.body) ? undefined : stored.body;
  }

  remediations(): readonly Remediation[] {
    const found: Remediation[] = [];
    for (const { key, body } of this.store.peekAll(this.#remediationPartition)) if (this.isRemediation(key.partition, body)) found.push(body);
    return found;
  }

  /** The rules themselves typed what they wrote; the partition says what it is. */
  isRemediation(partition: string, _body: unknown): _body is Remediation {
    return partition === this.#remediationPartition;
  }

  /** In service: it runs and every target group it was registered with calls it healthy. */
  isServing(instanceId: string): boolean {
    const facts = this.region.find(instanceId);
    const system = facts?.tags[tagKeys.system] ?? '';
    if (facts?.state !== 'running') return false;
    const declared = this.catalogs.map(({ catalog }) => catalog.systems.find(({ metadata }) => metadata.name === system)).find((found) => found !== undefined);
    return (declared?.spec.targetGroups ?? []).every(
      (group) => this.region.findTarget(instanceId, { targetGroupArn: `arn:tg/${group}`, targetGroupName: group, port: 80 }) === 'healthy',
    );
  }

  slotOf(instance: InstanceFacts): string {
    return slotIdOf(instance, instance.tags[tagKeys.system] ?? '');
  }

  #clock(): SkewedClock {
    return new SkewedClock(this.clock);
  }

  #furnish(): void {
    for (const [role, images] of Object.entries(this.stage.images)) {
      for (const imageId of images) {
        this.region.addImage(imageId);
        this.region.approveImage(role, imageId);
      }
    }
    for (const staged of this.stage.instances) {
      this.region.addInstance(staged.seed);
      this.staged.set(staged.seed.instanceId, staged);
      if (staged.alarmName !== undefined)
        this.region.addAlarm({ name: staged.alarmName, state: 'OK', instanceId: staged.seed.instanceId, hasOwnAction: staged.hasOwnAction });
      this.#equip(staged);
    }
    for (const group of this.stage.groups) this.region.groups.addGroup(group);
  }

  /** What it has beside itself. Its DNS records name the address that it got. */
  #equip({ seed: { instanceId }, attachments, capability }: StagedInstance): void {
    if (capability !== undefined) this.region.recovery.setCapability(instanceId, capability);
    if (attachments === undefined) return;
    const address = this.region.find(instanceId)?.privateIpAddress ?? '';
    const records = (attachments.records ?? []).map((record) => ({ ...record, values: [address] }));
    this.region.attachments.give(instanceId, { ...attachments, records });
    for (const thing of thingsOf(attachments)) this.things.set(thing, instanceId);
  }

  #note(kind: Effect['kind'], subject: string, more: Pick<Effect, 'imageId' | 'thing'> = {}): void {
    const { by, remediationId } = this.frame;
    const before = this.region.find(subject);
    if (this.staleMillis > 0 && kind !== 'publish' && kind !== 'execute')
      this.stale.set(subject, { until: this.clock.millis + this.staleMillis, facts: kind === 'stop' && this.isStoppingUnlisted ? undefined : before });
    if (kind !== 'publish' && kind !== 'execute') this.stir();
    this.onEffect({ kind, subject, by, at: this.clock.now(), before, ...(remediationId === undefined ? {} : { remediationId }), ...more });
  }

  /** The instance as a read shows it now: for a moment after a change, perhaps as it was before. */
  #seen(instanceId: string, truth: InstanceFacts | undefined): InstanceFacts | undefined {
    const stale = this.stale.get(instanceId);
    return stale === undefined || stale.until <= this.clock.millis ? truth : stale.facts;
  }

  #ports(): SimulatedPorts {
    const { region } = this;
    return {
      store: this.#storePort(),
      ...this.#readers(),
      ...this.#movers(),
      images: region.images,
      preflight: region.preflight.reader,
      captures: region.captures,
      alarms: region.alarms,
      evidence: region.evidence,
      ...this.#attachments(),
      ...this.#recovery(),
      ...this.#groups(),
      alarmCloner: this.#alarmCloner(),
      commands: region.commands,
      dashboards: region.dashboards,
      leftBehind: this.#leftBehind(),
      members: region.groups.releaser,
      oldSnapshots: region.attachments.oldSnapshots,
      executionStates: { stateOf: async (name) => this.executions.get(name)?.status ?? 'absent' },
      queue: {
        send: async (messages) => {
          for (const { body } of messages) this.send(body);
          return [];
        },
      },
      executions: {
        start: async ({ name, remediationId }) => {
          if (this.executions.has(name)) return;
          this.#note('execute', remediationId);
          const execution: Execution = { name, remediationId, status: 'running' };
          this.executions.set(name, execution);
          this.startExecution(execution);
        },
      },
      pageTimer: {
        arm: async (remediationId, at) => {
          if (this.pagesArmed.has(remediationId)) return;
          this.pagesArmed.set(remediationId, at);
          this.armPage(remediationId, at);
        },
      },
      publisher: { publish: async (message) => this.#publish(message) },
    };
  }

  #storePort(): RecordStore {
    const { store } = this;
    return {
      get: (key) => store.get(key),
      query: (partition, prefix, page) => store.query(partition, prefix, page),
      list: (list, page) => store.list(list, page),
      write: async (writes) => {
        const before = writes.map(({ key }) => store.peek(key)?.body);
        const { frame } = this;
        await store.write(writes);
        for (const [index, write] of writes.entries()) this.onWrite({ write, before: before[index], frame });
      },
    };
  }

  #readers(): Pick<SimulatedPorts, 'instances' | 'targets' | 'inventory'> {
    const { region } = this;
    const inventory: InventoryReader = {
      async *listInstances() {
        yield await Promise.resolve(region.all().filter(({ state }) => state !== 'terminated'));
      },
      async *listStatuses() {
        yield await Promise.resolve(region.statuses());
      },
    };
    return {
      inventory,
      targets: region.targets,
      instances: {
        ...region.instances,
        read: async (instanceId) => this.#seen(instanceId, region.find(instanceId)),
        findByTag: async (key, value) => {
          for (const [instanceId, { until }] of this.stale) if (until <= this.clock.millis) this.stale.delete(instanceId);
          if (this.stale.size === 0) return region.instances.findByTag(key, value);
          const seen = region.all().flatMap((facts) => this.#seen(facts.instanceId, facts) ?? []);
          return seen.filter((facts) => facts.tags[key] === value && facts.state !== 'terminated');
        },
      },
    };
  }

  #movers(): Pick<SimulatedPorts, 'launcher' | 'registrar' | 'power' | 'quarantine' | 'terminator'> {
    const { region } = this;
    const { launcher, registrar, power, quarantine, terminator } = region;
    const noted = <Result>(kind: Effect['kind'], instanceId: string, call: () => Promise<Result>): Promise<Result> => this.#noted(kind, instanceId, call);
    return {
      launcher: { rehearse: (request) => launcher.rehearse(request), launch: (request) => this.#launch(request) },
      registrar: {
        register: (id, targets) => noted('register', id, () => registrar.register(id, targets)),
        deregister: (id, targets) => noted('deregister', id, () => registrar.deregister(id, targets)),
      },
      power: { stop: (id) => noted('stop', id, () => power.stop(id)), start: (id) => noted('start', id, () => power.start(id)) },
      quarantine: {
        ...quarantine,
        isolate: (id, vpcId) => noted('isolate', id, () => quarantine.isolate(id, vpcId)),
        dropProfile: (id) => noted('drop-profile', id, () => quarantine.dropProfile(id)),
        mark: (id, tags, removed) => noted('mark', id, () => quarantine.mark(id, tags, removed)),
        rejoin: (id, groups) => noted('rejoin', id, () => quarantine.rejoin(id, groups)),
        restoreProfile: (id, arn) => noted('restore-profile', id, () => quarantine.restoreProfile(id, arn)),
        unmark: (id, removed, tags) => noted('unmark', id, () => quarantine.unmark(id, removed, tags)),
      },
      terminator: { quarantined: () => terminator.quarantined(), terminate: (id) => noted('terminate', id, () => terminator.terminate(id)) },
    };
  }

  #noted<Result>(kind: Effect['kind'], instanceId: string, call: () => Promise<Result>, thing?: string): Promise<Result> {
    this.#note(kind, instanceId, thing === undefined ? {} : { thing });
    return call();
  }

  #attachments(): Pick<SimulatedPorts, 'volumes' | 'interfaces' | 'addresses' | 'dnsRecords' | 'associations' | 'snapshots'> {
    const { volumes, interfaces, addresses, dnsRecords, associations, snapshots } = this.region.attachments;
    const holderOf = (thing: string): string => this.region.attachments.holderOf(thing) ?? thing;
    return {
      volumes: {
        ...volumes,
        detach: (id, from, isForced) => this.#noted('detach', from, () => volumes.detach(id, from, isForced), id),
        attach: (id, to, device) => this.#noted('attach', to, () => volumes.attach(id, to, device), id),
        setDeleteOnTermination: (of, device, isDeleted) => this.#noted('keep', of, () => volumes.setDeleteOnTermination(of, device, isDeleted), device),
      },
      interfaces: {
        ...interfaces,
        detach: (id, isForced) => this.#noted('detach', holderOf(id), () => interfaces.detach(id, isForced), id),
        attach: (id, to, index) => this.#noted('attach', to, () => interfaces.attach(id, to, index), id),
        setDeleteOnTermination: (id, isDeleted) => this.#noted('keep', holderOf(id), () => interfaces.setDeleteOnTermination(id, isDeleted), id),
        assignPrivateAddresses: (id, given) =>
          this.#noted('point-address', ownerOfPrimary(id), () => interfaces.assignPrivateAddresses(id, given), given.join(',')),
      },
      addresses: {
        ...addresses,
        associate: (id, to, address) => this.#noted('point-address', ownerOfPrimary(to), () => addresses.associate(id, to, address), id),
      },
      dnsRecords: {
        ...dnsRecords,
        replace: (name, expected, values) => this.#noted('write-record', this.#ofFrame(name.name), () => dnsRecords.replace(name, expected, values), name.name),
      },
      associations: {
        ...associations,
        retarget: (id, from, to) => this.#noted('retarget', to, () => associations.retarget(id, from, to), id),
      },
      snapshots: { ...snapshots, take: (of, ids, tags) => this.#noted('snapshot', of, () => snapshots.take(of, ids, tags)) },
    };
  }

  /** A record of a zone names an address; who changes it does so for the instance of its repair. */
  #ofFrame(otherwise: string): string {
    return this.remediation(this.frame.remediationId ?? '')?.oldInstanceId ?? otherwise;
  }

  /** The gentler ways; they change an instance without replacing it. */
  #recovery(): Pick<SimulatedPorts, 'recovery' | 'rebooter' | 'rootSwapper' | 'processRestarter'> {
    const { reader, rebooter, rootSwapper, processRestarter } = this.region.recovery;
    return {
      recovery: reader,
      rebooter: { reboot: (id) => this.#noted('reboot', id, () => rebooter.reboot(id)) },
      rootSwapper: {
        ...rootSwapper,
        swap: (request) => {
          this.#note('swap-root', request.instanceId, { imageId: request.imageId });
          return rootSwapper.swap(request);
        },
      },
      processRestarter: { ...processRestarter, restart: (request) => this.#noted('restart', request.instanceId, () => processRestarter.restart(request)) },
    };
  }

  #groups(): Pick<SimulatedPorts, 'groups' | 'groupChanger'> {
    const { reader, changer } = this.region.groups;
    return {
      groups: reader,
      groupChanger: {
        ...changer,
        markUnhealthy: (id) => this.#noted('mark-unhealthy', id, () => changer.markUnhealthy(id)),
        enterStandby: (group, id) => this.#noted('standby', id, () => changer.enterStandby(group, id)),
        completeLifecycleAction: (group, hook, id) => this.#noted('complete-hook', id, () => changer.completeLifecycleAction(group, hook, id), hook),
      },
    };
  }

  #alarmCloner(): SimulatedPorts['alarmCloner'] {
    const { alarmCloner } = this.region;
    const of = (alarmName: string): string => this.region.findAlarm(alarmName)?.instanceId ?? alarmName;
    return {
      clone: (name, original, from, to) => this.#noted('clone-alarm', to, () => alarmCloner.clone(name, original, from, to), name),
      retire: (name) => this.#noted('switch-alarm', of(name), () => alarmCloner.retire(name), name),
      revive: (name) => this.#noted('switch-alarm', of(name), () => alarmCloner.revive(name), name),
    };
  }

  #leftBehind(): LeftBehind {
    const { leftBehind } = this.region;
    return {
      instances: () => leftBehind.instances(),
      volumes: () => leftBehind.volumes(),
      interfaces: () => leftBehind.interfaces(),
      rootSnapshotOf: (id) => leftBehind.rootSnapshotOf(id),
      deleteVolume: (id) => this.#noted('delete', id, () => leftBehind.deleteVolume(id)),
      deleteInterface: (id) => this.#noted('delete', id, () => leftBehind.deleteInterface(id)),
    };
  }

  async #launch(request: Parameters<ReplacementLauncher['launch']>[0]): Promise<{ readonly instanceId: string }> {
    const known = this.launched.size;
    const { instanceId } = await this.region.launcher.launch(request);
    if (this.launched.has(instanceId)) return { instanceId };
    this.launched.set(instanceId, request.remediationId);
    if (this.sickImages.has(request.imageId) || this.isNextLaunchSick) this.region.setTargetUnhealthy(instanceId, true);
    this.isNextLaunchSick = false;
    this.stir();
    if (this.staleMillis > 0) this.stale.set(instanceId, { until: this.clock.millis + this.staleMillis, facts: undefined });
    const { by, remediationId = request.remediationId } = this.frame;
    if (this.launched.size > known)
      this.onEffect({ kind: 'launch', subject: instanceId, by, at: this.clock.now(), before: undefined, remediationId, imageId: request.imageId });
    return { instanceId };
  }

  #publish(message: NotificationMessage): { readonly messageId: string } {
    if (this.clock.millis < this.publisherDownUntil) throw new RetryableError('The topic is throttled: try again.');
    const sent = this.published.get(message.notificationId) ?? [];
    this.published.set(message.notificationId, [...sent, message]);
    this.#note('publish', message.notificationId);
    return { messageId: `m-${this.published.size}-${sent.length}` };
  }

  /** What the functions are given beside their ports. */
  base(by: FunctionName): { readonly scope: typeof simulatedScope; readonly clock: Clock; readonly hasher: Hasher } {
    return { scope: this.scope, clock: this.clocks[by], hasher: simulatedHasher };
  }

  at(secondsFromNow: number): Timestamp {
    return addSeconds(this.clock.now(), secondsFromNow);
  }
}
