import { describe, expect, it } from 'vitest';
import type { InstanceFacts } from '../../../../core/remediation/ports.ts';
import { moveInterfaces, returnInterfaces } from '../../../../core/remediation/phases/interfaces.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import type { InterfacePlace } from '../../../../core/remediation/surroundings/attachment-ports.ts';
import type { CapturedInterface } from '../../../../core/remediation/surroundings/capture.ts';
import { instanceFacts } from '../builders.ts';
import { OLD } from '../world.ts';
import { type Answers, done, failed, NEW, openStage, ran, type Stage, stillAttachments, wait } from './stage.ts';

const second: CapturedInterface = {
  networkInterfaceId: 'eni-second',
  deviceIndex: 1,
  deleteOnTermination: false,
  privateIpAddresses: ['10.0.1.10'],
  securityGroupIds: ['sg-web'],
};

const at = (instanceId: string, changes: Partial<InterfacePlace> = {}): InterfacePlace => ({
  networkInterfaceId: 'eni-second',
  state: 'in-use',
  instanceId,
  deviceIndex: 1,
  attachmentState: 'attached',
  ...changes,
});

const answersOf = (place: InterfacePlace | undefined, holder?: InstanceFacts): Answers => ({
  ...stillAttachments,
  interfaces: { ...stillAttachments.interfaces, read: async () => place },
  instances: { read: async () => holder },
});

const movingRecord: Partial<Remediation> = { newInstanceId: NEW, phase: 'move-interfaces' };
const returningRecord: Partial<Remediation> = { newInstanceId: NEW, phase: 'return-interfaces', phases: [ran('move-interfaces')] };

async function withInterface(place: InterfacePlace | undefined, holder?: InstanceFacts, captured: CapturedInterface = second): Promise<Stage> {
  return openStage({ record: movingRecord, capture: { secondaryInterfaces: [captured] }, answers: answersOf(place, holder) });
}

describe('a network interface on its way to the replacement', () => {
  it.for([
    ['does not exist', undefined, failed('The network interface eni-second does not exist any more')],
    ['is held by somebody else', at('i-other'), failed('The network interface eni-second is held by i-other, which is no part of this repair')],
    ['is free but not ready', { networkInterfaceId: 'eni-second', state: 'pending' }, wait('The network interface eni-second is pending')],
    ['is being attached to it', at(NEW, { attachmentState: 'attaching' }), wait('The network interface eni-second is attaching at i-new0001')],
    [
      'is at it, and how is not said',
      { networkInterfaceId: 'eni-second', state: 'in-use', instanceId: NEW },
      wait('The network interface eni-second is in-use at i-new0001'),
    ],
    ['has another number there', at(NEW, { deviceIndex: 2 }), failed('The network interface eni-second is number 2 of i-new0001, not 1')],
    [
      'has a number there that is not said',
      { networkInterfaceId: 'eni-second', state: 'in-use', instanceId: NEW, attachmentState: 'attached' },
      failed('The network interface eni-second is number unknown of i-new0001, not 1'),
    ],
    ['is attached as it was', at(NEW), done('In place: eni-second as interface 1 of i-new0001')],
  ] as const)('that %s is not touched', async ([, place, result]) => {
    const { run, made, calls } = await withInterface(place);
    expect(await run(moveInterfaces)).toEqual(result);
    expect(made).toEqual([]);
    expect(await calls()).toEqual([]);
  });

  it('that is free is attached with its number, once', async () => {
    const { run, made, calls } = await withInterface({ networkInterfaceId: 'eni-second', state: 'available' });
    const result = wait('The network interface eni-second is being attached to i-new0001');
    expect([await run(moveInterfaces), await run(moveInterfaces)]).toEqual([result, result]);
    expect(made).toEqual([['interfaces.attach', 'eni-second', NEW, 1]]);
    expect(await calls()).toEqual(['move:attach:eni-second']);
  });

  it('ends with its instance again where it did before', async () => {
    const { run, made, calls } = await withInterface(at(NEW), undefined, { ...second, deleteOnTermination: true });
    expect(await run(moveInterfaces)).toEqual(done('In place: eni-second as interface 1 of i-new0001'));
    expect(made).toEqual([['interfaces.setDeleteOnTermination', 'eni-second', true]]);
    expect(await calls()).toEqual(['move:keep-setting:eni-second']);
  });

  it('is taken from the old instance, also from one that runs', async () => {
    const { run, made, calls } = await withInterface(at(OLD, { attachmentState: 'detaching' }), instanceFacts({ state: 'running' }));
    const result = wait('The network interface eni-second is detaching at i-old');
    expect([await run(moveInterfaces), await run(moveInterfaces)]).toEqual([result, result]);
    expect(made).toEqual([['interfaces.detach', 'eni-second', false]]);
    expect(await calls()).toEqual(['move:detach:eni-second']);
  });

  it('is said to be held where EC2 does not say more', async () => {
    const { run } = await withInterface({ networkInterfaceId: 'eni-second', state: 'in-use', instanceId: OLD });
    expect(await run(moveInterfaces)).toEqual(wait('The network interface eni-second is held at i-old'));
  });

  it('is taken by force once more than half of the time is over, not before', async () => {
    const { world, run, made, calls } = await withInterface(at(OLD), instanceFacts({ state: 'stopped' }));
    world.clock.advance(300);
    await run(moveInterfaces);
    expect(made).toEqual([['interfaces.detach', 'eni-second', false]]);
    world.clock.advance(1);
    expect(await run(moveInterfaces)).toEqual(wait('The network interface eni-second is attached at i-old'));
    expect(made.slice(1)).toEqual([['interfaces.detach', 'eni-second', true]]);
    expect(await calls()).toEqual(['move:detach:eni-second', 'move:force-detach:eni-second']);
  });

  it.for([['running'], ['stopping'], [undefined]] as const)('is not taken by force from an instance that is not stopped: %s', async ([state]) => {
    const { world, run, made } = await withInterface(at(OLD), state === undefined ? undefined : instanceFacts({ state }));
    world.clock.advance(301);
    await run(moveInterfaces);
    expect(made).toEqual([['interfaces.detach', 'eni-second', false]]);
  });
});

describe('a network interface on its way back', () => {
  const capture = { secondaryInterfaces: [{ ...second, deleteOnTermination: true }] };

  it.for([
    ['is taken from the replacement', at(NEW), wait('The network interface eni-second is attached at i-new0001'), 'return:detach:eni-second'],
    [
      'is attached to the old instance once it is free',
      { networkInterfaceId: 'eni-second', state: 'available' },
      wait('The network interface eni-second is being attached to i-old'),
      'return:attach:eni-second',
    ],
  ] as const)('%s', async ([, place, result, call]) => {
    const { run, calls } = await openStage({ record: returningRecord, capture, answers: answersOf(place) });
    expect(await run(returnInterfaces)).toEqual(result);
    expect(await calls()).toEqual([call]);
  });

  it('is in place at the old instance; whether it ends with it is set by the last phase', async () => {
    const { run, made } = await openStage({ record: returningRecord, capture, answers: answersOf(at(OLD)) });
    expect(await run(returnInterfaces)).toEqual(done('In place: eni-second as interface 1 of i-old'));
    expect(made).toEqual([]);
  });

  it('is nothing to do where none had begun to move', async () => {
    const { run, made } = await openStage({ record: movingRecord, capture, answers: answersOf(at(NEW)) });
    expect(await run(returnInterfaces)).toEqual(done('Nothing of it had moved'));
    expect(made).toEqual([]);
  });
});

describe('an instance whose capture has no secondary interface', () => {
  it('has nothing to move', async () => {
    const { run } = await openStage({ record: movingRecord, capture: { secondaryInterfaces: undefined } });
    expect(await run(moveInterfaces)).toEqual(done('Nothing to move'));
  });
});
