import { beforeEach, describe, expect, it } from 'vitest';
import { PermanentError } from '../../core/environment/errors.ts';
import type { Capture } from '../../core/remediation/surroundings/capture.ts';
import type { InstanceState, LaunchRequest, TargetState } from '../../core/remediation/ports.ts';
import { VirtualClock } from '../../sim/deterministic.ts';
import { SimulatedRegion } from '../../sim/simulated-region.ts';

const target = { targetGroupArn: 'arn:tg/web', targetGroupName: 'web', port: 80 };
const other = { targetGroupArn: 'arn:tg/web', targetGroupName: 'web', port: 8080 };

let clock: VirtualClock;
let region: SimulatedRegion;
beforeEach(() => {
  clock = new VirtualClock('2026-11-21T09:00:00.000Z');
  region = new SimulatedRegion(clock);
  region.addInstance({
    instanceId: 'i-old',
    imageId: 'ami-v1',
    tags: { Name: 'web', 'perennial:system': 'shop-web', 'aws:cloudformation:stack-name': 'x' },
    launchedAt: '2026-11-20T09:00:00.000Z',
    targets: [target],
    instanceProfileArn: 'arn:profile/web',
  });
});

const stateOf = async (instanceId: string): Promise<InstanceState | undefined> => (await region.instances.read(instanceId))?.state;
const healthOf = async (instanceId: string): Promise<TargetState | undefined> => (await region.targets.health(instanceId, [target]))[0]?.state;

async function captured(): Promise<Capture> {
  const capture = await region.captures.capture('i-old', ['web'], clock.now());
  if (capture === undefined) throw new Error('nothing captured');
  return capture;
}

async function request(changes: Partial<LaunchRequest> = {}): Promise<LaunchRequest> {
  return { remediationId: 'rem-1', attempt: 1, capture: await captured(), imageId: 'ami-v2', tags: { 'perennial:remediation': 'rem-1' }, ...changes };
}

describe('launches', () => {
  it('take their time: pending, running, then status checks that pass', async () => {
    const { instanceId } = await region.launcher.launch(await request());
    expect(await stateOf(instanceId)).toBe('pending');
    expect(await region.instances.readStatus(instanceId)).toBeUndefined();
    clock.advance(20);
    expect(await stateOf(instanceId)).toBe('running');
    expect(await region.instances.readStatus(instanceId)).toMatchObject({ system: 'initializing', instance: 'initializing' });
    clock.advance(40);
    expect(await region.instances.readStatus(instanceId)).toMatchObject({ system: 'ok', instance: 'ok' });
  });

  it('are idempotent by remediation and attempt, and only by those', async () => {
    const first = await region.launcher.launch(await request());
    expect(await region.launcher.launch(await request())).toEqual(first);
    expect(await region.launcher.launch(await request({ attempt: 2 }))).not.toEqual(first);
    expect(await region.instances.findByTag('perennial:remediation', 'rem-1')).toHaveLength(2);
  });

  it('are refused for good while they are, and rehearsals say so without touching anything', async () => {
    region.refuseLaunches('InsufficientInstanceCapacity');
    expect(await region.launcher.rehearse(await request())).toEqual({ kind: 'impossible', reason: 'InsufficientInstanceCapacity' });
    await expect(region.launcher.launch(await request())).rejects.toThrow(PermanentError);
    expect(region.all()).toHaveLength(1);
  });

  it('from a bad image run for a moment and end by themselves, with the reason', async () => {
    region.makeImageBad('ami-v2', 'Client.InvalidKMSKey.InvalidState');
    const { instanceId } = await region.launcher.launch(await request());
    clock.advance(21);
    expect(await stateOf(instanceId)).toBe('running');
    clock.advance(1);
    expect(await region.instances.read(instanceId)).toMatchObject({ state: 'terminated', stateReason: 'Client.InvalidKMSKey.InvalidState' });
  });
});

describe('targets', () => {
  it('are initial, then healthy or not; drain when they are taken out, then are unregistered', async () => {
    const { instanceId } = await region.launcher.launch(await request());
    clock.advance(60);
    expect(await healthOf(instanceId)).toBe('unregistered');
    await region.registrar.register(instanceId, [target]);
    expect(await healthOf(instanceId)).toBe('initial');
    clock.advance(10);
    expect(await healthOf(instanceId)).toBe('healthy');
    region.setTargetUnhealthy(instanceId, true);
    expect(await healthOf(instanceId)).toBe('unhealthy');
    await region.registrar.deregister(instanceId, [target]);
    expect(await healthOf(instanceId)).toBe('draining');
    clock.advance(30);
    expect(await healthOf(instanceId)).toBe('unregistered');
    expect((await region.targets.registered(['web'])).map((row) => row.instanceId)).toEqual(['i-old']);
  });

  it('are registered and deregistered once, however often that is asked', async () => {
    await region.registrar.register('i-old', [target]);
    expect(await healthOf('i-old')).toBe('healthy');
    await region.registrar.deregister('i-old', [target]);
    clock.advance(20);
    await region.registrar.deregister('i-old', [target]);
    clock.advance(10);
    expect(await healthOf('i-old')).toBe('unregistered');
  });

  it('are unused while their instance does not run', async () => {
    await region.power.stop('i-old');
    expect(await healthOf('i-old')).toBe('unused');
  });

  it('of one instance may have several ports, each its own, as Elastic Load Balancing has it', async () => {
    await region.registrar.register('i-old', [other]);
    expect((await region.targets.registered(['web'])).map(({ port }) => port)).toEqual([80, 8080]);
    await region.registrar.deregister('i-old', [other]);
    expect((await region.targets.health('i-old', [target, other])).map(({ state }) => state)).toEqual(['healthy', 'draining']);
    expect((await captured()).targets).toEqual([target]);
  });
});

describe('power', () => {
  it('stops and starts, each in its time, and ignores what is so already', async () => {
    await region.power.stop('i-old');
    expect(await stateOf('i-old')).toBe('stopping');
    clock.advance(14);
    await region.power.stop('i-old');
    clock.advance(1);
    expect(await stateOf('i-old')).toBe('stopped');
    await region.power.start('i-old');
    expect(await stateOf('i-old')).toBe('pending');
    clock.advance(20);
    expect(await stateOf('i-old')).toBe('running');
    await region.power.start('i-old');
    expect(await stateOf('i-old')).toBe('running');
    await expect(region.power.stop('i-none')).rejects.toThrow(PermanentError);
  });
});

describe('captures', () => {
  it('hold what must be restored, without tags that are set afresh', async () => {
    expect(await captured()).toMatchObject({
      instanceId: 'i-old',
      imageId: 'ami-v1',
      tags: { Name: 'web' },
      targets: [target],
      instanceProfileArn: 'arn:profile/web',
    });
  });

  it('are not to be had of an instance that is gone, and are without targets that drain', async () => {
    await region.registrar.deregister('i-old', [target]);
    expect((await captured()).targets).toEqual([]);
    await region.terminator.terminate('i-old');
    expect(await region.captures.capture('i-old', ['web'], clock.now())).toBeUndefined();
    expect(await region.captures.capture('i-none', ['web'], clock.now())).toBeUndefined();
  });
});

describe('quarantine and its end', () => {
  it('isolates, drops the profile and moves tags, each once', async () => {
    region.setTag('i-old', 'Schedule', 'office-hours');
    const tags = { 'perennial:quarantine': 'inc-1' };
    expect(await region.quarantine.mark('i-old', tags, ['Schedule', 'backup'])).toEqual({ removedTags: { Schedule: 'office-hours' } });
    expect(await region.quarantine.mark('i-old', tags, ['Schedule', 'backup'])).toEqual({ removedTags: {} });
    await region.quarantine.isolate('i-old', 'vpc-1');
    expect(await region.quarantine.dropProfile('i-old')).toEqual({ instanceProfileArn: 'arn:profile/web' });
    expect(await region.quarantine.dropProfile('i-old')).toEqual({});
    expect(await region.instances.read('i-old')).toMatchObject({ securityGroupIds: ['sg-quarantine'], tags: { Name: 'web', 'perennial:quarantine': 'inc-1' } });
    expect((await region.terminator.quarantined()).map(({ instanceId }) => instanceId)).toEqual(['i-old']);
    await region.terminator.terminate('i-old');
    clock.advance(5);
    expect(await stateOf('i-old')).toBe('terminated');
    expect(await region.terminator.quarantined()).toEqual([]);
  });
});

describe('alarms', () => {
  it('are cloned once under a name of their own and found by the name of the original', async () => {
    region.addAlarm({ name: 'shop-web-cpu', state: 'ALARM', instanceId: 'i-old' });
    const clone = await region.alarmCloner.clone('shop-web-cpu', 'shop-web-cpu', 'i-old', 'i-new');
    expect(await region.alarmCloner.clone('shop-web-cpu', 'shop-web-cpu', 'i-old', 'i-new')).toEqual(clone);
    expect(await region.alarms.ofInstance('i-new', ['shop-web-*'])).toMatchObject([
      { name: clone.alarmName, alarmOf: 'shop-web-cpu', state: 'OK', instanceId: 'i-new' },
    ]);
    expect(await region.alarms.ofInstance('i-new', ['shop-db-*'])).toEqual([]);
    await region.alarmCloner.retire('shop-web-cpu');
    expect(region.alarmNames().map(({ name, areActionsEnabled }) => [name, areActionsEnabled])).toEqual([
      ['shop-web-cpu', false],
      [clone.alarmName, true],
    ]);
    expect(await region.alarms.read(['shop-web-cpu', 'nobody'])).toHaveLength(1);
  });
});
