import { beforeEach, describe, expect, it } from 'vitest';
import { tagKeys } from '../../../../core/inventory/records.ts';
import { keys } from '../../../../core/records/keys.ts';
import { updateRecord } from '../../../../core/records/record-type.ts';
import type { Capture } from '../../../../core/remediation/surroundings/capture.ts';
import { awaitOldHealthy, releaseOld, returnNew } from '../../../../core/remediation/phases/revert.ts';
import { type Remediation, remediationType } from '../../../../core/remediation/record.ts';
import { remediationOf } from '../builders.ts';
import { createWorld, OLD, testScope, webTarget, type World } from '../world.ts';
import { answering, listening, runPhase, storeCapture } from './run-phase.ts';

const NEW = 'i-peer1';
const BEFORE = 'rem-0';
const PROFILE = 'arn:aws:iam::111122223333:instance-profile/shop-web';

const changing = ['rejoin', 'restoreProfile', 'unmark', 'isolate', 'mark', 'dropProfile']
  .map((method) => `quarantine.${method}`)
  .concat('power.start', 'power.stop');
const ourTags = ['perennial:quarantine', 'perennial:quarantine-until', 'perennial:remediation'];

let world: World;

beforeEach(() => {
  world = createWorld();
});

const done = (result?: Record<string, string>): Remediation['calls'][string] => {
  const at = world.clock.now();
  return { attempt: 1, intentAt: at, outcomeAt: at, ...(result === undefined ? {} : { result }) };
};

/** What a quarantine of the instance has recorded. */
const quarantineOf = (instanceId: string): Remediation['calls'] => ({
  [`groups:${instanceId}`]: done({ 'eni-a': 'sg-web,sg-db', 'eni-b': '' }),
  [`drop-profile:${instanceId}`]: done({ instanceProfileArn: PROFILE }),
  [`mark:${instanceId}`]: done({ Schedule: 'office-hours' }),
});

/** The remediation that is taken back, as it stands in the store. */
async function store(calls: Remediation['calls'], id = BEFORE): Promise<void> {
  const record = remediationOf({ id, instanceId: OLD, system: world.system, at: world.clock.now() }, { newInstanceId: NEW, calls });
  await updateRecord(world.store, remediationType, keys.remediation(testScope, id), () => record);
}

const wayBack = (changes: Partial<Remediation> = {}): Remediation =>
  remediationOf({ instanceId: OLD, system: world.system, at: world.clock.now() }, { revertOf: BEFORE, path: 'revert', newInstanceId: NEW, ...changes });

const calledNames = ({ calls }: Remediation): readonly string[] => Object.keys(calls);

async function release(changes: Partial<Remediation> = {}) {
  const heard = listening(...changing);
  return { calls: heard.calls, ...(await runPhase(releaseOld, world, wayBack(changes), { wrap: heard.wrap })) };
}

describe('the old instance out of its quarantine', () => {
  beforeEach(() => {
    world.region.setState(OLD, 'stopped', 'by its quarantine');
  });

  it('has its security groups, interface by interface, its profile and its tags again; our tags go last (S0-27)', async () => {
    await store(quarantineOf(OLD));
    const { result, calls, after } = await release();
    expect(calls).toEqual([
      ['quarantine.rejoin', OLD, { 'eni-a': ['sg-web', 'sg-db'], 'eni-b': [] }],
      ['quarantine.restoreProfile', OLD, PROFILE],
      ['quarantine.unmark', OLD, ourTags, { Schedule: 'office-hours' }],
    ]);
    expect(result).toEqual({ kind: 'done', reason: `${OLD} has its security groups, profile and tags again` });
    expect(after.calls).toEqual({ [`rejoin:${OLD}`]: done({}), [`restore-profile:${OLD}`]: done({}), [`unmark:${OLD}`]: done({}) });
  });

  it('does nothing twice', async () => {
    await store(quarantineOf(OLD));
    const { calls } = await release({ calls: { [`rejoin:${OLD}`]: done(), [`restore-profile:${OLD}`]: done(), [`unmark:${OLD}`]: done() } });
    expect(calls).toEqual([]);
  });

  it('gets no profile and no tags where the record tells of none', async () => {
    await store({ [`groups:${OLD}`]: done({ 'eni-a': 'sg-web' }), [`drop-profile:${OLD}`]: done() });
    const { calls, after } = await release();
    expect(calls).toEqual([
      ['quarantine.rejoin', OLD, { 'eni-a': ['sg-web'] }],
      ['quarantine.unmark', OLD, ourTags, {}],
    ]);
    expect(calledNames(after)).toEqual([`rejoin:${OLD}`, `unmark:${OLD}`]);
  });

  it('gets the security groups of its capture on every interface, where a record of before they were kept has none', async () => {
    await store({});
    await storeCapture(world, BEFORE, { securityGroupIds: ['sg-web', 'sg-cache'] });
    const heard = listening(...changing);
    const isolated = answering('quarantine.interfaceGroups', async () => ({ 'eni-a': ['sg-quarantine'], 'eni-b': ['sg-quarantine'] }));
    await runPhase(releaseOld, world, wayBack(), { wrap: (name, port) => heard.wrap(name, isolated(name, port)) });
    expect(heard.calls).toEqual([
      ['quarantine.rejoin', OLD, { 'eni-a': ['sg-web', 'sg-cache'], 'eni-b': ['sg-web', 'sg-cache'] }],
      ['quarantine.unmark', OLD, ourTags, {}],
    ]);
  });

  it.each([
    ['of the remediation that is taken back', wayBackOf(BEFORE), `The record of ${BEFORE} is gone; nothing says what the instance had`],
    ['because nothing is taken back', wayBackOf(), 'The record of what is taken back is gone; nothing says what the instance had'],
  ])('stays in it where there is no record %s', async (_what, record, reason) => {
    const heard = listening(...changing);
    const { result, after } = await runPhase(releaseOld, world, record(), { wrap: heard.wrap });
    expect([result, heard.calls, after.calls]).toEqual([{ kind: 'failed', reason }, [], {}]);
  });

  it.each(['running', 'terminated'] as const)('is left alone while it is %s', async (state) => {
    await store(quarantineOf(OLD));
    world.region.setState(OLD, state, 'by hand');
    const { result, calls } = await release();
    expect([result, calls]).toEqual([{ kind: 'failed', reason: `${OLD} is ${state}, not stopped in quarantine` }, []]);
  });

  it('is left alone while it is still stopping', async () => {
    await store(quarantineOf(OLD));
    world.region.setState(OLD, 'running', 'by hand');
    await world.region.power.stop(OLD);
    expect((await release()).result).toEqual({ kind: 'failed', reason: `${OLD} is stopping, not stopped in quarantine` });
  });

  it('is left alone where EC2 knows nothing of it', async () => {
    await store(quarantineOf(OLD));
    expect((await release({ oldInstanceId: 'i-unknown' })).result).toEqual({ kind: 'failed', reason: 'i-unknown is gone, not stopped in quarantine' });
  });
});

/** A way back of this remediation, or of none. */
function wayBackOf(revertOf?: string): () => Remediation {
  return () => {
    const { revertOf: _revertOf, ...record } = wayBack();
    return { ...record, ...(revertOf === undefined ? {} : { revertOf }) };
  };
}

async function comeBack(changes: Partial<Remediation> = {}) {
  const heard = listening(...changing);
  return { calls: heard.calls, ...(await runPhase(returnNew, world, wayBack({ path: 'revert-fenced', ...changes }), { wrap: heard.wrap })) };
}

describe('the replacement, when the way back has failed where only one may run', () => {
  it('comes out of the quarantine that this way back has put it into, and starts', async () => {
    world.region.setState(NEW, 'stopped', 'by its quarantine');
    const { result, calls, after } = await comeBack({ calls: quarantineOf(NEW) });
    expect(calls).toEqual([
      ['quarantine.rejoin', NEW, { 'eni-a': ['sg-web', 'sg-db'], 'eni-b': [] }],
      ['quarantine.restoreProfile', NEW, PROFILE],
      ['quarantine.unmark', NEW, ourTags, { Schedule: 'office-hours' }],
      ['power.start', NEW],
    ]);
    expect(result).toEqual({ kind: 'done', reason: `${NEW} is out of quarantine and starts again` });
    expect(calledNames(after).slice(3)).toEqual([`rejoin:${NEW}`, `restore-profile:${NEW}`, `unmark:${NEW}`, 'start-new']);
    expect(after.calls['start-new']).toEqual(done({}));
  });

  it('comes out of the quarantine of an earlier way back, which was left half-done', async () => {
    world.region.setState(NEW, 'stopped', 'by its quarantine');
    world.region.setTag(NEW, tagKeys.quarantine, 'inc-0');
    world.region.setTag(NEW, tagKeys.remediation, 'rem-half');
    await store({ [`groups:${NEW}`]: done({ 'eni-a': 'sg-web' }), [`mark:${NEW}`]: done({ Backup: 'daily' }) }, 'rem-half');
    expect((await comeBack()).calls).toEqual([
      ['quarantine.rejoin', NEW, { 'eni-a': ['sg-web'] }],
      ['quarantine.unmark', NEW, ourTags, { Backup: 'daily' }],
      ['power.start', NEW],
    ]);
  });

  it('is only started where nobody has put it away', async () => {
    const { result, calls, after } = await comeBack();
    expect([calls, calledNames(after)]).toEqual([[['power.start', NEW]], ['start-new']]);
    expect(result).toEqual({ kind: 'done', reason: `${NEW} is out of quarantine and starts again` });
  });

  it('is waited for while it is still stopping: EC2 starts no such instance', async () => {
    world.region.stickNextStop(60);
    await world.region.power.stop(NEW);
    const { result, calls } = await comeBack({ calls: quarantineOf(NEW) });
    expect([result, calls]).toEqual([{ kind: 'wait', seconds: 5, reason: `${NEW} is still stopping` }, []]);
  });

  it.each(['terminated', 'shutting-down'] as const)('cannot return when it is %s: nobody is told that it starts', async (state) => {
    if (state === 'shutting-down') await world.region.terminator.terminate(NEW);
    else world.region.setState(NEW, state, 'by hand');
    const { result, calls } = await comeBack({ calls: quarantineOf(NEW) });
    expect([result, calls]).toEqual([{ kind: 'failed', reason: `${NEW} is gone and cannot return` }, []]);
  });

  it('cannot return when it is gone, or none was ever launched', async () => {
    const gone = await comeBack({ newInstanceId: 'i-unknown' });
    expect([gone.result, gone.calls]).toEqual([{ kind: 'failed', reason: 'i-unknown is gone and cannot return' }, []]);
    const { newInstanceId: _newInstanceId, ...record } = wayBack();
    const heard = listening('instances.read');
    expect((await runPhase(returnNew, world, record, { wrap: heard.wrap })).result).toEqual({
      kind: 'failed',
      reason: 'The replacement is gone and cannot return',
    });
    expect(heard.calls).toEqual([]);
  });
});

const look = async (changes: Partial<Remediation>, capture: Partial<Capture> = {}) => {
  world.region.setTargetUnhealthy(OLD, false);
  await storeCapture(world, BEFORE, capture);
  return (await runPhase(awaitOldHealthy, world, wayBack(changes))).result;
};

describe('the old instance seen to serve again', () => {
  it('is healthy several times in a row; the times of the record are those of the repair and stay', async () => {
    expect(await look({ memory: { healthyReads: 2 } })).toEqual({ kind: 'done', reason: 'Healthy 3 times in a row: shop-web:80 healthy' });
  });

  it('is looked at again until then', async () => {
    expect(await look({ memory: { healthyReads: 1 } })).toEqual({
      kind: 'wait',
      seconds: 10,
      reason: '2 of 3 healthy reads: shop-web:80 healthy',
      memory: { healthyReads: 2 },
    });
  });

  it('serves as soon as it runs where it was in no target group, and the times stay here too', async () => {
    expect(await look({}, { targets: [] })).toEqual({ kind: 'done', reason: 'It was in no target group; running is in service' });
    expect((await look({ memory: { healthyReads: 2 } }, { targets: [webTarget] })).kind).toBe('done');
  });
});
