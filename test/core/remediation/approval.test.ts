import { beforeEach, describe, expect, it } from 'vitest';
import { addSeconds } from '../../../core/environment/time.ts';
import { readTimeline } from '../../../core/incidents/incidents.ts';
import { keys } from '../../../core/records/keys.ts';
import { createRecord, readRecord, updateRecord } from '../../../core/records/record-type.ts';
import { advance } from '../../../core/remediation/driver/driver.ts';
import { pageUnlessRecovered } from '../../../core/remediation/driver/page.ts';
import { decidePlace } from '../../../core/remediation/admission/place.ts';
import { groupType, pauseType, platformType, type Remediation, remediationType, slotType } from '../../../core/remediation/record.ts';
import { abortRemediation, approveRemediation } from '../../../core/remediation/admission/requests.ts';
import { groupOf } from './builders.ts';
import { createWorld, driverPorts, OLD, play, readIncident, readRemediation, startOld, testScope, verifyImage, webPolicy, type World } from './world.ts';

/** Matches a text that contains `part`; typed, where vitest says `any`. */
const containing = (part: string): unknown => expect.stringContaining(part);

let world: World;
let id: string;

const requests = () => ({ store: world.store, scope: testScope, clock: world.clock });
const record = () => readRemediation(world, id);

/** Steps until the repair is in this phase; the state machine's waits pass. */
async function until(isThere: (record: Remediation) => boolean): Promise<Remediation> {
  for (let step = 0; step < 400; step += 1) {
    const now = await record();
    if (isThere(now)) return now;
    const answer = await advance(driverPorts(world), id, 'act').catch(() => undefined);
    const next = answer?.next === 'observe' ? await advance(driverPorts(world), id, 'observe') : answer;
    world.clock.advance(Math.max(0.01, next?.waitSeconds ?? 1));
  }
  throw new Error('it never came there');
}

const asking = () => until(({ phase }) => phase === 'await-approval');

async function begin(spec: Readonly<Record<string, unknown>> = { mode: 'approve' }): Promise<void> {
  world = createWorld('multiple', spec);
  await verifyImage(world);
  id = await startOld(world);
}

beforeEach(() => begin());

describe('a repair that needs a yes (S1-15)', () => {
  it('asks once, with the plan, the reason and the command, and touches nothing', async () => {
    const { approval } = await asking();
    expect(approval).toMatchObject({ findings: ['opt-in and provenance: The policy shop-web asks for approval'], plan: { imageId: 'ami-v2' } });
    expect(approval?.plan.phases).toContain('launch');
    expect(approval?.plan.kept).toContain('target group shop-web:80');
    expect(approval?.plan.cannotKeep).toEqual(['its private address']);
    const [message] = world.sent.filter(({ notificationId }) => notificationId === `${id}:approval-needed`);
    expect(message?.channels).toEqual(['https', 'email', 'sms']);
    expect(message?.sms).toContain(`perennial approve ${id}`);
    expect(message?.sms.length).toBeLessThanOrEqual(160);
    expect(message?.text).toContain(`npm run -s perennial -- approve ${id} --region eu-central-1`);
    expect(message?.text).toContain('Cannot be kept: its private address.');
    expect(Object.keys((await record()).calls)).toEqual([]);
  });

  it('holds its slot while it waits, but no place under the caps', async () => {
    await asking();
    await advance(driverPorts(world), id, 'observe');
    const [slot, group, platform] = await Promise.all([
      readRecord(world.store, slotType, keys.slot(testScope, `shop-web/${OLD}`)),
      readRecord(world.store, groupType, keys.group(testScope, 'shop-web/web')),
      readRecord(world.store, platformType, keys.platform(testScope)),
    ]);
    expect([slot?.body.remediationId, group?.body.inFlight, platform?.body.inFlight]).toEqual([id, [], []]);
  });

  it('goes on after the yes, with its guardrails asked again and its place taken back', async () => {
    await asking();
    expect(await approveRemediation(requests(), id, 'kim')).toMatchObject({ kind: 'accepted' });
    await play(world, id);
    const after = await record();
    expect(after).toMatchObject({ state: 'succeeded', approval: { granted: { by: 'kim' } } });
    expect(after.phases.map(({ name }) => name).slice(0, 4)).toEqual(['confirm', 'guard', 'await-approval', 'guard']);
    expect(after.phases[3]?.reason).toContain('kim approved');
    expect((await readTimeline(world.store, testScope, after.incidentId)).map(({ text }) => text)).toContain('Approved by kim');
    expect((await readRecord(world.store, platformType, keys.platform(testScope)))?.body.inFlight).toEqual([]);
  });

  it('a yes never passes a veto: the trouble is over by then', async () => {
    await asking();
    world.region.setTargetUnhealthy(OLD, false);
    await approveRemediation(requests(), id, 'kim');
    await play(world, id);
    expect(await record()).toMatchObject({ state: 'vetoed', failure: { guardrail: 'pending duration' } });
  });

  it('a yes finds no room when others have taken it: a veto by the caps, nothing touched', async () => {
    await asking();
    await advance(driverPorts(world), id, 'observe');
    await updateRecord(world.store, groupType, keys.group(testScope, 'shop-web/web'), (group) =>
      group === undefined ? group : { ...group, inFlight: ['rem-other'] },
    );
    await approveRemediation(requests(), id, 'kim');
    await play(world, id);
    expect(await record()).toMatchObject({ state: 'vetoed', failure: { guardrail: 'one at a time' }, calls: {} });
  });

  it('expires as a recorded veto, and the page says that it is too late', async () => {
    const { approval } = await asking();
    await play(world, id);
    expect(await record()).toMatchObject({ state: 'vetoed', failure: { guardrail: 'approval' }, calls: {} });
    expect((await record()).reason).toBe(`Too late: nobody approved it by ${approval?.expiresAt}, so nothing was touched`);
    const page = world.sent.find(({ notificationId }) => notificationId === `${id}:needs-person`);
    expect(page?.sms).toContain('nobody approved in time');
    expect((await readIncident(world, (await record()).incidentId)).state).toBe('open');
  });

  it('asks until the moment of its policy, and asks once more when the page comes due', async () => {
    await begin({ mode: 'approve', approvalExpiresSeconds: 120 });
    const { approval } = await asking();
    expect(approval?.expiresAt).toBe(addSeconds(approval?.requestedAt ?? '', 120));
    await pageUnlessRecovered({ store: world.store, scope: testScope, journal: driverPorts(world).journal }, id);
    expect(world.sent.at(-1)).toMatchObject({ notificationId: `${id}:page-anyway` });
    expect(world.sent.at(-1)?.sms).toContain('perennial approve');
  });

  it('goes to its safe point under a pause and an abort, like every repair', async () => {
    await asking();
    await createRecord(world.store, pauseType, keys.pause(testScope, 'global'), {
      target: 'global',
      isPaused: true,
      by: 'kim',
      reason: 'work',
      at: world.clock.now(),
    });
    await play(world, id);
    expect(await record()).toMatchObject({ state: 'stood-down', calls: {} });
  });

  it('is asked of nobody in `auto` without findings, and asked where a finding lets `auto` fall', async () => {
    await begin({});
    await play(world, id);
    expect((await record()).approval).toBeUndefined();
    await begin({});
    world.region.addInstance({
      instanceId: OLD,
      imageId: 'ami-v9',
      launchedAt: '2026-11-20T09:00:00.000Z',
      tags: { 'perennial:system': 'shop-web', 'perennial:role': 'web' },
    });
    expect((await asking()).approval?.findings).toEqual([
      'opt-in and provenance: auto falls to approve: its image ami-v9 was never an approved image of the role',
    ]);
  });
});

const refusal = async (remediationId = id) => {
  const before = JSON.stringify(await readRecord(world.store, remediationType, keys.remediation(testScope, id)));
  const answer = await approveRemediation(requests(), remediationId, 'kim');
  expect(JSON.stringify(await readRecord(world.store, remediationType, keys.remediation(testScope, id)))).toBe(before);
  return answer;
};

describe('an approval that comes when there is nothing to approve', () => {
  it('is too late, of an unknown id, of an ended repair, or of one that asks for nothing: a clear answer each, nothing written', async () => {
    expect(await refusal()).toMatchObject({ kind: 'refused', reason: `${id} asks for no approval: it is in the phase confirm. Nothing was changed.` });
    expect(await refusal('rem-unknown')).toMatchObject({
      kind: 'refused',
      reason: 'There is no remediation rem-unknown in 111122223333/eu-central-1. Nothing was changed.',
    });
    const { approval } = await asking();
    world.clock.advance(3600);
    expect(await refusal()).toMatchObject({
      kind: 'refused',
      reason: containing(`Too late: the time to approve ${id} ended at ${approval?.expiresAt}`),
    });
    await play(world, id);
    expect(await refusal()).toMatchObject({ kind: 'refused', reason: containing(`${id} is over (vetoed:`) });
  });

  it('changes nothing when it is given twice', async () => {
    await asking();
    await approveRemediation(requests(), id, 'kim');
    expect(await approveRemediation(requests(), id, 'lee')).toMatchObject({ kind: 'already', reason: containing('kim approved') });
    expect((await record()).approval?.granted?.by).toBe('kim');
  });
});

describe('an abort', () => {
  beforeEach(() => begin({}));

  it('before the drain is undone, with who and why (S1-21)', async () => {
    await until(({ phase }) => phase === 'await-healthy');
    expect(await abortRemediation(requests(), id, 'kim', 'wrong alarm')).toMatchObject({
      kind: 'accepted',
      reason: `${id} is before the drain (await-healthy): what it has done is undone.`,
    });
    await play(world, id);
    const after = await record();
    expect(after).toMatchObject({ state: 'failed', abort: { by: 'kim', reason: 'wrong alarm' }, failure: { reason: 'Aborted by kim: wrong alarm' } });
    expect(after.phases.map(({ name }) => name)).toContain('quarantine-new');
    expect((await readTimeline(world.store, testScope, after.incidentId)).some(({ text }) => text.startsWith('kim asks for its end: wrong alarm.'))).toBe(true);
    expect(world.sent.find(({ notificationId }) => notificationId === `${id}:needs-person`)?.text).toContain('Aborted by kim: wrong alarm');
  });

  it('after the drain is finished, not undone', async () => {
    await until(({ phase }) => phase === 'quarantine');
    expect(await abortRemediation(requests(), id, 'kim', 'too late')).toMatchObject({
      reason: containing('it is finished, not undone'),
    });
    await play(world, id);
    expect(await record()).toMatchObject({ state: 'succeeded', abort: { by: 'kim' } });
  });

  it('of an ended or unknown one is refused with a reason, and a second one changes nothing', async () => {
    expect(await abortRemediation(requests(), 'rem-unknown', 'kim', 'x')).toMatchObject({ kind: 'refused' });
    await abortRemediation(requests(), id, 'kim', 'one');
    expect(await abortRemediation(requests(), id, 'lee', 'two')).toMatchObject({ kind: 'already', reason: containing('kim asked') });
    await play(world, id);
    expect(await abortRemediation(requests(), id, 'kim', 'x')).toMatchObject({
      kind: 'refused',
      reason: containing('is over (stood-down'),
    });
  });
});

const platform = (inFlight: string[]) => ({ inFlight, starts: [], unhealthySystems: [], breaker: { state: 'closed' as const } });

describe('a place under the caps', () => {
  it('comes back while there is room, once, and never beyond the caps', () => {
    const policy = webPolicy({ caps: { maxInFlight: 2 } });
    expect(decidePlace(platform(['a']), groupOf(), 'r', 10, policy)).toMatchObject({
      kind: 'held',
      platform: { inFlight: ['a', 'r'] },
      group: { inFlight: ['r'] },
    });
    expect(decidePlace(platform(['a', 'r']), groupOf({ inFlight: ['r'] }), 'r', 10, policy)).toMatchObject({
      kind: 'held',
      platform: { inFlight: ['a', 'r'] },
    });
    expect(decidePlace(platform(['a', 'b']), groupOf(), 'r', 10, policy)).toMatchObject({ kind: 'refused', guardrail: 'platform caps' });
    expect(decidePlace(platform([]), groupOf({ inFlight: ['b'] }), 'r', 10, policy)).toMatchObject({ kind: 'refused', guardrail: 'one at a time' });
  });
});
