import type { CompiledCatalog, RemediationPolicy, System } from '../../../core/catalog/schema.ts';
import { tagKeys } from '../../../core/inventory/records.ts';
import { partitions } from '../../../core/records/keys.ts';
import type { RecordStore, RecordWrite, StoredRecord } from '../../../core/records/store.ts';
import type { InstanceFacts } from '../../../core/remediation/ports.ts';
import type { PhaseName } from '../../../core/remediation/record.ts';
import type { ScenarioName } from '../../../sim/scenarios.ts';
import { primaryInterfaceId } from '../../../sim/simulated-attachments.ts';
import { simulatedScope } from '../../../sim/stage.ts';
import type { SimulatedPorts, Tamper, World } from '../../../sim/world.ts';

/*
 * Bugs that are planted on purpose, to see that the simulation catches them: one for each guardrail of design section 7, each
 * compensation and each promise of section 4. Each lies to the rules through a port, as if the rule that asks were not there; the
 * rules themselves are untouched, and no production program can load this file. To add one: a row, then `node test/sim/planted/find-seeds.ts`.
 */

export interface PlantedBug {
  readonly name: string;
  /** The row of design section 7, or the promise, that it breaks. */
  readonly breaks: string;
  /** How it is planted, in words. */
  readonly how: string;
  /** The kind of day on which it shows soonest. */
  readonly scenario?: ScenarioName;
  readonly tamper: Tamper;
}

// --- ways to lie ----------------------------------------------------------------------------------------------------------

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;

type Misread = (body: Readonly<Record<string, unknown>>, world: World) => Readonly<Record<string, unknown>>;

/** Records of one partition read otherwise than they are stored. */
function misreading(partition: string, misread: Misread): Tamper {
  return ({ store }, world) => {
    const bent = (record: StoredRecord): StoredRecord =>
      record.key.partition === partition && isObject(record.body) ? { ...record, body: misread(record.body, world) } : record;
    return {
      store: {
        ...methods(store),
        get: async (key) => {
          const record = await store.get(key);
          return record === undefined ? undefined : bent(record);
        },
        query: async (name, prefix, page) => {
          const answer = await store.query(name, prefix, page);
          return { ...answer, records: answer.records.map(bent) };
        },
      },
    };
  };
}

function methods(store: RecordStore): RecordStore {
  return {
    get: (key) => store.get(key),
    write: (writes) => store.write(writes),
    query: (partition, prefix, page) => store.query(partition, prefix, page),
    list: (list, page) => store.list(list, page),
  };
}

/** Writes that match never arrive, and nobody notices. */
function losing(isLost: (write: RecordWrite, world: World) => boolean): Tamper {
  return ({ store }, world) => ({
    store: {
      ...methods(store),
      write: async (writes) => {
        const kept = writes.filter((write) => !isLost(write, world));
        if (kept.length > 0) await store.write(kept);
      },
    },
  });
}

function misreadingInstances(misread: (instance: InstanceFacts, world: World) => InstanceFacts): Tamper {
  return ({ instances }, world) => ({
    instances: {
      ...instances,
      read: async (instanceId) => {
        const instance = await instances.read(instanceId);
        return instance === undefined ? undefined : misread(instance, world);
      },
    },
  });
}

/** The rules believe in another catalog than the one that is published. */
function believing(change: {
  readonly policy?: (policy: RemediationPolicy) => RemediationPolicy['spec'];
  readonly system?: (system: System) => System['spec'];
  readonly hasNoWindows?: boolean;
}): Tamper {
  return (_ports, world) => {
    const believed = new WeakMap<CompiledCatalog, CompiledCatalog>();
    world.distort = (catalog) => {
      const known = believed.get(catalog) ?? {
        ...catalog,
        ...(change.hasNoWindows === true ? { windows: [] } : {}),
        policies: catalog.policies.map((policy) => ({ ...policy, spec: change.policy?.(policy) ?? policy.spec })),
        systems: catalog.systems.map((system) => ({ ...system, spec: change.system?.(system) ?? system.spec })),
      };
      believed.set(catalog, known);
      return known;
    };
    return {};
  };
}

function all(...tampers: readonly Tamper[]): Tamper {
  return (ports, world) => {
    let bent: SimulatedPorts = ports;
    for (const tamper of tampers) bent = { ...bent, ...tamper(bent, world) };
    return bent;
  };
}

/** The repair that works now has failed and undoes. */
function isUndoing(world: World): boolean {
  const { remediationId } = world.frame;
  return remediationId !== undefined && world.remediation(remediationId)?.failure !== undefined;
}

/** While a repair undoes, this part of it does nothing, and reads say that it worked. */
const undoing =
  (name: PhaseName, lie: Tamper): Tamper =>
  (ports, world) => {
    const bent = lie(ports, world);
    return mapPorts(ports, bent, () => phaseNow(world) === name);
  };

const phaseNow = (world: World): PhaseName | undefined => world.remediation(world.frame.remediationId ?? '')?.phase;

/** The bent ports while it holds, the true ones else. */
function mapPorts(ports: SimulatedPorts, bent: Partial<SimulatedPorts>, isBent: () => boolean): Partial<SimulatedPorts> {
  return new Proxy(bent, {
    get: (target, name) => {
      const lying: unknown = Reflect.get(target, name);
      const honestPort: unknown = Reflect.get(ports, name);
      if (typeof lying !== 'object' || lying === null || typeof honestPort !== 'object' || honestPort === null) return lying;
      return new Proxy(honestPort, { get: (honest, key): unknown => Reflect.get(isBent() ? lying : honest, key) });
    },
  });
}

const nothing = async (): Promise<void> => undefined;

/** What the old instance had, in words of the reads that are asked after it. */
function oldInstanceOf(world: World): string {
  return world.remediation(world.frame.remediationId ?? '')?.oldInstanceId ?? '';
}

const isOldOf = (world: World, instanceId: string): boolean => instanceId === oldInstanceOf(world);

const wellStatus = (instanceId: string): { readonly instanceId: string; readonly system: 'ok'; readonly instance: 'ok' } => ({
  instanceId,
  system: 'ok',
  instance: 'ok',
});

const isTakingBack = (world: World): boolean => world.remediation(world.frame.remediationId ?? '')?.revertOf !== undefined;

const spared = <Place extends object>(place: Place | undefined): Place | undefined =>
  place === undefined ? undefined : { ...place, deleteOnTermination: false };

const scope = simulatedScope;
const pauses = partitions.pauses(scope);
const groups = partitions.groups(scope);
const slots = partitions.slots(scope);
const images = partitions.images(scope);
/** Where the caps of the account-region are kept; the partition has no name of its own in `partitions`. */
const platform = pauses.replace(/#pause$/, '#platform');
const signals = pauses.replace(/#pause$/, '#signal');
const captures = pauses.replace(/#pause$/, '#capture');

// --- the table --------------------------------------------------------------------------------------------------------------

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'pause is ignored',
    breaks: 'pause',
    how: 'The switches read as off',
    scenario: 'deploys-and-pauses',
    tamper: misreading(pauses, (body) => ({ ...body, isPaused: false })),
  },
  {
    name: 'freeze is only a pause',
    breaks: 'pause --freeze',
    how: 'A freeze reads as a pause',
    scenario: 'deploys-and-pauses',
    tamper: misreading(pauses, (body) => ({ ...body, isFrozen: false })),
  },
  {
    name: 'caps without a limit',
    breaks: 'platform caps',
    how: 'The policies read as allowing 100 in flight and 1,000 starts an hour',
    tamper: believing({ policy: ({ spec }) => ({ ...spec, caps: { ...spec.caps, maxInFlight: 100, maxStartsPerHour: 1000 } }) }),
  },
  {
    name: 'platform breaker never opens',
    breaks: 'platform caps: platform breaker',
    how: 'No system reads as unhealthy; shared causes are forgotten, because their breakers stop such storms first',
    scenario: 'single-machine-storm',
    tamper: misreading(platform, (body) => ({ ...body, unhealthySystems: [], breaker: { state: 'closed' }, troubles: [], causeBreakers: [] })),
  },
  {
    name: 'every trigger is listed',
    breaks: 'allow-list',
    how: 'The policies read as listing every trigger there is',
    tamper: believing({
      policy: ({ spec }) => ({
        ...spec,
        triggers: [
          'instance.status-check',
          'instance.target-unhealthy',
          ...Array.from({ length: 60 }, (_, index) => ({ alarm: `${spec.system}-${index}-errors` })),
        ],
      }),
    }),
  },
  {
    name: 'alarms with own actions pass',
    breaks: 'allow-list: an alarm with its own action',
    how: 'Alarms read as having no action of their own',
    scenario: 'wrong-alarm',
    tamper: ({ alarms }) => ({ alarms: { ...alarms, read: async (names) => (await alarms.read(names)).map((alarm) => ({ ...alarm, hasOwnAction: false })) } }),
  },
  {
    name: 'every policy is auto',
    breaks: 'opt-in and provenance: mode',
    how: 'Policies in approve and dry-run read as auto',
    tamper: believing({ policy: ({ spec }) => ({ ...spec, mode: 'auto' }) }),
  },
  {
    name: 'approval is taken for granted',
    breaks: 'approve mode',
    how: 'Open requests read as granted',
    tamper: misreading(partitions.remediations(scope), (body, world) =>
      isObject(body['approval']) && world.frame.by === 'driver'
        ? { ...body, approval: { ...body['approval'], granted: { by: 'nobody', at: world.clock.now() } } }
        : body,
    ),
  },
  {
    name: 'any image is of the lineage',
    breaks: 'opt-in and provenance: lineage',
    how: 'The history of approved images reads as holding every image that runs',
    tamper: ({ images: reader }) => ({ images: { ...reader, approvedHistory: async (role) => [...(await reader.approvedHistory(role)), 'ami-0123456789ab'] } }),
  },
  {
    name: 'nothing needs corroboration',
    breaks: 'opt-in and provenance: corroboration',
    how: 'Every instance reads as being in the security group of the system it is tagged for',
    tamper: misreadingInstances((instance) => ({ ...instance, securityGroupNames: [`sg-${instance.tags[tagKeys.system] ?? ''}`] })),
  },
  {
    name: 'data volumes are overlooked',
    breaks: 'opt-in and provenance: no data volume on a stateless system',
    how: 'Every instance reads as having its root volume only',
    tamper: misreadingInstances((instance) => ({ ...instance, dataVolumeIds: [] })),
  },
  {
    name: 'Spot is overlooked',
    breaks: 'capability rows: Spot',
    how: 'Spot instances read as on-demand',
    tamper: misreadingInstances((instance) => ({ ...instance, lifecycle: 'on-demand' })),
  },
  {
    name: 'state is overlooked',
    breaks: 'capability rows: stateful systems',
    how: 'Stateful systems read as stateless',
    tamper: believing({ system: ({ spec }) => ({ ...spec, recovery: { ...spec.recovery, stateful: false } }) }),
  },
  {
    name: 'the alarm is never re-read',
    breaks: 'pending duration: the source must still be true',
    how: 'Every alarm reads as in ALARM',
    scenario: 'wrong-alarm',
    tamper: ({ alarms }) => ({ alarms: { ...alarms, read: async (names) => (await alarms.read(names)).map((alarm) => ({ ...alarm, state: 'ALARM' })) } }),
  },
  {
    name: 'contradiction is ignored',
    breaks: 'pending duration: a contradicting independent source',
    how: 'Healthy targets read as starting',
    scenario: 'wrong-alarm',
    tamper: ({ targets }) => ({
      targets: {
        ...targets,
        registered: async (names) => (await targets.registered(names)).map((target) => (target.state === 'healthy' ? { ...target, state: 'initial' } : target)),
      },
    }),
  },
  {
    name: 'no pending time',
    breaks: 'pending duration',
    how: 'Policies read as having no pending time',
    tamper: believing({ policy: ({ spec }) => ({ ...spec, pendingSeconds: 0 }) }),
  },
  {
    name: 'no grace period',
    breaks: 'pending duration: grace period',
    how: 'Every instance reads as launched long ago',
    tamper: misreadingInstances((instance) => ({ ...instance, launchedAt: '2026-01-01T00:00:00.000Z' })),
  },
  {
    name: 'hold is ignored',
    breaks: 'pending duration: perennial:hold',
    how: 'The tag reads as absent',
    tamper: misreadingInstances((instance) => {
      const { [tagKeys.hold]: _hold, ...tags } = instance.tags;
      return { ...instance, tags };
    }),
  },
  {
    name: 'the breaker never opens',
    breaks: 'circuit breaker',
    how: 'Policies read as allowing a whole group to be unhealthy and in repair; shared causes are forgotten',
    scenario: 'large-fleet',
    tamper: all(
      believing({ policy: ({ spec }) => ({ ...spec, caps: { ...spec.caps, maxUnhealthyPercent: 100, maxInFlightPercent: 100 } }) }),
      misreading(platform, (body) => ({ ...body, troubles: [], causeBreakers: [] })),
      misreading(groups, (body, world) => (world.frame.by === 'signals' ? { ...body, inFlight: [] } : body)),
    ),
  },
  {
    name: 'slots are not locked',
    breaks: 'one at a time: the slot',
    how: 'A claim reads the slot and the group as free',
    tamper: all(
      misreading(slots, (body, world) => {
        const { remediationId: _lock, ...free } = body;
        return world.frame.by === 'signals' ? free : body;
      }),
      misreading(groups, (body, world) => (world.frame.by === 'signals' ? { ...body, inFlight: [] } : body)),
    ),
  },
  {
    name: 'groups have no cap',
    breaks: 'one at a time: the group',
    how: 'A claim reads the group as having nothing in flight',
    tamper: misreading(groups, (body, world) => (world.frame.by === 'signals' ? { ...body, inFlight: [] } : body)),
  },
  {
    name: 'bad replacements are forgotten',
    breaks: 'retry cap: replacements that stay unhealthy suspend the group',
    how: 'The group reads as having had none',
    scenario: 'bad-image',
    tamper: misreading(groups, (body) => ({ ...body, failedReplacements: [] })),
  },
  {
    name: 'untried images are good enough',
    breaks: 'image choice',
    how: 'Every approved image reads as verified in every group',
    tamper: ({ store }, world) => ({
      store: {
        ...methods(store),
        query: async (partition, prefix, page) => {
          const answer = await store.query(partition, prefix, page);
          if (partition !== images) return answer;
          const verifiedGroups = [...world.staged.values()].flatMap(({ place }) =>
            place === undefined ? [] : [{ groupId: place.groupId, at: world.clock.now(), instanceId: 'i-none' }],
          );
          return {
            ...answer,
            records: answer.records.map((record) => (isObject(record.body) ? { ...record, body: { ...record.body, verifiedGroups } } : record)),
          };
        },
      },
    }),
  },
  {
    name: 'images are not looked at',
    breaks: 'preflight before harm: the image',
    how: 'Every image reads as available and of the right architecture',
    scenario: 'bad-image',
    tamper: ({ images: reader }) => ({
      images: {
        ...reader,
        describe: async (imageId) => {
          const image = await reader.describe(imageId);
          return image === undefined ? undefined : { ...image, state: 'available', architecture: 'x86_64' };
        },
      },
    }),
  },
  {
    name: 'the rehearsal always passes',
    breaks: 'preflight before harm: capacity and permissions',
    how: 'The dry run says possible whatever EC2 says',
    scenario: 'single-machine-storm',
    tamper: ({ launcher }) => ({ launcher: { ...launcher, rehearse: async () => ({ kind: 'possible', reason: 'not asked' }) } }),
  },
  {
    name: 'stopping counts as stopped',
    breaks: 'fencing',
    how: 'An instance that is stopping reads as stopped',
    scenario: 'single-machine-storm',
    tamper: misreadingInstances((instance) => (instance.state === 'stopping' ? { ...instance, state: 'stopped' } : instance)),
  },
  {
    name: 'running is not awaited',
    breaks: 'order: running persists and both checks pass',
    how: 'Status checks read as passing from the first moment',
    tamper: ({ instances }) => ({
      instances: {
        ...instances,
        readStatus: async (instanceId) => {
          const status = await instances.readStatus(instanceId);
          return status === undefined
            ? undefined
            : {
                ...status,
                system: status.system === 'initializing' ? 'ok' : status.system,
                instance: status.instance === 'initializing' ? 'ok' : status.instance,
              };
        },
      },
    }),
  },
  {
    name: 'target health is not read back',
    breaks: 'order: target healthy for N reads',
    how: 'Every target reads as healthy',
    tamper: ({ targets }) => ({
      targets: { ...targets, health: async (id, asked) => (await targets.health(id, asked)).map((target) => ({ ...target, state: 'healthy' })) },
    }),
  },
  {
    name: 'evidence is lost',
    breaks: 'quarantine: evidence first',
    how: 'What was collected never reaches the timeline',
    tamper: losing(({ key }) => key.sort.includes(':evidence:')),
  },
  {
    name: 'quarantine ends at once',
    breaks: 'quarantine: kept 96 h',
    how: 'Every quarantine reads as over',
    tamper: ({ terminator }) => ({
      terminator: {
        ...terminator,
        quarantined: async () =>
          (await terminator.quarantined()).map((instance) => ({
            ...instance,
            tags: { ...instance.tags, [tagKeys.quarantineUntil]: '2026-11-21T09:00:00.000Z' },
          })),
      },
    }),
  },
  {
    name: 'launches are not idempotent',
    breaks: 'crash safety: client token',
    how: 'Every call of the launcher launches',
    tamper: ({ launcher }, world) => ({
      launcher: { ...launcher, launch: (request) => launcher.launch({ ...request, attempt: request.attempt * 1000 + world.launched.size }) },
    }),
  },
  {
    name: 'a failed replacement is left running',
    breaks: 'compensation: quarantine-new',
    how: 'The search for what was launched finds nothing',
    scenario: 'bad-image',
    tamper: ({ instances }) => ({
      instances: { ...instances, findByTag: async (key, value) => (key === tagKeys.remediation ? [] : instances.findByTag(key, value)) },
    }),
  },
  {
    name: 'a failed replacement stays in its target groups',
    breaks: 'compensation: deregister-new',
    how: 'Taking the replacement out does nothing',
    scenario: 'bad-image',
    tamper: ({ registrar }, world) => ({
      registrar: { ...registrar, deregister: async (id, targets) => (isUndoing(world) ? undefined : registrar.deregister(id, targets)) },
    }),
  },
  {
    name: 'the fenced instance is not started again',
    breaks: 'compensation: start-old',
    how: 'The start does nothing, and reads say that it worked',
    scenario: 'single-machine-storm',
    tamper: ({ power, instances }, world) => ({
      power: { ...power, start: async () => undefined },
      instances: {
        ...instances,
        read: async (instanceId) => {
          const instance = await instances.read(instanceId);
          return instance?.state === 'stopped' && isUndoing(world) && !world.launched.has(instanceId) ? { ...instance, state: 'running' } : instance;
        },
        readStatus: async (instanceId) => (isUndoing(world) ? { instanceId, system: 'ok', instance: 'ok' } : instances.readStatus(instanceId)),
      },
    }),
  },
  {
    name: 'the old instance is not registered again',
    breaks: 'compensation: register-old',
    how: 'Registering does nothing while a repair undoes',
    scenario: 'large-fleet',
    tamper: ({ registrar }, world) => ({
      registrar: { ...registrar, register: async (id, targets) => (isUndoing(world) ? undefined : registrar.register(id, targets)) },
    }),
  },
  {
    name: 'claims are not released',
    breaks: 'claims are released with the outcome',
    how: 'The driver’s writes of slots never arrive',
    tamper: losing(({ key }, world) => key.partition === slots && world.frame.by === 'driver'),
  },
  {
    name: 'messages go out twice',
    breaks: 'notifications: at most one repeat per crash',
    how: 'The publisher publishes every message twice',
    tamper: ({ publisher }) => ({
      publisher: {
        publish: async (message) => {
          await publisher.publish(message);
          return publisher.publish(message);
        },
      },
    }),
  },
  {
    name: 'messages get lost',
    breaks: 'notifications: never zero',
    how: 'The publisher says yes and sends nothing',
    tamper: () => ({ publisher: { publish: async () => ({ messageId: 'none' }) } }),
  },
  {
    name: 'no page is armed',
    breaks: 'a page can not be lost behind a repair',
    how: 'Arming the timer does nothing',
    tamper: () => ({ pageTimer: { arm: async () => undefined } }),
  },
  {
    name: 'every delivery is the first',
    breaks: 're-delivery changes nothing',
    how: 'What was heard of a signal reads as heard long ago, and no event as heard',
    tamper: (ports, world) => {
      const { store = ports.store } = misreading(signals, (body) => ({ ...body, changedAt: '2026-01-01T00:00:00.000Z', state: 'resolved' }))(ports, world);
      return { store: { ...store, get: async (key) => (key.partition === `${signals}-event` ? undefined : store.get(key)) } };
    },
  },
  {
    name: 'maintenance windows are not looked at',
    breaks: 'maintenance window',
    how: 'The catalog reads as having no window',
    scenario: 'maintenance',
    tamper: believing({ hasNoWindows: true }),
  },
  {
    name: 'attempts are forgotten',
    breaks: 'retry cap: attempts on a slot',
    how: 'Slots read as never tried',
    scenario: 'data-and-addresses',
    tamper: misreading(slots, (body) => ({ ...body, attempts: [] })),
  },
  {
    name: 'quarantine is taken for granted',
    breaks: 'quarantine (of a way back)',
    how: 'An instance that somebody started again reads as stopped in its quarantine',
    scenario: 'by-hand',
    tamper: misreadingInstances((instance) => (instance.tags[tagKeys.quarantine] !== undefined ? { ...instance, state: 'stopped' } : instance)),
  },
  {
    name: 'a failed probe is forgotten',
    breaks: 'circuit breaker: its probe',
    how: 'Groups read as having had no failed probe and no bad replacement',
    scenario: 'bad-image',
    tamper: misreading(groups, (body) => ({
      ...body,
      failedReplacements: [],
      breaker: isObject(body['breaker']) ? { ...body['breaker'], isProbeFailed: false } : body['breaker'],
    })),
  },
  {
    name: 'shared causes are forgotten',
    breaks: 'circuit breaker: shared cause',
    how: 'The platform reads as having no trouble in any zone, and no open breaker',
    scenario: 'zone-loss',
    tamper: misreading(platform, (body) => ({ ...body, troubles: [], causeBreakers: [], unhealthySystems: [], breaker: { state: 'closed' } })),
  },
  {
    name: 'captures are not kept',
    breaks: 'capture before harm',
    how: 'What a repair captures is never written',
    tamper: losing(({ key }) => key.partition === captures && key.sort.startsWith('rem-')),
  },
  {
    name: 'what ends with the instance is left so',
    breaks: 'defuse before harm',
    how: 'Nothing is set, and reads say that it was',
    scenario: 'data-and-addresses',
    tamper: undoing('defuse', ({ volumes, interfaces }) => ({
      volumes: { ...volumes, setDeleteOnTermination: nothing, read: async (id) => spared(await volumes.read(id)) },
      interfaces: { ...interfaces, setDeleteOnTermination: nothing, read: async (id) => spared(await interfaces.read(id)) },
    })),
  },
  {
    name: 'snapshots are only claimed',
    breaks: 'stateful systems: a fresh snapshot',
    how: 'No snapshot is taken, and each reads as complete',
    scenario: 'data-and-addresses',
    tamper: ({ snapshots }, world) => ({
      snapshots: {
        ...snapshots,
        take: async (_instanceId, volumeIds) =>
          volumeIds.map((volumeId) => ({ snapshotId: `of ${volumeId}`, volumeId, state: 'completed', startedAt: world.clock.now() })),
        read: async (ids) => ids.map((snapshotId) => ({ snapshotId, volumeId: snapshotId.slice(3), state: 'completed', startedAt: world.clock.now() })),
      },
    }),
  },
  {
    name: 'associations stay with the replacement',
    breaks: 'compensation: return-associations',
    how: 'They are not changed, and read as naming the old instance',
    scenario: 'data-and-addresses',
    tamper: undoing('return-associations', ({ associations }, world) => ({
      associations: { ...associations, retarget: nothing, targets: async () => [oldInstanceOf(world)] },
    })),
  },
  {
    name: 'records keep the new address',
    breaks: 'compensation: return-records',
    how: 'They are not changed, and read as holding what they held',
    scenario: 'data-and-addresses',
    tamper: undoing('return-records', ({ dnsRecords }, world) => ({
      dnsRecords: { ...dnsRecords, read: async () => [world.region.find(oldInstanceOf(world))?.privateIpAddress ?? ''] },
    })),
  },
  {
    name: 'addresses stay with the replacement',
    breaks: 'compensation: return-addresses',
    how: 'They are not moved, and read as leading to the old instance',
    scenario: 'data-and-addresses',
    tamper: undoing('return-addresses', ({ addresses }, world) => ({
      addresses: {
        ...addresses,
        associate: nothing,
        read: async (id) => {
          const place = await addresses.read(id);
          const address = world.region.find(oldInstanceOf(world))?.privateIpAddress ?? '';
          return place === undefined ? undefined : { ...place, networkInterfaceId: primaryInterfaceId(oldInstanceOf(world)), privateIpAddress: address };
        },
      },
    })),
  },
  {
    name: 'interfaces stay with the replacement',
    breaks: 'compensation: return-interfaces',
    how: 'They are not moved, and read as attached to the old instance',
    scenario: 'data-and-addresses',
    tamper: undoing('return-interfaces', ({ interfaces }, world) => ({
      interfaces: {
        ...interfaces,
        detach: nothing,
        attach: nothing,
        read: async (id) => {
          const place = await interfaces.read(id);
          return place === undefined ? undefined : { ...place, instanceId: oldInstanceOf(world), attachmentState: 'attached', deviceIndex: 1 };
        },
      },
    })),
  },
  {
    name: 'volumes stay with the replacement',
    breaks: 'compensation: return-volumes',
    how: 'They are not moved, and read as attached to the old instance',
    scenario: 'data-and-addresses',
    tamper: undoing('return-volumes', ({ volumes }, world) => ({
      volumes: {
        ...volumes,
        detach: nothing,
        attach: nothing,
        read: async (id) => {
          const place = await volumes.read(id);
          return place === undefined ? undefined : { ...place, instanceId: oldInstanceOf(world), attachmentState: 'attached', deviceName: '/dev/sdf' };
        },
      },
    })),
  },
  {
    name: 'the old instance is not armed again',
    breaks: 'compensation: rearm-old',
    how: 'What ended with it before is set as it is, and reads as set',
    scenario: 'data-and-addresses',
    tamper: undoing('rearm-old', ({ volumes, interfaces }) => ({
      volumes: { ...volumes, setDeleteOnTermination: nothing },
      interfaces: { ...interfaces, setDeleteOnTermination: nothing },
    })),
  },
  {
    name: 'the old instance is not awaited',
    breaks: 'compensation: await-old-running',
    how: 'It reads as running well from the first moment, for as long as was asked',
    scenario: 'single-machine-storm',
    tamper: all(believing({ policy: ({ spec }) => ({ ...spec, runningPersistSeconds: 0 }) }), ({ instances }, world) => ({
      instances: {
        ...instances,
        read: async (id) => {
          const instance = await instances.read(id);
          return instance?.state === 'pending' && isUndoing(world) && isOldOf(world, id) ? { ...instance, state: 'running' } : instance;
        },
        readStatus: async (id) => (isUndoing(world) && isOldOf(world, id) ? wellStatus(id) : instances.readStatus(id)),
      },
    })),
  },
  {
    name: 'whatever is left is put into service',
    breaks: 'compensation: restore-old',
    how: 'The old instance reads as running well, and as in no quarantine',
    scenario: 'data-and-addresses',
    tamper: undoing('restore-old', ({ instances }) => ({
      instances: {
        ...instances,
        read: async (id) => {
          const instance = await instances.read(id);
          return instance === undefined ? undefined : { ...instance, state: 'running', tags: {} };
        },
        readStatus: async (id) => wellStatus(id),
      },
    })),
  },
  {
    name: 'the old instance returns isolated',
    breaks: 'compensation: release-old',
    how: 'Its security groups are not given back',
    scenario: 'by-hand',
    tamper: undoing('release-old', ({ quarantine }) => ({ quarantine: { ...quarantine, rejoin: nothing } })),
  },
  {
    name: 'the old instance is not seen to serve',
    breaks: 'compensation: await-old-healthy',
    how: 'Its targets read as healthy',
    scenario: 'by-hand',
    tamper: undoing('await-old-healthy', ({ targets }) => ({
      targets: { ...targets, health: async (id, asked) => (await targets.health(id, asked)).map((target) => ({ ...target, state: 'healthy' })) },
    })),
  },
  {
    name: 'the replacement does not return',
    breaks: 'compensation: return-new',
    how: 'It is not started again, and reads as running well while it is waited for',
    scenario: 'by-hand',
    tamper: ({ power, instances }, world) => ({
      power: { ...power, start: async (id) => (phaseNow(world) === 'return-new' ? undefined : power.start(id)) },
      instances: {
        ...instances,
        read: async (id) => {
          const instance = await instances.read(id);
          const isAsked = phaseNow(world) === 'await-running' && isTakingBack(world);
          return instance !== undefined && isAsked ? { ...instance, state: 'running' } : instance;
        },
        readStatus: async (id) => (phaseNow(world) === 'await-running' && isTakingBack(world) ? wellStatus(id) : instances.readStatus(id)),
      },
    }),
  },
  {
    name: 'late approvals count',
    breaks: 'approve mode: its time',
    how: 'Open requests read as having time for ever',
    scenario: 'approvals',
    tamper: misreading(partitions.remediations(scope), (body) =>
      isObject(body['approval']) ? { ...body, approval: { ...body['approval'], expiresAt: '2099-01-01T00:00:00.000Z' } } : body,
    ),
  },
  {
    name: 'a failing host is not waited for',
    breaks: 'path choice: native recovery first',
    how: 'Every instance reads as one that EC2 does not recover',
    scenario: 'failing-hosts',
    tamper: ({ recovery }) => ({
      recovery: {
        ...recovery,
        capability: async (id) => {
          const found = await recovery.capability(id);
          return found === undefined ? undefined : { ...found, isRecoveredByEc2: false };
        },
      },
    }),
  },
  {
    name: 'a failing host is rebooted',
    breaks: 'path choice: nothing gentle on a failing host',
    how: 'Failing system checks read as failing instance checks',
    scenario: 'failing-hosts',
    tamper: ({ instances }) => ({
      instances: {
        ...instances,
        readStatus: async (id) => {
          const status = await instances.readStatus(id);
          return status?.system === 'impaired' ? { ...status, system: 'ok', instance: 'impaired' } : status;
        },
      },
    }),
  },
  {
    name: 'an instance refresh is not seen',
    breaks: 'group members: refresh in progress',
    how: 'Groups read as having none',
    scenario: 'scaling-groups',
    tamper: ({ groups: reader }) => ({ groups: { ...reader, openRefreshes: async () => [] } }),
  },
  {
    name: 'groups are not asked what they can launch',
    breaks: 'group members: preflight',
    how: 'The rehearsal says possible whatever EC2 says',
    scenario: 'scaling-groups',
    tamper: ({ groupChanger }) => ({ groupChanger: { ...groupChanger, rehearse: async () => ({ kind: 'possible', reason: 'not asked' }) } }),
  },
  {
    name: 'standby makes the group smaller',
    breaks: 'group members: desired capacity',
    how: 'Standby lowers the desired capacity by one',
    scenario: 'scaling-groups',
    tamper: ({ groupChanger }, world) => ({
      groupChanger: {
        ...groupChanger,
        enterStandby: async (name, id) => {
          await groupChanger.enterStandby(name, id);
          world.region.groups.setDesiredCapacity(name, (world.region.groups.desiredCapacityOf(name) ?? 1) - 1);
        },
      },
    }),
  },
  {
    name: 'drills break a member',
    breaks: 'drills: a throw-away instance only',
    how: 'Instead of a copy the drill is given the member itself',
    scenario: 'by-hand',
    tamper: ({ launcher }) => ({
      launcher: {
        ...launcher,
        launch: async (request) => (request.attempt === 0 ? { instanceId: request.capture.instanceId } : launcher.launch(request)),
      },
    }),
  },
  {
    name: 'the reaper believes tags',
    breaks: 'reaper: tag and record agree',
    how: 'Every remediation reads as having put every instance into quarantine',
    scenario: 'by-hand',
    tamper: misreading(partitions.remediations(scope), (body, world) => {
      if (world.frame.by !== 'reap' || !isObject(body['calls'])) return body;
      const marks = world.region.all().map(({ instanceId }) => [`mark:${instanceId}`, { attempt: 1, intentAt: '2026-11-21T09:00:00.000Z' }]);
      return { ...body, calls: { ...body['calls'], ...Object.fromEntries(marks) } };
    }),
  },
  {
    name: 'lost executions stay lost',
    breaks: 'reaper: half-finished remediations',
    how: 'Every execution reads as running',
    scenario: 'by-hand',
    tamper: () => ({ executionStates: { stateOf: async () => 'running' } }),
  },
  {
    name: 'what was lost in a freeze stays lost',
    breaks: 'reaper: half-finished remediations, after resume',
    how: 'The execution of a repair whose record says that it is frozen reads as running',
    scenario: 'by-hand',
    tamper: ({ executionStates }, world) => ({
      executionStates: {
        stateOf: async (name) =>
          world.remediations().some(({ executionName, frozen }) => executionName === name && frozen !== undefined) ? 'running' : executionStates.stateOf(name),
      },
    }),
  },
  {
    name: 'the reaper overlooks the freeze',
    breaks: 'pause --freeze: not even tidying up',
    how: 'For the reaper a freeze reads as a pause',
    scenario: 'by-hand',
    tamper: misreading(partitions.pauses(scope), (body, world) => (world.frame.by === 'reap' ? { ...body, isFrozen: false } : body)),
  },
  {
    name: 'orphans are not looked for',
    breaks: 'reaper: orphans',
    how: 'Nothing reads as launched by us',
    scenario: 'by-hand',
    tamper: ({ leftBehind }) => ({ leftBehind: { ...leftBehind, instances: async () => [] } }),
  },
  {
    name: 'data is taken for a root',
    breaks: 'reaper: a data volume is never deleted',
    how: 'Every loose volume reads as the root of the image that was launched',
    scenario: 'by-hand',
    tamper: ({ leftBehind }) => ({
      leftBehind: {
        ...leftBehind,
        rootSnapshotOf: async () => 'snap',
        volumes: async () => (await leftBehind.volumes()).map((volume) => ({ ...volume, snapshotId: 'snap' })),
      },
    }),
  },
  {
    name: 'not listed counts as gone',
    breaks: 'fencing: a lagging read is no end',
    how: 'While it is fenced, an instance that is not listed reads as ended',
    scenario: 'single-machine-storm',
    tamper: ({ instances }, world) => ({
      instances: {
        ...instances,
        read: async (id) => {
          const instance = await instances.read(id);
          const truth = world.region.find(id);
          return instance === undefined && truth !== undefined && phaseNow(world) === 'fence' ? { ...truth, state: 'terminated' } : instance;
        },
      },
    }),
  },
  {
    name: 'frozen time counts as served',
    breaks: 'order: verified for so long as somebody looks',
    how: 'In a verification a freeze reads as having begun just now',
    scenario: 'deploys-and-pauses',
    tamper: misreading(partitions.remediations(scope), (body, world) =>
      world.frame.by === 'driver' && (body['phase'] === 'verify' || body['phase'] === 'verify-serving') && isObject(body['frozen'])
        ? { ...body, frozen: { ...body['frozen'], at: world.clocks.driver.now() } }
        : body,
    ),
  },
  {
    name: 'old proofs count',
    breaks: 'compensation: prove-old',
    how: 'When a way back that stood still looks again, the targets of the old instance read as healthy',
    scenario: 'by-hand',
    tamper: undoing('prove-old', ({ targets }) => ({
      targets: { ...targets, health: async (id, asked) => (await targets.health(id, asked)).map((target) => ({ ...target, state: 'healthy' })) },
    })),
  },
  {
    name: 'the first quarantine is forgotten',
    breaks: 'compensation: return-new after a half-done way back',
    how: 'For a way back the replacement reads as in no quarantine',
    scenario: 'data-and-addresses',
    tamper: misreadingInstances((instance, world) => {
      const phase = phaseNow(world);
      if (!isTakingBack(world) || (phase !== 'quarantine-new' && phase !== 'return-new')) return instance;
      const { [tagKeys.quarantine]: _quarantine, ...tags } = instance.tags;
      return { ...instance, tags };
    }),
  },
  {
    name: 'the next step is chosen by old facts',
    breaks: 'path choice: the ladder asks again',
    how: 'Between two steps failing system checks read as failing instance checks',
    scenario: 'failing-hosts',
    tamper: ({ instances }, world) => ({
      instances: {
        ...instances,
        readStatus: async (id) => {
          const status = await instances.readStatus(id);
          return status !== undefined && phaseNow(world) === 'choose-step' ? { ...status, system: 'ok', instance: 'impaired' } : status;
        },
      },
    }),
  },
];
