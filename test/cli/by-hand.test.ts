import { beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { byHandSchema, decisionSchema, holdSchema } from '../../cli/schemas.ts';
import { publishCatalog } from '../../core/catalog/published.ts';
import { tagKeys } from '../../core/inventory/records.ts';
import { keys } from '../../core/records/keys.ts';
import { readRecord, updateRecord } from '../../core/records/record-type.ts';
import { type Remediation, remediationType, slotType } from '../../core/remediation/record.ts';
import { readSignals } from '../../core/signals/normalise.ts';
import { catalogOf } from '../core/inventory/world.ts';
import { advance } from '../../core/remediation/driver/driver.ts';
import { driverPorts, OLD, readRemediation, startOld, testHasher, testScope, verifyImage, webPolicy, webSystem } from '../core/remediation/world.ts';
import { containing, createDesk, type Desk, type as typeWords, typeJson, withInventory, withRepair } from './terminal.ts';

const HEADER = 'account 111122223333 · eu-central-1 · stack Perennial';

let desk: Desk;
beforeEach(async () => {
  desk = await createDesk();
  await withInventory(desk);
  await verifyImage(desk.world);
  desk.world.region.setTargetUnhealthy(OLD, false);
});

const type = (...words: readonly string[]) => typeWords([...words, '--local'], desk.target);
const sent = () => desk.queues.bodiesOf('q/signals');
const nothingTouched = () => expect(sent()).toEqual([]);

let published = 0;

/** Each publication is a document of its own. */
async function publish(system = webSystem(), policy = webPolicy()): Promise<void> {
  published += 1;
  await publishCatalog({ store: desk.world.store, scope: testScope, clock: desk.world.clock }, catalogOf([system], [policy], String(published).repeat(64)));
}

describe('replace', () => {
  it('puts a request on the queue that every reader of signals understands, with who and why (S1-21)', async () => {
    const { exitCode, json } = await typeJson(['replace', 'i-peer1', '--reason', 'odd noises', '--yes', '--local'], desk.target);
    expect(exitCode).toBe(0);
    expect(z.parse(byHandSchema, json)).toMatchObject({
      state: 'requested',
      type: 'Instance Replace Requested',
      by: 'kim',
      reason: 'odd noises',
      instanceId: 'i-peer1',
    });
    const body = (sent()[0] ?? '').replace('i-peer1', 'i-0123456789abcdef0');
    const { signals, rejected } = readSignals(body, { hasher: testHasher, scope: testScope, receivedAt: desk.world.clock.now() });
    expect(rejected).toEqual([]);
    expect(signals).toMatchObject([{ kind: 'instance.replace-requested', request: { by: 'kim', reason: 'odd noises' } }]);
  });

  it('prints the plan and asks; without a yes nothing is sent', async () => {
    expect(await type('replace', 'i-peer1')).toMatchObject({ exitCode: 1, error: containing('Nobody is there to be asked, so nothing was sent.') });
    const refused = await typeWords(['replace', 'i-peer1', '--local'], desk.target, '', async () => false);
    expect(refused).toMatchObject({ exitCode: 1, error: containing('Not confirmed: nothing was sent') });
    expect(refused.out).toContain('Phases:');
    nothingTouched();
    expect(await typeWords(['replace', 'i-peer1', '--local'], desk.target, '', async () => true)).toMatchObject({ exitCode: 0 });
    expect(sent()).toHaveLength(1);
  });

  it.each([
    ['an unknown instance id', 'i-nowhere', 'is not in the inventory'],
    ["another team's instance", 'i-stranger', 'belongs to no system of the catalog'],
    ['an instance that EKS manages', 'i-cluster', 'managed by EKS'],
    ['one that is gone', 'i-gone', 'i-gone is gone'],
    ['one in quarantine', 'i-evidence', 'is quarantined'],
  ])('of %s is refused clearly, and nothing is touched', async (_name, instanceId, reason) => {
    expect(await type('replace', instanceId, '--yes')).toMatchObject({ exitCode: 1, out: '', error: containing(reason) });
    nothingTouched();
  });

  it('of a terminated instance that the inventory still lists is refused', async () => {
    await desk.world.region.terminator.terminate('i-peer1');
    expect(await type('replace', 'i-peer1', '--yes')).toMatchObject({
      exitCode: 1,
      error: containing('i-peer1 is shutting-down by EC2: there is nothing to replace.'),
    });
    nothingTouched();
  });

  it('with a policy whose image role does not exist, on hold, or in a dry run says so and sends nothing', async () => {
    await publish({ ...webSystem(), spec: { ...webSystem().spec, image: { role: 'wbe', type: 'ami' } } });
    expect(await type('replace', 'i-peer1', '--yes')).toMatchObject({
      exitCode: 1,
      error: containing('image choice: The role has no approved image: its parameter does not exist'),
    });
    await publish(webSystem(), webPolicy({ mode: 'dry-run' }));
    expect(await type('replace', 'i-peer1', '--yes')).toMatchObject({ exitCode: 1, error: containing('is a dry run, so nothing is replaced') });
    await publish();
    await type('hold', 'i-peer1', '--reason', 'being looked at');
    expect(await type('replace', 'i-peer1', '--yes')).toMatchObject({ exitCode: 1, error: containing('It is on hold (kim: being looked at)') });
    nothingTouched();
  });
});

const tag = () => desk.world.region.all().find(({ instanceId }) => instanceId === 'i-peer1')?.tags[tagKeys.hold];

describe('hold', () => {
  it('sets and removes the tag, and says what it means', async () => {
    const { json } = await typeJson(['hold', 'i-peer1', '--reason', 'being looked at', '--local'], desk.target);
    expect(z.parse(holdSchema, json)).toMatchObject({ state: 'held', reason: 'kim: being looked at', isChanged: true, system: 'shop-web' });
    expect(tag()).toBe('kim: being looked at');
    expect((await type('hold', 'i-peer1', '--release')).out).toContain('i-peer1 is released');
    expect(tag()).toBeUndefined();
    expect((await type('hold', 'i-peer1', '--release')).out).toBe(`${HEADER}\ni-peer1 was not on hold.`);
  });

  it('of an instance that EC2 does not know, or that is terminated, is refused', async () => {
    expect(await type('hold', 'i-nowhere')).toMatchObject({ exitCode: 1, error: containing('EC2 knows no instance i-nowhere') });
    await desk.world.region.terminator.terminate('i-peer1');
    expect(await type('hold', 'i-peer1')).toMatchObject({ exitCode: 1, error: containing('there is nothing to hold') });
  });
});

describe('approve and abort', () => {
  it('answer what they did, and refuse clearly what they cannot', async () => {
    desk.world.region.setTargetUnhealthy(OLD, true);
    const id = await startOld(desk.world);
    expect(await type('approve', 'rem-unknown')).toMatchObject({ exitCode: 1, out: '', error: containing('There is no remediation rem-unknown') });
    expect(await type('approve', id)).toMatchObject({ exitCode: 1, error: containing('asks for no approval: it is in the phase confirm') });
    expect(await type('abort', id)).toMatchObject({ exitCode: 1, error: containing("Required option '--reason <text>' not specified.") });
    const { json } = await typeJson(['abort', id, '--reason', 'wrong alarm', '--local'], desk.target);
    expect(z.parse(decisionSchema, json)).toMatchObject({ id, by: 'kim', isChanged: true, reason: containing('is before the drain') });
    expect((await readRemediation(desk.world, id)).abort).toMatchObject({ by: 'kim', reason: 'wrong alarm' });
  });

  it('approves in the name of whoever --by says', async () => {
    desk.world.region.setTargetUnhealthy(OLD, true);
    const id = await startOld(desk.world);
    await updateRecord(desk.world.store, remediationType, keys.remediation(testScope, id), (record): Remediation | undefined =>
      record === undefined
        ? record
        : {
            ...record,
            phase: 'await-approval',
            approval: {
              requestedAt: '2026-11-21T09:00:00.000Z',
              expiresAt: '2026-11-21T10:00:00.000Z',
              findings: [],
              plan: { phases: [], kept: [], cannotKeep: [] },
            },
          },
    );
    expect((await type('approve', id, '--by', 'lee')).out).toContain(`Approved ${id}. Its guardrails are asked once more`);
    expect((await readRemediation(desk.world, id)).approval?.granted?.by).toBe('lee');
    desk.world.clock.advance(4000);
    expect((await type('approve', id)).out).toContain('lee approved');
  });
});

describe('revert and drill', () => {
  it('revert sends its request while the old one is in quarantine, and is refused clearly when it is not', async () => {
    desk.world.region.setTargetUnhealthy(OLD, true);
    const { remediationId } = await withRepair({ ...desk });
    const { newInstanceId, slotId } = await readRemediation(desk.world, remediationId);
    expect(await type('revert', 'rem-unknown', '--yes')).toMatchObject({ exitCode: 1, error: containing('There is no remediation rem-unknown') });
    expect(await type('revert', remediationId, '--reason', 'the old one was fine', '--yes')).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(sent()[0] ?? '')).toMatchObject({
      'detail-type': 'Instance Revert Requested',
      detail: { remediationId, instanceId: newInstanceId, by: 'kim' },
    });
    await updateRecord(desk.world.store, slotType, keys.slot(testScope, slotId), (slot) => (slot === undefined ? slot : { ...slot, instanceId: 'i-later' }));
    expect(await type('revert', remediationId, '--yes')).toMatchObject({ exitCode: 1, error: containing('it was replaced again since. Nothing was touched.') });
    await updateRecord(desk.world.store, slotType, keys.slot(testScope, slotId), (slot) =>
      slot === undefined || newInstanceId === undefined ? slot : { ...slot, instanceId: newInstanceId },
    );
    await desk.world.region.terminator.terminate(OLD);
    expect(await type('revert', remediationId, '--yes')).toMatchObject({ exitCode: 1, error: containing(`${OLD} is terminated: its quarantine is over`) });
    expect(sent()).toHaveLength(1);
  });

  it('drill sends its request for a declared system only', async () => {
    expect(await type('drill', 'shop-wbe', '--yes')).toMatchObject({ exitCode: 1, error: containing('Did you mean shop-web?') });
    expect(await type('drill', 'shop-web', '--reason', 'game day', '--yes')).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(sent()[0] ?? '')).toMatchObject({
      'detail-type': 'System Drill Requested',
      detail: { system: 'shop-web', by: 'kim', reason: 'game day' },
    });
  });
});

describe('pause --freeze', () => {
  it('keeps a running repair where it is, and resume lets it go on', async () => {
    desk.world.region.setTargetUnhealthy(OLD, true);
    const id = await startOld(desk.world);
    expect((await type('pause', '--freeze', '--reason', 'odd')).out).toContain('Running ones stay exactly where they are');
    desk.world.clock.advance(120);
    await advance(driverPorts(desk.world), id, 'observe');
    expect(await readRemediation(desk.world, id)).toMatchObject({ phase: 'confirm', frozen: { by: 'kim', reason: 'odd' } });
    await type('resume');
    await advance(driverPorts(desk.world), id, 'observe');
    expect((await readRecord(desk.world.store, remediationType, keys.remediation(testScope, id)))?.body.phase).toBe('guard');
  });
});
