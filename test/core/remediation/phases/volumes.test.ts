import { describe, expect, it } from 'vitest';
import { PermanentError, RetryableError } from '../../../../core/environment/errors.ts';
import type { InstanceFacts } from '../../../../core/remediation/ports.ts';
import { dataVolumesOf, defuse, isGone, isOverdue, moveVolumes, rearm, rearmOld, returnVolumes } from '../../../../core/remediation/phases/volumes.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import type { InterfacePlace, VolumePlace } from '../../../../core/remediation/surroundings/attachment-ports.ts';
import type { Capture, CapturedInterface, CapturedVolume } from '../../../../core/remediation/surroundings/capture.ts';
import { capturedVolume, instanceFacts } from '../builders.ts';
import { createWorld, OLD } from '../world.ts';
import { type Answers, done, failed, NEW, openStage, ran, refusing, type Stage, stillAttachments, storeCapture, throttled, wait } from './stage.ts';

const volume = capturedVolume({ volumeId: 'vol-data', deviceName: '/dev/sdf', isRoot: false, deleteOnTermination: false });
const root = capturedVolume();
const second: CapturedInterface = {
  networkInterfaceId: 'eni-second',
  deviceIndex: 1,
  deleteOnTermination: true,
  privateIpAddresses: ['10.0.1.10'],
  securityGroupIds: ['sg-web'],
};

const at = (instanceId: string, changes: Partial<VolumePlace> = {}): VolumePlace => ({
  volumeId: 'vol-data',
  state: 'in-use',
  instanceId,
  deviceName: '/dev/sdf',
  attachmentState: 'attached',
  ...changes,
});

const inState = (state: InstanceFacts['state']): InstanceFacts => instanceFacts({ instanceId: OLD, state });

const answersOf = (place: VolumePlace | undefined, holder?: InstanceFacts): Answers => ({
  ...stillAttachments,
  volumes: { ...stillAttachments.volumes, read: async () => place },
  instances: { read: async () => holder },
});

const movingRecord: Partial<Remediation> = { newInstanceId: NEW, phase: 'move-volumes' };
const returningRecord: Partial<Remediation> = { newInstanceId: NEW, phase: 'return-volumes', phases: [ran('move-volumes', 'failed')] };

async function withVolume(place: VolumePlace | undefined, holder?: InstanceFacts, captured: CapturedVolume = volume): Promise<Stage> {
  return openStage({ record: movingRecord, capture: { volumes: [root, captured] }, answers: answersOf(place, holder) });
}

describe('a data volume on its way to the replacement', () => {
  it.for([
    ['does not exist', undefined, failed('The volume vol-data is gone; restore it from its newest snapshot')],
    ['is being deleted', at(OLD, { state: 'deleting' }), failed('The volume vol-data is gone; restore it from its newest snapshot')],
    ['is deleted', at(OLD, { state: 'deleted' }), failed('The volume vol-data is gone; restore it from its newest snapshot')],
    ['is held by somebody else', at('i-other'), failed('The volume vol-data is held by i-other, which is no part of this repair')],
    ['is free but not ready', { volumeId: 'vol-data', state: 'creating' }, wait('The volume vol-data is creating')],
    ['is being attached to it', at(NEW, { attachmentState: 'attaching' }), wait('The volume vol-data is attaching at i-new0001')],
    ['is at it, and how is not said', { volumeId: 'vol-data', state: 'in-use', instanceId: NEW }, wait('The volume vol-data is in-use at i-new0001')],
    ['is at another device of it', at(NEW, { deviceName: '/dev/sdz' }), failed('The volume vol-data is at /dev/sdz of i-new0001, not at /dev/sdf')],
    [
      'is at a device of it that is not said',
      { volumeId: 'vol-data', state: 'in-use', instanceId: NEW, attachmentState: 'attached' },
      failed('The volume vol-data is at an unknown device of i-new0001, not at /dev/sdf'),
    ],
    ['is attached where it was', at(NEW), done('In place: vol-data at /dev/sdf of i-new0001')],
  ] as const)('that %s is not touched', async ([, place, result]) => {
    const { run, made, calls } = await withVolume(place);
    expect(await run(moveVolumes)).toEqual(result);
    expect(made).toEqual([]);
    expect(await calls()).toEqual([]);
  });

  it('that is free is attached at its device, once', async () => {
    const { run, made, calls } = await withVolume({ volumeId: 'vol-data', state: 'available' });
    const result = wait('The volume vol-data is being attached to i-new0001');
    expect([await run(moveVolumes), await run(moveVolumes)]).toEqual([result, result]);
    expect(made).toEqual([['volumes.attach', 'vol-data', NEW, '/dev/sdf']]);
    expect(await calls()).toEqual(['move:attach:vol-data']);
  });

  it('ends with its instance again where it did before', async () => {
    const { run, made, calls } = await withVolume(at(NEW), undefined, { ...volume, deleteOnTermination: true });
    expect(await run(moveVolumes)).toEqual(done('In place: vol-data at /dev/sdf of i-new0001'));
    expect(made).toEqual([['volumes.setDeleteOnTermination', NEW, '/dev/sdf', true]]);
    expect(await calls()).toEqual(['move:keep-setting:vol-data']);
  });

  it.for([
    ['running', failed('i-old is running; its volume vol-data is not taken from it')],
    ['pending', failed('i-old is pending; its volume vol-data is not taken from it')],
    ['stopping', wait('i-old is stopping and still holds vol-data')],
    ['shutting-down', wait('i-old is shutting-down and still holds vol-data')],
    ['terminated', wait('i-old is terminated and still holds vol-data')],
  ] as const)('is not taken from an instance that is %s', async ([state, result]) => {
    const { run, made } = await withVolume(at(OLD), inState(state));
    expect(await run(moveVolumes)).toEqual(result);
    expect(made).toEqual([]);
  });

  it('is let go of by an instance that is gone', async () => {
    const { run, made } = await withVolume(at(OLD));
    expect(await run(moveVolumes)).toEqual(wait('i-old is gone and still holds vol-data'));
    expect(made).toEqual([]);
  });

  it('is taken from a stopped instance, and by force once more than half of the time is over', async () => {
    const { world, run, made, calls } = await withVolume(at(OLD, { attachmentState: 'busy' }), inState('stopped'));
    const result = wait('The volume vol-data is busy at i-old');
    expect(await run(moveVolumes)).toEqual(result);
    world.clock.advance(300);
    expect(await run(moveVolumes)).toEqual(result);
    expect(made).toEqual([['volumes.detach', 'vol-data', OLD, false]]);
    world.clock.advance(1);
    expect([await run(moveVolumes), await run(moveVolumes)]).toEqual([result, result]);
    expect(made.slice(1)).toEqual([['volumes.detach', 'vol-data', OLD, true]]);
    expect(await calls()).toEqual(['move:detach:vol-data', 'move:force-detach:vol-data']);
  });

  it('is said to be held where EC2 does not say more', async () => {
    const { run } = await withVolume({ volumeId: 'vol-data', state: 'in-use', instanceId: OLD }, inState('stopped'));
    expect(await run(moveVolumes)).toEqual(wait('The volume vol-data is held at i-old'));
  });
});

describe('a data volume on its way back', () => {
  it.for([
    ['is taken from the stopped replacement', at(NEW), inState('stopped'), wait('The volume vol-data is attached at i-new0001'), 'return:detach:vol-data'],
    [
      'is attached to the old instance once it is free',
      { volumeId: 'vol-data', state: 'available' },
      undefined,
      wait('The volume vol-data is being attached to i-old'),
      'return:attach:vol-data',
    ],
  ] as const)('%s', async ([, place, holder, result, call]) => {
    const { run, calls } = await openStage({ record: returningRecord, capture: { volumes: [root, volume] }, answers: answersOf(place, holder) });
    expect(await run(returnVolumes)).toEqual(result);
    expect(await calls()).toEqual([call]);
  });

  it('is in place at the old instance; whether it ends with it is set by the last phase', async () => {
    const capture = { volumes: [{ ...volume, deleteOnTermination: true }] };
    const { run, made } = await openStage({ record: returningRecord, capture, answers: answersOf(at(OLD)) });
    expect(await run(returnVolumes)).toEqual(done('In place: vol-data at /dev/sdf of i-old'));
    expect(made).toEqual([]);
  });

  it('is nothing to do where no volume had begun to move', async () => {
    const { run, made } = await openStage({ record: movingRecord, capture: { volumes: [volume] }, answers: answersOf(at(NEW), inState('stopped')) });
    expect(await run(returnVolumes)).toEqual(done('Nothing of it had moved'));
    expect(made).toEqual([]);
  });
});

describe('what the phases know of an instance', () => {
  it('the root is no data volume', async () => {
    expect(dataVolumesOf(await storeCapture(createWorld(), { volumes: [root, volume] }))).toEqual([volume]);
  });

  it.for([
    [undefined, true],
    ['terminated', true],
    ['shutting-down', true],
    ['stopped', false],
    ['stopping', false],
    ['running', false],
    ['pending', false],
  ] as const)('%s: gone %s', ([state, isEnded]) => {
    expect(isGone(state === undefined ? undefined : inState(state))).toBe(isEnded);
  });

  it('the last resort comes after half of the time of the phase', async () => {
    const { world, context } = await openStage({ record: movingRecord });
    world.clock.advance(300);
    expect(isOverdue(await context())).toBe(false);
    world.clock.advance(1);
    expect(isOverdue(await context())).toBe(true);
  });
});

/** Where everything is, and whether it ends with its instance, as a test changes it. */
function places(
  changes: Readonly<Record<string, Partial<VolumePlace & InterfacePlace> | 'gone'>> = {},
  old: InstanceFacts | undefined = inState('running'),
): Answers {
  const held = (id: string) => {
    const change = changes[id];
    return change === 'gone' ? undefined : { state: 'in-use', instanceId: OLD, deleteOnTermination: false, ...change };
  };
  const read = {
    volumes: async (volumeId: string) => {
      const found = held(volumeId);
      return found === undefined ? undefined : { volumeId, ...found };
    },
    interfaces: async (networkInterfaceId: string) => {
      const found = held(networkInterfaceId);
      return found === undefined ? undefined : { networkInterfaceId, ...found };
    },
  };
  return {
    ...stillAttachments,
    volumes: { ...stillAttachments.volumes, read: read.volumes },
    interfaces: { ...stillAttachments.interfaces, read: read.interfaces },
    instances: { read: async () => old },
  };
}

const keeping: Partial<Capture> = {
  volumes: [root, { ...volume, deleteOnTermination: true }, { ...volume, volumeId: 'vol-logs', deviceName: '/dev/sdg' }],
  secondaryInterfaces: [second, { ...second, networkInterfaceId: 'eni-third', deviceIndex: 2, deleteOnTermination: false }],
};

const armed = (isDeleted: boolean) => [
  ['volumes.setDeleteOnTermination', OLD, '/dev/xvda', isDeleted],
  ['volumes.setDeleteOnTermination', OLD, '/dev/sdf', isDeleted],
  ['interfaces.setDeleteOnTermination', 'eni-second', isDeleted],
];

describe('before harm', () => {
  it('nothing that had to end with the old instance ends with it any more', async () => {
    const { run, made, calls } = await openStage({ capture: keeping, answers: places() });
    expect(await run(defuse)).toEqual(done('Nothing but i-old itself can end with it'));
    expect(made).toEqual(armed(false));
    expect(await calls()).toEqual(['defuse:vol-root', 'defuse:vol-data', 'defuse:eni-second']);
  });

  it.for([
    ['of a volume', { 'vol-data': { deleteOnTermination: true }, 'eni-second': { deleteOnTermination: true } }, 'vol-data'],
    ['of a volume that was not to end with it when it was captured', { 'vol-logs': { deleteOnTermination: true } }, 'vol-logs'],
    ['of an interface', { 'eni-second': { deleteOnTermination: true } }, 'eni-second'],
    ['of an interface that was not to end with it when it was captured', { 'eni-third': { deleteOnTermination: true } }, 'eni-third'],
  ] as const)('EC2 is asked again until it shows the change %s', async ([, changes, thing]) => {
    const { run } = await openStage({ capture: keeping, answers: places(changes) });
    expect(await run(defuse)).toEqual(wait(`${thing} would still end with i-old`));
  });

  const elsewhere = { instanceId: 'i-other', deleteOnTermination: true };
  it.for([
    { 'vol-data': elsewhere, 'vol-root': 'gone', 'eni-second': elsewhere, 'eni-third': 'gone' },
    { 'vol-data': elsewhere, 'vol-root': elsewhere, 'eni-second': 'gone', 'eni-third': elsewhere },
  ] as const)('what somebody else holds, or what is gone, is not touched and not waited for: %j', async (found) => {
    const { run, made } = await openStage({ capture: keeping, answers: places(found) });
    expect(await run(defuse)).toEqual(done('Nothing but i-old itself can end with it'));
    expect(made).toEqual([]);
  });

  it('an instance without secondary interfaces has volumes only', async () => {
    const { run, made } = await openStage({ capture: { volumes: [root], secondaryInterfaces: undefined }, answers: places() });
    expect(await run(defuse)).toEqual(done('Nothing but i-old itself can end with it'));
    expect(made).toEqual([['volumes.setDeleteOnTermination', OLD, '/dev/xvda', false]]);
  });

  it.for([['gone'], [{ state: 'deleting' }], [{ state: 'deleted' }]] as const)('a data volume that is gone stops the repair: %j', async ([change]) => {
    const { run, made } = await openStage({ capture: keeping, answers: places({ 'vol-logs': change }) });
    expect(await run(defuse)).toEqual(failed('The data volume vol-logs does not exist any more; restore it from its newest snapshot'));
    expect(made).toEqual([]);
  });

  it.for(['terminated', 'shutting-down'] as const)('an instance that is %s takes nothing along any more', async (state) => {
    const { run, made } = await openStage({ capture: keeping, answers: places({}, inState(state)) });
    expect(await run(defuse)).toEqual(done('i-old is gone; its data volumes have outlived it'));
    expect(made).toEqual([]);
  });
});

describe.for([
  ['rearm', rearm],
  ['rearm-old', rearmOld],
] as const)('after all: %s', ([, phase]) => {
  it('what the old instance holds ends with it again, as it was captured', async () => {
    const { run, made, calls } = await openStage({ capture: keeping, answers: places({ 'vol-root': { instanceId: OLD } }) });
    expect(await run(phase)).toEqual(done('What i-old holds ends with it again, as it was'));
    expect(made).toEqual(armed(true));
    expect(await calls()).toEqual(['rearm:vol-root', 'rearm:vol-data', 'rearm:eni-second']);
  });

  it('nothing is set on an instance that is gone', async () => {
    const { run, made } = await openStage({ capture: keeping, answers: places({}, inState('terminated')) });
    expect(await run(phase)).toEqual(done('i-old is gone'));
    expect(made).toEqual([]);
  });

  it('a setting that EC2 refuses is told and fails nothing', async () => {
    const given = places();
    const refused = { ...given, volumes: { ...given.volumes, setDeleteOnTermination: refusing(new PermanentError('IncorrectState')) } };
    const { run } = await openStage({ capture: keeping, answers: refused });
    expect(await run(phase)).toEqual(done('Volumes and interfaces may outlive i-old: IncorrectState'));
  });

  it('a throttle is no answer: it is tried again', async () => {
    const given = places();
    const answers = { ...given, volumes: { ...given.volumes, setDeleteOnTermination: throttled } };
    const { run } = await openStage({ capture: keeping, answers });
    await expect(run(phase)).rejects.toThrow(new RetryableError('RequestLimitExceeded'));
  });
});
