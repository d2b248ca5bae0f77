import { describe, expect, it } from 'vitest';
import { RetryableError } from '../../../../core/environment/errors.ts';
import { moveRecords, returnRecords } from '../../../../core/remediation/phases/dns-records.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import type { PrimaryInterface } from '../../../../core/remediation/surroundings/attachment-ports.ts';
import type { Capture, CapturedDnsRecord } from '../../../../core/remediation/surroundings/capture.ts';
import { createWorld, OLD } from '../world.ts';
import { answered, type Answers, done, failed, leftAlone, NEW, openStage, ran, type Stage, storeCapture, storeRemediation, unanswered, wait } from './stage.ts';

const oldEnd: PrimaryInterface = {
  networkInterfaceId: 'eni-old',
  secondaryPrivateIpAddresses: [],
  privateIpAddress: '10.0.0.1',
  privateDnsName: 'ip-10-0-0-1.internal',
  publicIpAddress: '203.0.113.1',
  publicDnsName: 'ec2-203-0-113-1.example',
};
const newEnd: PrimaryInterface = {
  networkInterfaceId: 'eni-new',
  secondaryPrivateIpAddresses: [],
  privateIpAddress: '10.0.0.2',
  privateDnsName: 'ip-10-0-0-2.internal',
  publicIpAddress: '203.0.113.2',
  publicDnsName: 'ec2-203-0-113-2.example',
};
const addressesOf = ({ privateIpAddress, privateDnsName = '', publicIpAddress = '', publicDnsName = '' }: PrimaryInterface) => ({
  privateIpAddress,
  privateDnsName,
  publicIpAddress,
  publicDnsName,
});
const privateOnly: PrimaryInterface = { networkInterfaceId: 'eni-new', secondaryPrivateIpAddresses: [], privateIpAddress: '10.0.0.2' };

const web: CapturedDnsRecord = { hostedZoneId: 'Z1', name: 'web.example.com', type: 'A', values: ['10.0.0.1', '10.0.0.99'] };
const CALL = 'move:record:Z1:web.example.com:A:';

const capturing = (record: CapturedDnsRecord = web, changes: Partial<Capture> = {}): Partial<Capture> => ({
  ...addressesOf(oldEnd),
  elasticIps: [],
  dnsRecords: [record],
  ...changes,
});

interface Found {
  /** The values of the record set now; `null`: there is none. */
  readonly now?: readonly string[] | null;
  readonly isInSync?: boolean;
  readonly ends?: Readonly<Record<string, PrimaryInterface | undefined>>;
}

const finding = ({ now = web.values, isInSync = false, ends = {} }: Found): Answers => {
  const primaries: Readonly<Record<string, PrimaryInterface | undefined>> = { [OLD]: oldEnd, [NEW]: newEnd, ...ends };
  return {
    interfaces: { primary: async (instanceId) => primaries[instanceId] },
    dnsRecords: { read: async () => now ?? undefined, replace: async () => ({ changeId: 'change-1' }), isInSync: async () => isInSync },
  };
};

const movingRecord: Partial<Remediation> = { newInstanceId: NEW, phase: 'move-records' };
const moved = (result: Readonly<Record<string, string>> = addressesOf(newEnd)): Partial<Remediation> => ({
  newInstanceId: NEW,
  phase: 'return-records',
  phases: [ran('move-records', 'failed')],
  calls: answered({ 'addresses-of-new': result, [CALL]: { changeId: 'change-0' } }),
});

const onStage = async (found: Found, record: Partial<Remediation> = movingRecord, capture = capturing()): Promise<Stage> =>
  openStage({ record, capture, answers: finding(found) });

const onItsWay = wait('The change of web.example.com A is on its way to the name servers');
const inPlace = done('In place: web.example.com A');

describe('a DNS record of the instance', () => {
  it('names the replacement instead, keeps every other value, and is waited for until all name servers have it', async () => {
    const { run, made, calls, results } = await onStage({});
    expect(await run(moveRecords)).toEqual(onItsWay);
    const written = ['10.0.0.2', '10.0.0.99'];
    expect(await run(moveRecords, finding({ now: written }))).toEqual(onItsWay);
    expect(await run(moveRecords, finding({ now: written, isInSync: true }))).toEqual(inPlace);
    expect(made).toEqual([['dnsRecords.replace', web, web.values, written]]);
    expect(await calls()).toEqual(['addresses-of-new', CALL]);
    expect(await results()).toEqual({ 'addresses-of-new': addressesOf(newEnd), [CALL]: { changeId: 'change-1' } });
  });

  it.for([
    ['the private address', '10.0.0.1', '10.0.0.2'],
    ['the private name', 'ip-10-0-0-1.internal', 'ip-10-0-0-2.internal'],
    ['a public address that EC2 assigned', '203.0.113.1', '203.0.113.2'],
    ['a public name that EC2 assigned', 'ec2-203-0-113-1.example', 'ec2-203-0-113-2.example'],
  ] as const)('gives way to what is of the same kind: %s', async ([, value, wanted]) => {
    const { run, made } = await onStage({ now: [value] });
    await run(moveRecords);
    expect(made).toEqual([['dnsRecords.replace', web, [value], [wanted]]]);
  });

  it('names the replacement once where it named it already beside the old one', async () => {
    const { run, made } = await onStage({ now: ['10.0.0.1', '10.0.0.2'] });
    await run(moveRecords);
    expect(made).toEqual([['dnsRecords.replace', web, ['10.0.0.1', '10.0.0.2'], ['10.0.0.2']]]);
  });

  it('with a routing policy is named by its set, also in the name of the call', async () => {
    const blue = { ...web, setIdentifier: 'blue' };
    const { run, calls } = await onStage({ isInSync: true }, movingRecord, capturing(blue));
    expect(await run(moveRecords)).toEqual(done('In place: web.example.com A (blue)'));
    expect(await calls()).toEqual(['addresses-of-new', 'move:record:Z1:web.example.com:A:blue']);
  });

  it('may not be there: there is nothing to move', async () => {
    const { run } = await onStage({}, movingRecord, capturing(web, { dnsRecords: undefined }));
    expect(await run(moveRecords)).toEqual(done('Nothing to move'));
  });

  it.for([
    ['that does not exist any more', null, 'the DNS record web.example.com A (it does not exist any more)'],
    ['that was changed by somebody', ['10.7.7.7', '10.0.0.99'], 'the DNS record web.example.com A (it was changed to 10.7.7.7, 10.0.0.99 meanwhile)'],
  ] as const)('%s is left as it is, and the record says so', async ([, now, note]) => {
    const { run, made } = await onStage({ now });
    expect(await run(moveRecords)).toEqual(leftAlone(note));
    expect(made).toEqual([]);
  });

  it('with addresses that the replacement has not of its kind stops the repair', async () => {
    const { run, made } = await onStage({ now: ['203.0.113.1', '10.0.0.99', 'ip-10-0-0-1.internal'], ends: { [NEW]: privateOnly } });
    expect(await run(moveRecords)).toEqual(
      failed('The DNS record web.example.com A names 203.0.113.1, ip-10-0-0-1.internal, and the replacement has no such address'),
    );
    expect(made).toEqual([]);
  });

  it('with an Elastic IP address stays: the address moves', async () => {
    const elasticIps = [{ allocationId: 'eipalloc-1', publicIpAddress: '203.0.113.1', networkInterfaceId: 'eni-old', privateIpAddress: '10.0.0.1' }];
    const { run, made } = await onStage({ now: ['203.0.113.1'] }, movingRecord, capturing(web, { elasticIps }));
    expect(await run(moveRecords)).toEqual(leftAlone('the DNS record web.example.com A (it was changed to 203.0.113.1 meanwhile)'));
    expect(made).toEqual([]);
  });

  it('that was written and shows another value stops the repair: somebody else writes it too', async () => {
    const { run, made } = await onStage({});
    await run(moveRecords);
    expect(await run(moveRecords, finding({ now: ['10.0.0.1', '10.7.7.7'] }))).toEqual(
      failed('The DNS record web.example.com A was written and shows another value: 10.0.0.1, 10.7.7.7'),
    );
    expect(made).toHaveLength(1);
  });

  it('that a crash has left without an answer is written again, because only the id of the change tells whether all have it', async () => {
    const now = ['10.0.0.2', '10.0.0.99'];
    const { run, made } = await onStage({ now, isInSync: true }, { ...movingRecord, calls: unanswered(CALL) });
    expect(await run(moveRecords)).toEqual(inPlace);
    expect(made).toEqual([['dnsRecords.replace', web, now, now]]);
  });

  it('whose change has no id stops the repair', async () => {
    const { run } = await onStage({ now: ['10.0.0.2', '10.0.0.99'] }, { ...movingRecord, calls: answered({ [CALL]: {} }) });
    expect(await run(moveRecords)).toEqual(failed('Route 53 gave no id for the change of web.example.com A'));
  });
});

describe('the addresses of the replacement', () => {
  it('are asked for again while EC2 does not list its interface, and nothing is written before', async () => {
    const { run, made } = await onStage({ ends: { [NEW]: undefined } });
    await expect(run(moveRecords)).rejects.toThrow(new RetryableError('EC2 does not list the network interface of i-new0001; it is asked again.'));
    expect(made).toEqual([]);
  });

  it('that were never known fail the phase', async () => {
    const { run } = await onStage({}, { ...movingRecord, calls: answered({ 'addresses-of-new': {} }) });
    expect(await run(moveRecords)).toEqual(failed('i-new0001 has no network interface, so its addresses are not known'));
  });

  it('are those of its start: the way back knows them also when it is gone', async () => {
    const { run, made } = await onStage({ now: ['10.0.0.2', '10.0.0.99'], ends: { [NEW]: undefined } }, moved());
    await run(returnRecords);
    expect(made).toEqual([['dnsRecords.replace', web, ['10.0.0.2', '10.0.0.99'], ['10.0.0.1', '10.0.0.99']]]);
  });
});

describe('a DNS record on its way back', () => {
  it.for([
    ['were never noted', {}],
    ['were asked for without an answer', unanswered('addresses-of-new')],
  ] as const)('was not written where the addresses of the replacement %s: nobody asks for an interface that may be gone', async ([, calls]) => {
    const { run, made } = await onStage({ ends: { [NEW]: undefined } }, { ...moved(), calls });
    expect(await run(returnRecords)).toEqual(done('Nothing of it had moved'));
    expect(made).toEqual([]);
  });

  it.for([
    ['203.0.113.2', '203.0.113.1'],
    ['ec2-203-0-113-2.example', 'ec2-203-0-113-1.example'],
    ['ip-10-0-0-2.internal', 'ip-10-0-0-1.internal'],
  ] as const)('names the old instance again where that never stopped: %s', async ([now, wanted]) => {
    const { run, made, calls } = await onStage({ now: [now] }, moved());
    expect(await run(returnRecords)).toEqual(onItsWay);
    expect(made).toEqual([['dnsRecords.replace', web, [now], [wanted]]]);
    expect(await calls()).toContain('return:record:Z1:web.example.com:A:');
  });

  it.for(['203.0.113.2', 'ec2-203-0-113-2.example'] as const)(
    'is left to a person where the address that EC2 assigned has ended with the stop: %s',
    async (now) => {
      const { run, made } = await onStage({ now: [now] }, { ...moved(), isFenced: true });
      expect(await run(returnRecords)).toEqual(leftAlone(`the DNS record web.example.com A (it names ${now}; what it named before has ended, set it by hand)`));
      expect(made).toEqual([]);
    },
  );

  it('names the private address again also of an instance that was stopped', async () => {
    const { run, made } = await onStage({ now: ['10.0.0.2'] }, { ...moved(), isFenced: true });
    await run(returnRecords);
    expect(made).toEqual([['dnsRecords.replace', web, ['10.0.0.2'], ['10.0.0.1']]]);
  });

  it('that never moved is where it was, whatever it names', async () => {
    const calls = answered({ 'addresses-of-new': addressesOf(newEnd) });
    const { run, made } = await onStage({ now: ['10.7.7.7'] }, { ...moved(), calls });
    expect(await run(returnRecords)).toEqual(inPlace);
    expect(made).toEqual([]);
  });

  it('that names what it named before is in place', async () => {
    const { run, made } = await onStage({ now: ['10.0.0.99'] }, moved());
    expect(await run(returnRecords)).toEqual(inPlace);
    expect(made).toEqual([]);
  });

  it('that was changed after it had moved is left as it is', async () => {
    const { run } = await onStage({ now: ['10.0.0.99', '10.7.7.7'] }, moved());
    expect(await run(returnRecords)).toEqual(
      leftAlone('the DNS record web.example.com A (it names 10.0.0.99, 10.7.7.7; what it named before has ended, set it by hand)'),
    );
  });

  it('is nothing to do where none had begun to move', async () => {
    const { run } = await onStage({});
    expect(await run(returnRecords)).toEqual(done('Nothing of it had moved'));
  });
});

/** An earlier repair wrote these addresses of its replacement, and this one takes it back. */
async function reverting(
  found: Found,
  changes: Partial<Remediation> = {},
  written: Readonly<Record<string, string>> | 'gone' | 'nothing' = addressesOf(newEnd),
  elasticIps: Capture['elasticIps'] = [],
): Promise<Stage> {
  const world = createWorld();
  if (written !== 'gone') await storeRemediation(world, { calls: written === 'nothing' ? {} : answered({ 'addresses-of-new': written }) });
  await storeCapture(world, capturing(web, { elasticIps }), 'rem-0');
  return openStage({ world, record: { newInstanceId: NEW, path: 'revert', phase: 'return-records', revertOf: 'rem-0', ...changes }, answers: finding(found) });
}

/** Another public address with every start. */
const restarted: PrimaryInterface = { ...oldEnd, publicIpAddress: '203.0.113.7', publicDnsName: 'ec2-203-0-113-7.example' };

describe('a DNS record that another repair has written', () => {
  it.for([
    ['10.0.0.2', '10.0.0.1'],
    ['203.0.113.2', '203.0.113.7'],
    ['ec2-203-0-113-2.example', 'ec2-203-0-113-7.example'],
  ] as const)('names what the old instance has now instead of what was written then: %s', async ([now, wanted]) => {
    const { run, made, calls, results } = await reverting({ now: [now, '10.0.0.99'], ends: { [OLD]: restarted } });
    expect(await run(returnRecords)).toEqual(onItsWay);
    expect(made).toEqual([['dnsRecords.replace', web, [now, '10.0.0.99'], [wanted, '10.0.0.99']]]);
    expect(await calls()).toEqual(['addresses-of-old', 'return:record:Z1:web.example.com:A:']);
    expect(await results()).toEqual({ 'addresses-of-old': addressesOf(restarted), 'return:record:Z1:web.example.com:A:': { changeId: 'change-1' } });
  });

  it.for([
    [
      'that names an address of the replacement which the old instance has none of',
      ['203.0.113.2', '10.0.0.99'],
      'it names 203.0.113.2, and i-old has no such address; set it by hand',
    ],
    ['that somebody has changed', ['10.7.7.7', '10.0.0.99'], 'it was changed to 10.7.7.7, 10.0.0.99 meanwhile'],
    [
      'that names two which it has none of',
      ['203.0.113.2', 'ec2-203-0-113-2.example'],
      'it names 203.0.113.2, ec2-203-0-113-2.example, and i-old has no such address; set it by hand',
    ],
  ] as const)('%s is left to a person', async ([, now, why]) => {
    const { run, made } = await reverting({ now, ends: { [OLD]: { ...privateOnly, privateIpAddress: '10.0.0.1' } } });
    expect(await run(returnRecords)).toEqual(leftAlone(`the DNS record web.example.com A (${why})`));
    expect(made).toEqual([]);
  });

  it.for([restarted, { ...privateOnly, privateIpAddress: '10.0.0.1' }])('with an Elastic IP address stays, because the address moves: %j', async (old) => {
    const elasticIps = [{ allocationId: 'eipalloc-1', publicIpAddress: '203.0.113.2', networkInterfaceId: 'eni-old', privateIpAddress: '10.0.0.1' }];
    const { run, made } = await reverting({ now: ['203.0.113.2'], ends: { [OLD]: old } }, {}, addressesOf(newEnd), elasticIps);
    expect(await run(returnRecords)).toEqual(leftAlone('the DNS record web.example.com A (it was changed to 203.0.113.2 meanwhile)'));
    expect(made).toEqual([]);
  });

  it('that names the old instance already is in place', async () => {
    const { run, made } = await reverting({ now: ['10.0.0.1', '10.0.0.99'] });
    expect(await run(returnRecords)).toEqual(inPlace);
    expect(made).toEqual([]);
  });

  it('is in place also where the old instance has the address now that the replacement had then', async () => {
    const { run } = await reverting({ now: ['203.0.113.2'], ends: { [OLD]: { ...oldEnd, publicIpAddress: '203.0.113.2' } } });
    expect(await run(returnRecords)).toEqual(inPlace);
  });

  it('does not exist any more', async () => {
    const { run } = await reverting({ now: null });
    expect(await run(returnRecords)).toEqual(leftAlone('the DNS record web.example.com A (it does not exist any more)'));
  });

  it.for([['gone'], ['nothing'], [{}]] as const)('is left as it is when nobody knows what was written: %j', async ([written]) => {
    const { run, made } = await reverting({ now: ['10.0.0.2'] }, {}, written);
    expect(await run(returnRecords)).toEqual(leftAlone('the DNS record web.example.com A (it was changed to 10.0.0.2 meanwhile)'));
    expect(made).toEqual([]);
  });

  it('may not be there: there is nothing to bring back', async () => {
    const { world, run } = await reverting({});
    await storeCapture(world, capturing(web, { dnsRecords: undefined }), 'rem-0');
    expect(await run(returnRecords)).toEqual(done('Nothing to move'));
  });

  it('of an instance whose addresses were never known is not touched', async () => {
    const { run } = await reverting({}, { calls: answered({ 'addresses-of-old': {} }) });
    expect(await run(returnRecords)).toEqual(failed('i-old has no network interface, so its addresses are not known'));
  });

  it.for([
    ['what the way back has written', ['203.0.113.7']],
    ['what the earlier repair has written', ['203.0.113.2']],
  ] as const)('names the replacement again when the way back fails, instead of %s', async ([, now]) => {
    const before = answered({ 'addresses-of-old': addressesOf(restarted) });
    const ends = { [NEW]: { ...newEnd, publicIpAddress: '203.0.113.8' } };
    const { run, made, calls } = await reverting({ now, ends }, { calls: before, phase: 'move-records' });
    expect(await run(moveRecords)).toEqual(onItsWay);
    expect(made).toEqual([['dnsRecords.replace', web, now, ['203.0.113.8']]]);
    expect(await calls()).toEqual(['addresses-of-old', 'addresses-of-new', CALL]);
  });

  it('of the failed way back names nothing of the way back where that had not begun', async () => {
    const { run, made } = await reverting({ now: ['10.0.0.2'] }, { phase: 'move-records' });
    expect(await run(moveRecords)).toEqual(inPlace);
    expect(made).toEqual([]);
  });

  it('is not turned to what the way back noted while it still is on that way', async () => {
    const before = answered({ 'addresses-of-old': addressesOf(restarted) });
    const { run, made } = await reverting({ now: ['203.0.113.7'] }, { calls: before });
    expect(await run(returnRecords)).toEqual(inPlace);
    expect(made).toEqual([]);
  });
});
