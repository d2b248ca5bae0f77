import { tagKeys } from '../core/inventory/records.ts';
import { keys } from '../core/records/keys.ts';
import { writeOf } from '../core/records/record-type.ts';
import { type RequestEvent, requestBody, revertRefusal } from '../core/remediation/admission/asked.ts';
import { abortRemediation, approveRemediation } from '../core/remediation/admission/requests.ts';
import { pauseType, type Remediation } from '../core/remediation/record.ts';
import { alarmEvent, executionEvent, instanceEvent } from './events.ts';
import type { Play } from './play.ts';
import type { Dice } from './random.ts';
import { imageOf, type StagedInstance } from './stage.ts';
import { functionNames, type FunctionName } from './world.ts';

/*
 * What can go wrong. To add a fault: one row in `faultKinds`; scenarios give it a weight. A fault decides everything by dice of its
 * own, so that leaving another one out does not change it: that is how failing runs shrink.
 */

export interface Fault {
  readonly kind: FaultKind;
  /** Seconds after the beginning of the run. */
  readonly at: number;
  readonly seed: number;
}

/** Gives what it did, in words; `undefined` when there was nothing to do it to. Mishaps of calls count when they strike. */
type Apply = (play: Play, dice: Dice, index: number) => string | undefined;

const ARMED = 'armed';

/** How many instances one fault hits at most. */
const MOST_STRUCK = 7;

export const faultKinds = {
  // --- our own functions --------------------------------------------------------------------------------------------
  crash: (play, dice, fault) => {
    const by = dice.pick<FunctionName>(['driver', 'driver', 'driver', 'driver', 'signals', 'signals', 'poll', 'page', 'sweep', 'reap']) ?? 'driver';
    play.crashes.push({ by, call: dice.between(1, by === 'signals' ? 40 : 12), moment: dice.percent(50) ? 'before' : 'after', fault });
    return ARMED;
  },
  /** The moment at which nobody knows: the call took effect, its outcome is not written. Sometimes an operator pauses just then. */
  'crash-after-harm': (play, dice, fault) => {
    const call = dice.pick(['launch', 'launch', 'deregister', 'register', 'stop', 'start', 'mark', 'isolate', 'publish', 'clone']) ?? 'launch';
    const isPaused = dice.percent(40);
    const pauseThen = (): void => {
      setPause(play, 'global', true);
      play.later(60, () => setPause(play, 'global', false));
    };
    play.crashes.push({ by: 'driver', call, moment: 'after', fault, ...(isPaused ? { alongside: pauseThen } : {}) });
    return ARMED;
  },
  overlap: (play, dice, fault) => {
    play.overlaps.push({ by: dice.percent(50) ? 'driver' : 'signals', call: dice.between(1, 14), fault });
    return ARMED;
  },
  'clock-skew': (play, dice) => {
    const by = dice.pick(functionNames) ?? 'driver';
    const seconds = dice.between(-8, 8);
    play.world.clocks[by].skewMillis = seconds * 1000;
    play.later(dice.between(60, 600), () => void (play.world.clocks[by].skewMillis = 0));
    return `the clock of ${by} is ${seconds} s off`;
  },
  // --- what lies between ----------------------------------------------------------------------------------------------
  duplicate: (play, dice) => {
    const known = dice.pick(play.handled);
    if (known === undefined) return undefined;
    play.redeliver(known);
    return `a message is delivered again: ${play.nameOf(known.body)}`;
  },
  delay: (play, dice, fault) => {
    play.delays.push({ seconds: dice.between(20, 200), fault });
    return ARMED;
  },
  reorder: (play, dice, fault) => {
    play.delays.push({ seconds: dice.between(3, 8), fault });
    return ARMED;
  },
  lost: (play, _dice, fault) => {
    play.losses.push(fault);
    return ARMED;
  },
  throttling: (play, dice) => {
    const seconds = dice.between(20, 90);
    const percent = dice.between(4, 15);
    play.throttling = { until: play.world.clock.millis + seconds * 1000, percent, seed: dice.seed() };
    return `${percent} % of all calls are throttled for ${seconds} s`;
  },
  'publisher-down': (play, dice) => {
    const seconds = dice.between(30, 150);
    play.world.publisherDownUntil = play.world.clock.millis + seconds * 1000;
    return `notifications cannot be published for ${seconds} s`;
  },
  'eventual-consistency': (play, dice) => {
    const seconds = dice.between(1, 4);
    play.world.staleMillis = seconds * 1000;
    play.later(dice.between(120, 600), () => void (play.world.staleMillis = 0));
    // Drawn last: what else a seed decides stays as it was.
    play.world.isStoppingUnlisted = dice.percent(30);
    return `reads lag ${seconds} s behind changes${play.world.isStoppingUnlisted ? ', and what stops is not listed' : ''}`;
  },
  // --- AWS ------------------------------------------------------------------------------------------------------------
  capacity: (play, dice) => {
    play.imagesChangedAt = play.world.clock.millis;
    play.world.region.refuseLaunches('InsufficientInstanceCapacity: there is no capacity in the zone');
    play.later(dice.between(60, 600), () => play.world.region.refuseLaunches(undefined));
    return 'no capacity for launches';
  },
  'stuck-stop': (play, dice) => {
    const seconds = dice.between(120, 900);
    play.world.region.stickNextStop(seconds);
    return `the next stop takes ${seconds} s`;
  },
  'zone-loss': (play, dice) => {
    const zone = dice.pick(['eu-central-1a', 'eu-central-1b', 'eu-central-1c']) ?? 'eu-central-1a';
    // Each instance's trouble is work; a part of the zone shows the same as all of it.
    const struck = ours(play)
      .filter(({ seed }) => seed.availabilityZone === zone && dice.percent(30))
      .slice(0, MOST_STRUCK);
    for (const instance of struck) ail(play, instance, 'both');
    play.later(dice.between(300, 1200), () => {
      for (const instance of struck) heal(play, instance);
    });
    return `the zone ${zone} is lost with ${struck.length} instances`;
  },
  'bad-image': (play, dice) => {
    const role = dice.pick(Object.keys(play.world.stage.images)) ?? 'web';
    const imageId = imageOf(role, 2);
    if (dice.percent(50)) play.world.sickImages.add(imageId);
    else play.world.region.makeImageBad(imageId, 'Client.InternalError: the key of its volume may not be used');
    // It shows in what already runs from it, too.
    for (const instanceId of play.world.launched.keys()) if (play.world.region.find(instanceId)?.imageId === imageId) play.world.disturb(instanceId);
    return `the image ${imageId} of ${role} is bad`;
  },
  'new-image': (play, dice) => {
    const role = dice.pick(Object.keys(play.world.stage.images)) ?? 'web';
    const imageId = imageOf(role, 3);
    play.world.region.addImage(imageId);
    play.world.region.approveImage(role, imageId);
    return `the image ${imageId} is approved for ${role}, and nobody has run it yet`;
  },
  'image-gone': (play, dice) => {
    const role = dice.pick(Object.keys(play.world.stage.images)) ?? 'web';
    const imageId = imageOf(role, 2);
    const state = dice.pick(['deregistered', 'disabled', 'available']) ?? 'disabled';
    play.world.region.addImage(imageId, state === 'available' ? { architecture: 'arm64' } : { state });
    play.imagesChangedAt = play.world.clock.millis;
    play.later(dice.between(300, 900), () => play.world.region.addImage(imageId));
    return `the image ${imageId} is ${state === 'available' ? 'of another architecture' : state}`;
  },
  'sick-replacement': (play) => {
    play.world.isNextLaunchSick = true;
    return 'the next replacement never becomes healthy';
  },
  'replacement-dies': (play, dice) => {
    const instanceId = dice.pick([...play.world.launched.keys()].filter((id) => play.world.region.find(id)?.state === 'running'));
    if (instanceId === undefined) return undefined;
    play.world.region.setTargetUnhealthy(instanceId, true);
    play.world.disturb(instanceId);
    return `the replacement ${instanceId} becomes unhealthy`;
  },
  // --- the fleet --------------------------------------------------------------------------------------------------------
  trouble: (play, dice) =>
    begin(
      play,
      dice,
      pickAiling(play, dice, (instance) => instance.place !== undefined),
    ),
  'lone-trouble': (play, dice) =>
    begin(
      play,
      dice,
      pickAiling(play, dice, ({ place }) => place?.system.startsWith('lone-') === true),
    ),
  /** What a rack or a bad configuration does: many single machines at once. */
  'lone-storm': (play, dice) => {
    const struck = ours(play)
      .filter(({ place }) => place?.system.startsWith('lone-') === true && dice.percent(40))
      .slice(0, MOST_STRUCK);
    for (const instance of struck) ail(play, instance, 'status');
    return `${struck.length} single machines fail at once`;
  },
  'odd-trouble': (play, dice) =>
    begin(
      play,
      dice,
      pickAiling(play, dice, ({ oddity, place }) => place !== undefined && oddity !== 'none'),
    ),
  'foreign-trouble': (play, dice) =>
    begin(
      play,
      dice,
      pickAiling(play, dice, ({ place }) => place === undefined),
    ),
  'group-trouble': (play, dice) => {
    const group = dice.pick(ours(play).filter(({ place }) => place?.system.startsWith('fleet-') === true))?.place?.groupId;
    const struck = ours(play)
      .filter(({ place }) => place?.groupId === group && dice.percent(70))
      .slice(0, MOST_STRUCK);
    for (const instance of struck) ail(play, instance, 'target');
    if (dice.percent(50)) {
      play.later(dice.between(200, 900), () => {
        for (const instance of struck) heal(play, instance);
      });
    }
    return `${struck.length} instances of ${group ?? 'no group'} are unhealthy at once`;
  },
  'wrong-alarm': (play, dice) => {
    const system = dice.pick(ours(play).filter(({ alarmName }) => alarmName !== undefined))?.place?.system;
    const watched = ours(play)
      .filter(({ place, alarmName }) => alarmName !== undefined && (place?.system === system || dice.percent(5)))
      .slice(0, MOST_STRUCK);
    for (const instance of watched) setAlarm(play, instance, 'ALARM');
    play.later(dice.between(300, 900), () => {
      for (const instance of watched) setAlarm(play, instance, 'OK');
    });
    return `${watched.length} alarms say ALARM though nothing is wrong`;
  },
  /** Of instances that have what moves. */
  'kept-trouble': (play, dice) => begin(play, dice, pickAiling(play, dice, ofSystem('kept-'))),
  /** A host that fails, which EC2 may mend by itself; or a system on it, which one of the gentler steps may mend. */
  'ladder-trouble': (play, dice) => {
    const instance = pickAiling(play, dice, ofSystem('ladder-'));
    if (instance === undefined) return undefined;
    const isOnHost = dice.percent(35);
    const isServing = dice.percent(30);
    if (isOnHost) failHost(play, instance, isServing);
    else failWithCure(play, dice, instance, isServing);
    play.world.disturb(instance.seed.instanceId);
    hinderSteps(play, dice, instance.seed.instanceId);
    if (isOnHost && dice.percent(60)) play.later(dice.between(90, 700), () => heal(play, instance));
    return `${instance.seed.instanceId} of ${instance.place?.system ?? ''} fails: ${isOnHost ? 'its host' : 'the system on it'}`;
  },
  'member-trouble': (play, dice) => begin(play, dice, pickAiling(play, dice, ofSystem('asg-'))),
  /** The group's own health check is faster than we are. */
  'group-heals': (play, dice) => {
    const instance = pickAiling(play, dice, ofSystem('asg-'));
    if (instance === undefined) return undefined;
    ail(play, instance, 'target');
    play.later(dice.between(20, 200), () => {
      play.world.region.groups.markByItself(instance.seed.instanceId);
      play.world.disturb(instance.seed.instanceId);
    });
    return `${instance.seed.instanceId} has trouble, and its group will replace it by itself`;
  },
  'instance-refresh': (play, dice) =>
    disturbGroup(play, dice, 'refreshes its instances', (name, isOver) =>
      play.world.region.groups.setRefreshes(name, isOver ? [] : [{ refreshId: 'refresh-1', status: 'InProgress' }]),
    ),
  'group-cannot-launch': (play, dice) =>
    disturbGroup(play, dice, 'cannot launch', (name, isOver) =>
      play.world.region.groups.failLaunches(name, isOver ? undefined : 'InsufficientInstanceCapacity: there is no capacity in the zone'),
    ),
  'template-gone': (play, dice) =>
    disturbGroup(play, dice, 'names an image that is gone', (name, isOver) => {
      const role = play.world.stage.groups.find((group) => group.name === name)?.memberTags[tagKeys.role] ?? 'web';
      play.world.region.groups.setTemplateImage(name, isOver ? imageOf(role, 2) : 'ami-that-is-gone');
    }),
  /** What a launch that was undone has left, and what looks like it. */
  'left-behind': (play, dice) => {
    const { region, clock } = play.world;
    const ended = dice.pick(play.world.remediations().filter(({ state, calls }) => state === 'failed' && calls['launch'] !== undefined));
    const id = `${play.world.stage.name}-${dice.seed().toString(36)}`;
    const isOurs = dice.percent(50) && ended !== undefined;
    const tags = { [tagKeys.remediation]: isOurs ? ended.id : 'rem-of-another-installation' };
    if (ended?.imageId !== undefined) region.leftBehind.setRootSnapshot(ended.imageId, `snap-of-${ended.imageId}`);
    const isData = dice.percent(40);
    region.leftBehind.addVolume({
      volumeId: `vol-${id}`,
      createdAt: clock.now(),
      tags,
      snapshotId: isData ? 'snap-of-data' : `snap-of-${ended?.imageId ?? ''}`,
    });
    region.leftBehind.addInterface({ networkInterfaceId: `eni-${id}`, isManagedByAws: dice.percent(20), tags });
    if (!isOurs || isData) play.untouchable.add(`vol-${id}`);
    if (!isOurs) play.untouchable.add(`eni-${id}`);
    return `a volume and an interface are left behind by ${tags[tagKeys.remediation] ?? ''}`;
  },
  // --- people -----------------------------------------------------------------------------------------------------------
  pause: (play, dice) => {
    const system = dice.percent(50) ? dice.pick(play.world.catalog.systems)?.metadata.name : undefined;
    const target = system === undefined ? 'global' : `system#${system}`;
    setPause(play, target, true);
    play.later(dice.between(60, 500), () => setPause(play, target, false));
    return `an operator pauses ${target}`;
  },
  freeze: (play, dice) => {
    setPause(play, 'global', true, true);
    play.later(dice.between(60, 900), () => setPause(play, 'global', false));
    return `an operator freezes everything${failSinceProof(play, dice, () => true)}`;
  },
  approve: (play, dice) => {
    const record = dice.pick(asking(play));
    if (record === undefined) return undefined;
    play.unsettled = approve(play, record.id);
    return `an operator approves ${record.id}`;
  },
  /** Somebody says yes a while after the time for it: nothing may come of that. */
  'approve-late': (play, dice) => {
    const record = dice.pick(play.world.remediations().filter(({ approval }) => approval !== undefined && approval.granted === undefined));
    if (record?.approval === undefined) return undefined;
    const seconds = Math.max(0, Math.ceil((Date.parse(record.approval.expiresAt) - play.world.clock.millis) / 1000));
    play.later(seconds + dice.between(5, 120), () => void (play.unsettled = approve(play, record.id)));
    return `an operator will approve ${record.id} too late`;
  },
  'replace-by-hand': (play, dice) => {
    const instance = dice.pick(ours(play));
    if (instance === undefined) return undefined;
    return request(play, { type: 'Instance Replace Requested', detail: { instanceId: instance.seed.instanceId, ...byOperator } });
  },
  'revert-by-hand': (play, dice) => {
    const record = dice.pick(play.world.remediations().filter((known) => revertRefusal(known) === undefined));
    if (record?.newInstanceId === undefined) return undefined;
    const detail = { instanceId: record.newInstanceId, remediationId: record.id, ...byOperator };
    return request(play, { type: 'Instance Revert Requested', detail });
  },
  /** Somebody starts a quarantined instance again, or takes its tags away. */
  'quarantine-touched': (play, dice) => {
    const { region } = play.world;
    const put = dice.pick(region.all().filter(({ tags, state }) => tags[tagKeys.quarantine] !== undefined && state === 'stopped'));
    if (put === undefined) return undefined;
    region.setState(put.instanceId, 'running', 'an operator started it');
    play.world.disturb(put.instanceId);
    return `an operator starts ${put.instanceId}, which is in quarantine`;
  },
  /** Tags copied from one of ours to an instance of somebody else. */
  'false-quarantine': (play, dice) => {
    const { region } = play.world;
    const ended = dice.pick(play.world.remediations().filter(({ state }) => state === 'failed' || state === 'succeeded'));
    const other = pickAiling(play, dice, ({ place }) => place === undefined);
    if (ended === undefined || other === undefined) return undefined;
    const { instanceId } = other.seed;
    const tags = { [tagKeys.quarantine]: ended.incidentId, [tagKeys.quarantineUntil]: play.world.clock.now(), [tagKeys.remediation]: ended.id };
    for (const [key, value] of Object.entries(tags)) region.setTag(instanceId, key, value);
    region.setState(instanceId, 'stopped', 'an operator stopped it');
    play.world.disturb(instanceId);
    return `${instanceId} carries the quarantine tags of ${ended.id}, which never saw it`;
  },
  drill: (play, dice) => {
    const system = dice.pick(play.world.catalog.policies)?.spec.system;
    return system === undefined ? undefined : request(play, { type: 'System Drill Requested', detail: { system, ...byOperator } });
  },
  /** An execution is stopped by hand, or lost: nobody carries the repair on. */
  'execution-lost': (play, dice) => {
    const execution = dice.pick([...play.world.executions.values()].filter(({ status }) => status === 'running'));
    if (execution === undefined) return undefined;
    execution.status = 'ended';
    if (dice.percent(50)) play.post(executionEvent(execution.name, 'ABORTED', play.world.clock.now(), play.world.scope));
    return `the execution of ${execution.remediationId} is gone${failSinceProof(play, dice, ({ id }) => id === execution.remediationId)}`;
  },
  abort: (play, dice) => {
    const record = dice.pick(play.world.remediations().filter(({ state }) => state === 'running'));
    if (record === undefined) return undefined;
    play.unsettled = abortRemediation({ ...play.world.base('signals'), store: play.world.store }, record.id, 'an operator', 'simulated');
    return `an operator aborts ${record.id}`;
  },
  deploy: (play, dice) => {
    const catalog = dice.pick(play.world.stage.catalogs);
    if (catalog === undefined || catalog === play.world.catalog) return undefined;
    play.world.catalogs.push({ at: play.world.clock.now(), catalog });
    return `another catalog is in force: ${catalog.policies.length} policies for ${catalog.systems.length} systems`;
  },
  'terminated-by-hand': (play, dice) => byHand(play, dice, 'terminated'),
  'stopped-by-hand': (play, dice) => byHand(play, dice, 'stopped'),
  hold: (play, dice) => {
    const instance = dice.pick(ours(play));
    if (instance === undefined) return undefined;
    play.world.region.setTag(instance.seed.instanceId, tagKeys.hold, 'an operator looks at it');
    play.world.disturb(instance.seed.instanceId);
    return `${instance.seed.instanceId} is put on hold`;
  },
  protect: (play, dice) => {
    const quarantined = play.world.region.all().filter(({ tags, state }) => tags[tagKeys.quarantine] !== undefined && state !== 'terminated');
    const instanceId = dice.pick(quarantined)?.instanceId ?? dice.pick(ours(play))?.seed.instanceId;
    if (instanceId === undefined) return undefined;
    play.world.region.setTerminationProtection(instanceId, true);
    play.protectedInstances.add(instanceId);
    return `${instanceId} is protected against termination`;
  },
} as const satisfies Record<string, Apply>;

export type FaultKind = keyof typeof faultKinds;

/** Lets a fault happen. True when it counts now; an armed one counts when it strikes. */
export function strike(play: Play, fault: Fault, index: number, dice: Dice): boolean {
  const apply: Apply = faultKinds[fault.kind];
  const said = apply(play, dice, index);
  if (said === undefined || said === ARMED) return false;
  play.say('fault', `${fault.kind}: ${said}`);
  return true;
}

/** Instances of ours that still stand where the stage put them. */
function ours(play: Play): readonly StagedInstance[] {
  return [...play.world.staged.values()].filter(({ place, seed }) => place !== undefined && play.world.region.find(seed.instanceId)?.state === 'running');
}

function pickAiling(play: Play, dice: Dice, isWanted: (instance: StagedInstance) => boolean): StagedInstance | undefined {
  const standing = [...play.world.staged.values()].filter(
    (instance) => isWanted(instance) && play.world.region.find(instance.seed.instanceId)?.state === 'running',
  );
  return dice.pick(standing);
}

const ofSystem =
  (prefix: string) =>
  ({ place }: StagedInstance): boolean =>
    place?.system.startsWith(prefix) === true;

const byOperator = { by: 'an operator', reason: 'simulated' } as const;

function request(play: Play, event: RequestEvent): string {
  play.post(requestBody(play.world.scope, event, play.world.clock.now()));
  return `an operator asks: ${event.type} ${JSON.stringify(event.detail)}`;
}

const asking = (play: Play): readonly Remediation[] =>
  play.world.remediations().filter(({ state, approval }) => state === 'running' && approval !== undefined && approval.granted === undefined);

async function approve(play: Play, remediationId: string): Promise<void> {
  const answer = await approveRemediation({ ...play.world.base('signals'), store: play.world.ports.store }, remediationId, 'an operator');
  play.say('world', `approval of ${remediationId}: ${answer.kind}, ${answer.reason}`);
  if (answer.kind === 'accepted') play.approved.add(remediationId);
}

function failHost(play: Play, { seed: { instanceId } }: StagedInstance, isServing: boolean): void {
  play.world.region.setStatus(instanceId, 'system', 'impaired');
  play.world.region.setTargetUnhealthy(instanceId, !isServing);
}

/** Ails until one of the gentler steps is taken, or for good where the ladder does not name that. */
function failWithCure(play: Play, dice: Dice, instance: StagedInstance, isServing: boolean): void {
  play.world.region.recovery.setCure(instance.seed.instanceId, dice.pick(['restart', 'reboot', 'root-swap'] as const) ?? 'reboot');
  ail(play, instance, isServing ? 'status' : 'both');
}

/** Now and then a gentle step fails in itself. */
function hinderSteps(play: Play, dice: Dice, instanceId: string): void {
  if (dice.percent(10)) play.world.region.recovery.failCommands(instanceId);
  if (dice.percent(15)) play.world.region.recovery.endNextSwap(instanceId, dice.pick(['failed', 'failed-detached'] as const) ?? 'failed');
}

/** One Auto Scaling group is disturbed for a while. */
function disturbGroup(play: Play, dice: Dice, how: string, set: (name: string, isOver: boolean) => void): string | undefined {
  const name = dice.pick(play.world.stage.groups)?.name;
  if (name === undefined) return undefined;
  const change = (isOver: boolean): void => {
    set(name, isOver);
    play.groupChangedAt.set(name, play.world.clock.millis);
    play.world.stir();
  };
  change(false);
  play.later(dice.between(100, 900), () => change(true));
  return `the group ${name} ${how}`;
}

function begin(play: Play, dice: Dice, instance: StagedInstance | undefined): string | undefined {
  if (instance === undefined) return undefined;
  const how = instance.alarmName !== undefined && dice.percent(35) ? 'alarm' : (dice.pick(['target', 'status', 'both'] as const) ?? 'both');
  if (how === 'alarm') setAlarm(play, instance, 'ALARM');
  if (how === 'alarm' && dice.percent(60)) ail(play, instance, 'target');
  if (how !== 'alarm') ail(play, instance, how);
  if (dice.percent(30)) play.later(dice.between(30, 400), () => heal(play, instance));
  return `${instance.seed.instanceId} of ${instance.place?.system ?? 'somebody else'} has trouble: ${how}`;
}

function ail(play: Play, { seed: { instanceId } }: StagedInstance, how: 'target' | 'status' | 'both'): void {
  if (how !== 'status') play.world.region.setTargetUnhealthy(instanceId, true);
  if (how !== 'target') play.world.region.setStatus(instanceId, 'instance', 'impaired');
  play.world.disturb(instanceId);
}

function heal(play: Play, instance: StagedInstance): void {
  const { instanceId } = instance.seed;
  play.world.region.setTargetUnhealthy(instanceId, false);
  play.world.region.setStatus(instanceId, 'instance', 'ok');
  play.world.region.setStatus(instanceId, 'system', 'ok');
  if (instance.alarmName !== undefined) setAlarm(play, instance, 'OK');
  play.world.disturb(instanceId);
  play.say('world', `${instanceId} is healthy again`);
}

function setAlarm(play: Play, { alarmName = '', seed }: StagedInstance, state: 'ALARM' | 'OK'): void {
  const { world } = play;
  const before = world.region.findAlarm(alarmName);
  if (before === undefined || before.state === state) return;
  world.region.setAlarmState(alarmName, state);
  world.disturb(seed.instanceId);
  const alarm = world.region.findAlarm(alarmName);
  // Actions that a replacement took off its predecessor's alarm send nothing; EventBridge tells of every change all the same.
  if (alarm !== undefined) play.post(alarmEvent(alarm, world.clock.now(), world.scope));
}

function setPause(play: Play, target: string, isPaused: boolean, isFrozen = false): void {
  const { world } = play;
  const key = keys.pause(world.scope, target);
  const body = { target, isPaused, by: 'an operator', reason: 'simulated', at: world.clock.now(), ...(isFrozen ? { isFrozen } : {}) };
  const version = world.store.peek(key)?.version ?? 0;
  if (target === 'global') setFrozen(play, isFrozen);
  play.pauses.set(target, isPaused ? world.clock.now() : undefined);
  play.unsettled = world.store.write([writeOf(pauseType, key, body, version)]);
  play.say('world', isPaused ? `${target} is paused` : `${target} is resumed`);
}

/** A way back that has seen the old instance serve, and has more to do. */
const hasProof = ({ state, revertOf, phases }: Remediation): boolean =>
  state === 'running' && revertOf !== undefined && phases.some(({ name, outcome }) => name === 'await-old-healthy' && outcome === 'done');

/**
 * While such a way back stands still, its old instance serves no more. Drawn last, and rare: what else a seed decides stays as it was.
 */
function failSinceProof(play: Play, dice: Dice, isMeant: (record: Remediation) => boolean): string {
  const standing = play.world.remediations().filter((record) => hasProof(record) && isMeant(record));
  const instance = play.world.staged.get(dice.pick(standing)?.oldInstanceId ?? '');
  if (instance === undefined || dice.percent(50)) return '';
  ail(play, instance, 'target');
  return `, and ${instance.seed.instanceId}, which has come back, fails again`;
}

function setFrozen(play: Play, isFrozen: boolean): void {
  const now = play.world.clock.now();
  if (play.frozenSince !== undefined) play.freezes.push({ from: play.frozenSince, until: now });
  play.frozenSince = isFrozen ? now : undefined;
}

function byHand(play: Play, dice: Dice, state: 'stopped' | 'terminated'): string | undefined {
  const { world } = play;
  const inRepair = world.remediations().flatMap((record) => (record.state === 'running' ? [record.oldInstanceId, record.newInstanceId ?? ''] : []));
  const instanceId = dice.percent(70) ? dice.pick(inRepair.filter((id) => world.region.find(id)?.state === 'running')) : dice.pick(ours(play))?.seed.instanceId;
  if (instanceId === undefined) return undefined;
  world.region.setState(instanceId, state, 'Client.UserInitiatedShutdown: an operator did it');
  world.disturb(instanceId);
  play.post(instanceEvent(instanceId, state, world.clock.now(), world.scope), { isBestEffort: true });
  return `an operator has ${instanceId} ${state}`;
}
