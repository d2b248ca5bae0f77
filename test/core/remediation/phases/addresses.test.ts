import { describe, expect, it } from 'vitest';
import { moveAddresses, returnAddresses } from '../../../../core/remediation/phases/addresses.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import type { AddressPlace, PrimaryInterface } from '../../../../core/remediation/surroundings/attachment-ports.ts';
import type { Capture } from '../../../../core/remediation/surroundings/capture.ts';
import { OLD } from '../world.ts';
import { type Answers, done, failed, leftAlone, NEW, openStage, ran, type Stage, stillAttachments, wait } from './stage.ts';

const oldEnd: PrimaryInterface = { networkInterfaceId: 'eni-old', privateIpAddress: '10.0.0.1', secondaryPrivateIpAddresses: [] };
const newEnd: PrimaryInterface = { networkInterfaceId: 'eni-new', privateIpAddress: '10.0.0.2', secondaryPrivateIpAddresses: [] };
const elasticIp = { allocationId: 'eipalloc-1', publicIpAddress: '198.51.100.1', networkInterfaceId: 'eni-old', privateIpAddress: '10.0.0.1' };

const movingRecord: Partial<Remediation> = { newInstanceId: NEW, phase: 'move-addresses' };
const returningRecord: Partial<Remediation> = { newInstanceId: NEW, phase: 'return-addresses', phases: [ran('move-addresses')] };

interface Found {
  readonly ends?: Readonly<Record<string, PrimaryInterface | undefined>>;
  readonly places?: Readonly<Record<string, AddressPlace>>;
}

const finding = ({ ends = {}, places = {} }: Found): Answers => {
  const primaries: Readonly<Record<string, PrimaryInterface | undefined>> = { [OLD]: oldEnd, [NEW]: newEnd, ...ends };
  return {
    ...stillAttachments,
    interfaces: { ...stillAttachments.interfaces, primary: async (instanceId) => primaries[instanceId] },
    addresses: { ...stillAttachments.addresses, read: async (allocationId) => places[allocationId] },
  };
};

const placed = (networkInterfaceId?: string, privateIpAddress?: string): Readonly<Record<string, AddressPlace>> => ({
  'eipalloc-1': {
    allocationId: 'eipalloc-1',
    publicIpAddress: '198.51.100.1',
    ...(networkInterfaceId === undefined ? {} : { networkInterfaceId }),
    ...(privateIpAddress === undefined ? {} : { privateIpAddress }),
  },
});

const having = (secondaryPrivateIpAddresses: readonly string[], elasticIps: NonNullable<Capture['elasticIps']> = []): Partial<Capture> => ({
  primaryInterface: { networkInterfaceId: 'eni-old', secondaryPrivateIpAddresses: [...secondaryPrivateIpAddresses] },
  elasticIps,
});

const onStage = async (capture: Partial<Capture>, found: Found = {}, record = movingRecord): Promise<Stage> =>
  openStage({ record, capture, answers: finding(found) });

describe('the addresses of the primary interface', () => {
  it('fail the phase where nothing could take them', async () => {
    const { run, made } = await onStage(having(['10.0.0.200']), { ends: { [NEW]: undefined } });
    expect(await run(moveAddresses)).toEqual(failed('i-new0001 has no network interface that could take the addresses'));
    expect(made).toEqual([]);
  });

  it('may be none', async () => {
    const { run } = await onStage(having([]));
    expect(await run(moveAddresses)).toEqual(done('Nothing to move'));
  });

  it('are none that move where the capture knows no primary interface', async () => {
    const { run } = await onStage({ primaryInterface: undefined, elasticIps: [elasticIp] });
    expect(await run(moveAddresses)).toEqual(done('Nothing to move'));
  });
});

describe('secondary private addresses', () => {
  it('that are missing are assigned to the replacement, once, and waited for', async () => {
    const ends = { [NEW]: { ...newEnd, secondaryPrivateIpAddresses: ['10.0.0.201'] } };
    const { run, made, calls } = await onStage(having(['10.0.0.200', '10.0.0.201', '10.0.0.202'], [elasticIp]), { ends, places: placed() });
    const result = wait('10.0.0.200, 10.0.0.202 on the way to eni-new');
    expect([await run(moveAddresses), await run(moveAddresses)]).toEqual([result, result]);
    expect(made).toEqual([['interfaces.assignPrivateAddresses', 'eni-new', ['10.0.0.200', '10.0.0.202']]]);
    expect(await calls()).toEqual(['move:private-addresses']);
  });

  it('that are there are in place', async () => {
    const ends = { [NEW]: { ...newEnd, secondaryPrivateIpAddresses: ['10.0.0.200', '10.0.0.201'] } };
    const { run, made } = await onStage(having(['10.0.0.200', '10.0.0.201']), { ends });
    expect(await run(moveAddresses)).toEqual(done('In place: 10.0.0.200, 10.0.0.201'));
    expect(made).toEqual([]);
  });

  it('are told beside the Elastic IP addresses, with what somebody else has moved', async () => {
    const ends = { [NEW]: { ...newEnd, secondaryPrivateIpAddresses: ['10.0.0.200'] } };
    const { run } = await onStage(having(['10.0.0.200'], [elasticIp]), { ends, places: placed('eni-other', '10.0.0.9') });
    const note = 'the Elastic IP address 198.51.100.1 (it was given to eni-other meanwhile)';
    expect(await run(moveAddresses)).toEqual({ kind: 'done', reason: `In place: 10.0.0.200; Nothing to move; ${note}`, patch: { differences: [note] } });
  });
});

describe('an Elastic IP address', () => {
  it.for([
    ['the old instance', placed('eni-old', '10.0.0.1')],
    ['nobody', placed()],
    ['another address of the replacement', placed('eni-new', '10.0.0.200')],
  ] as const)('at %s is associated with the primary address of the replacement, once', async ([, places]) => {
    const { run, made, calls } = await onStage(having([], [elasticIp]), { places });
    const result = wait('198.51.100.1 on the way to eni-new');
    expect([await run(moveAddresses), await run(moveAddresses)]).toEqual([result, result]);
    expect(made).toEqual([['addresses.associate', 'eipalloc-1', 'eni-new', '10.0.0.2']]);
    expect(await calls()).toEqual(['move:elastic-ip:eipalloc-1']);
  });

  it('at the primary address of the replacement is in place', async () => {
    const { run, made } = await onStage(having([], [elasticIp]), { places: placed('eni-new', '10.0.0.2') });
    expect(await run(moveAddresses)).toEqual(done('In place: 198.51.100.1'));
    expect(made).toEqual([]);
  });

  it('on a secondary private address follows it', async () => {
    const ends = { [NEW]: { ...newEnd, secondaryPrivateIpAddresses: ['10.0.0.200'] } };
    const capture = having(['10.0.0.200'], [{ ...elasticIp, privateIpAddress: '10.0.0.200' }]);
    const { run, made } = await onStage(capture, { ends, places: placed('eni-new', '10.0.0.2') });
    expect(await run(moveAddresses)).toEqual(wait('In place: 10.0.0.200; 198.51.100.1 on the way to eni-new'));
    expect(made).toEqual([['addresses.associate', 'eipalloc-1', 'eni-new', '10.0.0.200']]);
    expect(await run(moveAddresses, finding({ ends, places: placed('eni-new', '10.0.0.200') }))).toEqual(done('In place: 10.0.0.200; In place: 198.51.100.1'));
  });

  it('still at the old instance follows its private address, which has moved already', async () => {
    const ends = { [NEW]: { ...newEnd, secondaryPrivateIpAddresses: ['10.0.0.200'] } };
    const capture = having(['10.0.0.200'], [{ ...elasticIp, privateIpAddress: '10.0.0.200' }]);
    const { run, made } = await onStage(capture, { ends, places: placed('eni-old', '10.0.0.200') });
    expect(await run(moveAddresses)).toEqual(wait('In place: 10.0.0.200; 198.51.100.1 on the way to eni-new'));
    expect(made).toEqual([['addresses.associate', 'eipalloc-1', 'eni-new', '10.0.0.200']]);
  });

  it('that was given to somebody else meanwhile stays there', async () => {
    const { run, made } = await onStage(having([], [elasticIp]), { places: placed('eni-other', '10.0.0.9') });
    const note = 'the Elastic IP address 198.51.100.1 (it was given to eni-other meanwhile)';
    expect(await run(moveAddresses)).toEqual(leftAlone(note));
    expect(made).toEqual([]);
  });

  it('that is not allocated any more stops the repair', async () => {
    const { run } = await onStage(having([], [elasticIp]));
    expect(await run(moveAddresses)).toEqual(failed('The Elastic IP address 198.51.100.1 is not allocated to this account any more'));
  });

  it('of a secondary interface moves with that', async () => {
    const { run, made } = await onStage(having([], [{ ...elasticIp, networkInterfaceId: 'eni-second' }]));
    expect(await run(moveAddresses)).toEqual(done('Nothing to move'));
    expect(made).toEqual([]);
  });

  it('moves also when the old instance is gone and its interface with it', async () => {
    const { run, made } = await onStage(having([], [elasticIp]), { ends: { [OLD]: undefined }, places: placed('eni-old', '10.0.0.1') });
    expect(await run(moveAddresses)).toEqual(wait('198.51.100.1 on the way to eni-new'));
    expect(made).toEqual([['addresses.associate', 'eipalloc-1', 'eni-new', '10.0.0.2']]);
  });
});

describe('addresses on their way back', () => {
  it('go to the old instance, which had them, from whatever interface the replacement has', async () => {
    const found = { places: placed('eni-new', '10.0.0.2') };
    const { run, made, calls } = await onStage(having(['10.0.0.200'], [elasticIp]), found, returningRecord);
    expect(await run(returnAddresses)).toEqual(wait('10.0.0.200 on the way to eni-old'));
    const ends = { [OLD]: { ...oldEnd, secondaryPrivateIpAddresses: ['10.0.0.200'] } };
    expect(await run(returnAddresses, finding({ ...found, ends }))).toEqual(wait('In place: 10.0.0.200; 198.51.100.1 on the way to eni-old'));
    expect(made).toEqual([
      ['interfaces.assignPrivateAddresses', 'eni-old', ['10.0.0.200']],
      ['addresses.associate', 'eipalloc-1', 'eni-old', '10.0.0.1'],
    ]);
    expect(await calls()).toEqual(['return:private-addresses', 'return:elastic-ip:eipalloc-1']);
  });

  it('are left at an interface that neither end has', async () => {
    const { run, made } = await onStage(having([], [elasticIp]), { ends: { [NEW]: undefined }, places: placed('eni-new', '10.0.0.2') }, returningRecord);
    const note = 'the Elastic IP address 198.51.100.1 (it was given to eni-new meanwhile)';
    expect(await run(returnAddresses)).toEqual(leftAlone(note));
    expect(made).toEqual([]);
  });

  it('are nowhere to be brought where none had begun to move', async () => {
    const { run } = await onStage(having(['10.0.0.200']));
    expect(await run(returnAddresses)).toEqual(done('Nothing of it had moved'));
  });
});
