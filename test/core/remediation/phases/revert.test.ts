import { beforeEach, describe, expect, it } from 'vitest';
import { tagKeys } from '../../../../core/inventory/records.ts';
import type { Capture } from '../../../../core/remediation/surroundings/capture.ts';
import { awaitOldHealthy, releaseOld, returnNew } from '../../../../core/remediation/phases/revert.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import { createWorld, OLD, webTarget, type World } from '../world.ts';
import { answered, done, failed, openStage, type Stage, type StageSeed, storeCapture, storeRemediation, wait } from './stage.ts';

const NEW = 'i-peer1';
const BEFORE = 'rem-0';
const PROFILE = 'arn:aws:iam::111122223333:instance-profile/shop-web';

const ourTags = ['perennial:quarantine', 'perennial:quarantine-until', 'perennial:remediation'];

let world: World;

beforeEach(() => {
  world = createWorld();
});

/** What a quarantine of the instance has recorded. */
const quarantineOf = (instanceId: string): Remediation['calls'] =>
  answered({
    [`groups:${instanceId}`]: { 'eni-a': 'sg-web,sg-db', 'eni-b': '' },
    [`drop-profile:${instanceId}`]: { instanceProfileArn: PROFILE },
    [`mark:${instanceId}`]: { Schedule: 'office-hours' },
  });

/** The remediation that is taken back, as it stands in the store. */
const store = async (calls: Remediation['calls'], id = BEFORE) => storeRemediation(world, { newInstanceId: NEW, calls }, id);

const wayBack = async (changes: Partial<Remediation> = {}, seed: StageSeed = {}): Promise<Stage> =>
  openStage({ world, record: { revertOf: BEFORE, path: 'revert', newInstanceId: NEW, ...changes }, ...seed });

describe('the old instance out of its quarantine', () => {
  beforeEach(() => {
    world.region.setState(OLD, 'stopped', 'by its quarantine');
  });

  it('has its security groups, interface by interface, its profile and its tags again; our tags go last (S0-27)', async () => {
    await store(quarantineOf(OLD));
    const { run, made, record } = await wayBack();
    expect(await run(releaseOld)).toEqual(done(`${OLD} has its security groups, profile and tags again`));
    expect(made).toEqual([
      ['quarantine.rejoin', OLD, { 'eni-a': ['sg-web', 'sg-db'], 'eni-b': [] }],
      ['quarantine.restoreProfile', OLD, PROFILE],
      ['quarantine.unmark', OLD, ourTags, { Schedule: 'office-hours' }],
    ]);
    expect((await record()).calls).toEqual(answered({ [`rejoin:${OLD}`]: {}, [`restore-profile:${OLD}`]: {}, [`unmark:${OLD}`]: {} }));
  });

  it('does nothing twice', async () => {
    await store(quarantineOf(OLD));
    const calls = answered({ [`rejoin:${OLD}`]: undefined, [`restore-profile:${OLD}`]: undefined, [`unmark:${OLD}`]: undefined });
    const { run, made } = await wayBack({ calls });
    await run(releaseOld);
    expect(made).toEqual([]);
  });

  it('gets no profile and no tags where the record tells of none', async () => {
    await store(answered({ [`groups:${OLD}`]: { 'eni-a': 'sg-web' }, [`drop-profile:${OLD}`]: undefined }));
    const { run, made, calls } = await wayBack();
    await run(releaseOld);
    expect(made).toEqual([
      ['quarantine.rejoin', OLD, { 'eni-a': ['sg-web'] }],
      ['quarantine.unmark', OLD, ourTags, {}],
    ]);
    expect(await calls()).toEqual([`rejoin:${OLD}`, `unmark:${OLD}`]);
  });

  it('gets the security groups of its capture on every interface, where a record of before they were kept has none', async () => {
    await store({});
    await storeCapture(world, { securityGroupIds: ['sg-web', 'sg-cache'] }, BEFORE);
    const isolated = { interfaceGroups: async () => ({ 'eni-a': ['sg-quarantine'], 'eni-b': ['sg-quarantine'] }) };
    const { run, made } = await wayBack({}, { answers: { quarantine: isolated } });
    await run(releaseOld);
    expect(made).toEqual([
      ['quarantine.interfaceGroups', OLD],
      ['quarantine.rejoin', OLD, { 'eni-a': ['sg-web', 'sg-cache'], 'eni-b': ['sg-web', 'sg-cache'] }],
      ['quarantine.unmark', OLD, ourTags, {}],
    ]);
  });

  it.each([
    ['of the remediation that is taken back', BEFORE, `The record of ${BEFORE} is gone; nothing says what the instance had`],
    ['because nothing is taken back', undefined, 'The record of what is taken back is gone; nothing says what the instance had'],
  ])('stays in it where there is no record %s', async (_what, revertOf, reason) => {
    const { run, made, calls } = await wayBack({ revertOf });
    expect(await run(releaseOld)).toEqual(failed(reason));
    expect([made, await calls()]).toEqual([[], []]);
  });

  it.each(['running', 'terminated'] as const)('is left alone while it is %s', async (state) => {
    await store(quarantineOf(OLD));
    world.region.setState(OLD, state, 'by hand');
    const { run, made } = await wayBack();
    expect([await run(releaseOld), made]).toEqual([failed(`${OLD} is ${state}, not stopped in quarantine`), []]);
  });

  it('is left alone while it is still stopping', async () => {
    await store(quarantineOf(OLD));
    world.region.setState(OLD, 'running', 'by hand');
    await world.region.power.stop(OLD);
    expect(await (await wayBack()).run(releaseOld)).toEqual(failed(`${OLD} is stopping, not stopped in quarantine`));
  });

  it('is left alone where EC2 knows nothing of it', async () => {
    await store(quarantineOf(OLD));
    expect(await (await wayBack({ oldInstanceId: 'i-unknown' })).run(releaseOld)).toEqual(failed('i-unknown is gone, not stopped in quarantine'));
  });
});

const fenced = async (changes: Partial<Remediation> = {}): Promise<Stage> => wayBack({ path: 'revert-fenced', ...changes });

describe('the replacement, when the way back has failed where only one may run', () => {
  it('comes out of the quarantine that this way back has put it into, and starts', async () => {
    world.region.setState(NEW, 'stopped', 'by its quarantine');
    const { run, made, calls, record } = await fenced({ calls: quarantineOf(NEW) });
    expect(await run(returnNew)).toEqual(done(`${NEW} is out of quarantine and starts again`));
    expect(made).toEqual([
      ['quarantine.rejoin', NEW, { 'eni-a': ['sg-web', 'sg-db'], 'eni-b': [] }],
      ['quarantine.restoreProfile', NEW, PROFILE],
      ['quarantine.unmark', NEW, ourTags, { Schedule: 'office-hours' }],
      ['power.start', NEW],
    ]);
    expect((await calls()).slice(3)).toEqual([`rejoin:${NEW}`, `restore-profile:${NEW}`, `unmark:${NEW}`, 'start-new']);
    expect((await record()).calls).toEqual({
      ...quarantineOf(NEW),
      ...answered({ [`rejoin:${NEW}`]: {}, [`restore-profile:${NEW}`]: {}, [`unmark:${NEW}`]: {}, 'start-new': {} }),
    });
  });

  it('comes out of the quarantine of an earlier way back, which was left half-done', async () => {
    world.region.setState(NEW, 'stopped', 'by its quarantine');
    world.region.setTag(NEW, tagKeys.quarantine, 'inc-0');
    world.region.setTag(NEW, tagKeys.remediation, 'rem-half');
    await store(answered({ [`groups:${NEW}`]: { 'eni-a': 'sg-web' }, [`mark:${NEW}`]: { Backup: 'daily' } }), 'rem-half');
    const { run, made } = await fenced();
    await run(returnNew);
    expect(made).toEqual([
      ['quarantine.rejoin', NEW, { 'eni-a': ['sg-web'] }],
      ['quarantine.unmark', NEW, ourTags, { Backup: 'daily' }],
      ['power.start', NEW],
    ]);
  });

  it('is only started where nobody has put it away', async () => {
    const { run, made, calls } = await fenced();
    expect(await run(returnNew)).toEqual(done(`${NEW} is out of quarantine and starts again`));
    expect([made, await calls()]).toEqual([[['power.start', NEW]], ['start-new']]);
  });

  it('is waited for while it is still stopping: EC2 starts no such instance', async () => {
    world.region.stickNextStop(60);
    await world.region.power.stop(NEW);
    const { run, made } = await fenced({ calls: quarantineOf(NEW) });
    expect([await run(returnNew), made]).toEqual([wait(`${NEW} is still stopping`, 5), []]);
  });

  it.each(['terminated', 'shutting-down'] as const)('cannot return when it is %s: nobody is told that it starts', async (state) => {
    if (state === 'shutting-down') await world.region.terminator.terminate(NEW);
    else world.region.setState(NEW, state, 'by hand');
    const { run, made } = await fenced({ calls: quarantineOf(NEW) });
    expect([await run(returnNew), made]).toEqual([failed(`${NEW} is gone and cannot return`), []]);
  });

  it('cannot return when it is gone, or none was ever launched', async () => {
    const gone = await fenced({ newInstanceId: 'i-unknown' });
    expect([await gone.run(returnNew), gone.made]).toEqual([failed('i-unknown is gone and cannot return'), []]);
    const none = await wayBack({ newInstanceId: undefined });
    expect(await none.run(returnNew)).toEqual(failed('The replacement is gone and cannot return'));
    expect(none.heard('instances')).toEqual([]);
  });
});

const look = async (changes: Partial<Remediation>, capture: Partial<Capture> = {}) => {
  world.region.setTargetUnhealthy(OLD, false);
  await storeCapture(world, capture, BEFORE);
  return (await wayBack(changes)).run(awaitOldHealthy);
};

describe('the old instance seen to serve again', () => {
  it('is healthy several times in a row; the times of the record are those of the repair and stay', async () => {
    expect(await look({ memory: { healthyReads: 2 } })).toEqual(done('Healthy 3 times in a row: shop-web:80 healthy'));
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
    expect(await look({}, { targets: [] })).toEqual(done('It was in no target group; running is in service'));
    expect((await look({ memory: { healthyReads: 2 } }, { targets: [webTarget] })).kind).toBe('done');
  });
});
