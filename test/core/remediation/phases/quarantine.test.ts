import { describe, expect, it } from 'vitest';
import { RetryableError } from '../../../../core/environment/errors.ts';
import { addSeconds } from '../../../../core/environment/time.ts';
import { readTimeline } from '../../../../core/incidents/incidents.ts';
import { fence, quarantine, quarantinedBy, quarantineNew, startOld } from '../../../../core/remediation/phases/quarantine.ts';
import type { Evidence, InstanceFacts } from '../../../../core/remediation/ports.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import { instanceFacts, NOW } from '../builders.ts';
import { observePorts, OLD, testScope, webTarget, type World } from '../world.ts';
import {
  answered,
  done,
  failed,
  NEW,
  openStage,
  ran,
  reads,
  type Stage,
  storeCapture,
  storeRemediation,
  target,
  throttled,
  unanswered,
  wait,
} from './stage.ts';

const automationTags = ['Schedule', 'schedule', 'backup', 'Backup', 'aws-backup', 'dlm'];
const untilUsual = '2026-11-25T09:00:00.000Z';
const tagsOf = (until = untilUsual) => ({ 'perennial:quarantine': 'inc-1', 'perennial:quarantine-until': until, 'perennial:remediation': 'rem-1' });
const profile = 'arn:aws:iam::111122223333:instance-profile/shop-web';
const isPutAway = [ran('evidence')];

/** What puts an instance away, from its evidence to the stop. */
const toTheStop = (id: string) => [
  ['evidence.collect', id, NOW],
  ['quarantine.mark', id, tagsOf(), automationTags],
  ['quarantine.interfaceGroups', id],
  ['quarantine.isolate', id, 'vpc-1'],
  ['power.stop', id],
];

/** What EC2 says of one that nothing can be done to any more. */
const overAlready: readonly [seen: string, answer: Partial<InstanceFacts> | undefined][] = [
  ['not known to EC2, as before', undefined],
  ['terminated', { state: 'terminated' }],
  ['being terminated', { state: 'shutting-down' }],
];

const timeline = async ({ world }: Stage) => readTimeline(world.store, testScope, 'inc-1');
const evidenceOf = (found: Partial<Evidence>) => ({ evidence: { collect: async (_id: string, at: string) => ({ collectedAt: at, absent: [], ...found }) } });

/** An instance that this remediation has launched. */
function addLaunched(world: World, instanceId: string, tags: Readonly<Record<string, string>> = { 'perennial:remediation': 'rem-1' }): void {
  world.region.addInstance({ instanceId, imageId: 'ami-v2', launchedAt: NOW, tags, targets: [webTarget] });
}

describe('the quarantine of the old instance', () => {
  it('keeps evidence, marks, isolates and stops it; only once it is down its profile goes (S0-16)', async () => {
    const stage = await openStage();
    stage.world.region.setTag(OLD, 'Schedule', 'office-hours');
    expect(await stage.run(quarantine)).toEqual(wait('i-old is stopping', 10));
    expect(stage.made).toEqual(toTheStop(OLD));
    stage.world.clock.advance(15);
    expect(await stage.run(quarantine)).toEqual(done('i-old is isolated, stopped and kept for 96 h'));
    expect(stage.made.slice(5)).toEqual([['quarantine.dropProfile', OLD]]);
    expect(await stage.results()).toEqual({
      'mark:i-old': { Schedule: 'office-hours' },
      'groups:i-old': { 'eni-of-i-old': 'sg-web' },
      'isolate:i-old': { securityGroupId: 'sg-quarantine' },
      'stop:i-old': {},
      'drop-profile:i-old': { instanceProfileArn: profile },
    });
    expect(stage.world.region.find(OLD)).toMatchObject({ state: 'stopped', securityGroupIds: ['sg-quarantine'] });
    expect(stage.world.region.find(OLD)?.tags).toEqual({ 'perennial:system': 'shop-web', 'perennial:role': 'web', Name: 'shop-web', ...tagsOf() });
  });

  it('lasts as long as the policy says, and the words say so', async () => {
    const stage = await openStage({ spec: { quarantineHours: 2, statusPollSeconds: 7 } });
    expect(await stage.run(quarantine)).toEqual(wait('i-old is stopping', 7));
    expect(stage.made[1]).toEqual(['quarantine.mark', OLD, tagsOf('2026-11-21T11:00:00.000Z'), automationTags]);
    stage.world.clock.advance(15);
    expect(await stage.run(quarantine)).toEqual(done('i-old is isolated, stopped and kept for 2 h'));
  });

  it('keeps nothing of a drill: the reaper may end it at once, and nobody is told otherwise', async () => {
    const stage = await openStage({ record: { isDrill: true } });
    await stage.run(quarantine);
    expect(stage.made[1]).toEqual(['quarantine.mark', OLD, tagsOf(NOW), automationTags]);
    stage.world.clock.advance(15);
    expect(await stage.run(quarantine)).toEqual(done('i-old is isolated, stopped and may be ended at once: it was part of a drill'));
  });

  it('leaves one running whose root is on instance store: a stop would end it', async () => {
    const stage = await openStage();
    const running = reads(stage.world, { rootDeviceType: 'instance-store' });
    expect(await stage.run(quarantine, running)).toEqual(done('i-old is isolated, left running because its root is on instance store, and kept for 96 h'));
    expect(stage.made.map(([name]) => name)).toEqual([
      'evidence.collect',
      'quarantine.mark',
      'quarantine.interfaceGroups',
      'quarantine.isolate',
      'quarantine.dropProfile',
    ]);
  });

  it.for<[seen: InstanceFacts['state'] | 'not listed just now', isEnough: boolean]>([
    ['pending', false],
    ['running', false],
    ['stopping', false],
    ['stopped', true],
    ['shutting-down', true],
    ['terminated', true],
    ['not listed just now', false],
  ])('that is %s after the stop counts as down: %s', async ([seen, isEnough]) => {
    const stage = await openStage();
    const after = seen === 'not listed just now' ? undefined : { state: seen };
    expect(await stage.run(quarantine, reads(stage.world, { state: 'running' }, after))).toEqual(
      isEnough ? done('i-old is isolated, stopped and kept for 96 h') : wait(`i-old is ${seen}`, 10),
    );
    expect(stage.made.some(([name]) => name === 'quarantine.dropProfile')).toBe(isEnough);
  });

  it.for<[seen: string, answer: Partial<InstanceFacts> | undefined]>(overAlready)('has nothing to keep of one that is %s', async ([, answer]) => {
    const stage = await openStage({ record: { memory: { unlisted: OLD } } });
    expect(await stage.run(quarantine, reads(stage.world, answer))).toEqual(done('i-old is gone; there is nothing to keep'));
    expect(stage.made).toEqual([]);
  });

  it('begins with the groups and tags from before: what another remediation has put away half-way is in the record of that one', async () => {
    const stage = await openStage();
    const { world } = stage;
    const former = {
      mark: { Schedule: 'nights' },
      groups: { 'eni-of-i-old': 'sg-web,sg-more', 'eni-gone': 'sg-x' },
      profile: { instanceProfileArn: 'arn:former' },
    };
    const calls = answered({ 'mark:i-old': former.mark, 'groups:i-old': former.groups, 'drop-profile:i-old': former.profile });
    await storeRemediation(world, { calls });
    await world.region.quarantine.mark(OLD, { ...tagsOf(), 'perennial:remediation': 'rem-0' }, []);
    world.region.setTag(OLD, 'backup', 'daily');
    await world.region.quarantine.isolate(OLD, 'vpc-1');
    await world.region.quarantine.dropProfile(OLD);
    // The first look gets no further than the mark, which takes the name of the other one off the instance.
    await expect(stage.run(quarantine, { quarantine: { interfaceGroups: throttled } })).rejects.toThrow(RetryableError);
    await stage.run(quarantine);
    world.clock.advance(15);
    expect(await stage.run(quarantine)).toEqual(done('i-old is isolated, stopped and kept for 96 h'));
    expect(await stage.results()).toEqual({
      'still-quarantined:i-old': { remediationId: 'rem-0' },
      'mark:i-old': { Schedule: 'nights', backup: 'daily' },
      'groups:i-old': { 'eni-of-i-old': 'sg-web,sg-more' },
      'isolate:i-old': { securityGroupId: 'sg-quarantine' },
      'stop:i-old': {},
      'drop-profile:i-old': { instanceProfileArn: 'arn:former' },
    });
  });

  it('takes the groups as they are where nobody has kept others', async () => {
    const stage = await openStage();
    const { world } = stage;
    await world.region.quarantine.mark(OLD, { ...tagsOf(), 'perennial:remediation': 'rem-gone' }, []);
    const groups = { 'eni-1': ['sg-web', 'sg-more'], 'eni-2': [] };
    await stage.run(quarantine, { quarantine: { interfaceGroups: async () => groups } });
    expect(await stage.results()).toEqual({
      'still-quarantined:i-old': { remediationId: 'rem-gone' },
      'mark:i-old': {},
      'groups:i-old': { 'eni-1': 'sg-web,sg-more', 'eni-2': '' },
      'isolate:i-old': { securityGroupId: 'sg-quarantine' },
      'stop:i-old': {},
    });
  });

  it.for<[what: string, tags: Readonly<Record<string, string>>]>([
    ['of this remediation', tagsOf()],
    ['of nobody, though another remediation has launched it', { 'perennial:remediation': 'rem-0' }],
    ['of one that has left no name', { 'perennial:quarantine': 'inc-0' }],
  ])('asks no other record where the quarantine is %s', async ([, tags]) => {
    const stage = await openStage();
    for (const [key, value] of Object.entries(tags)) stage.world.region.setTag(OLD, key, value);
    await stage.run(quarantine);
    expect(Object.keys((await stage.record()).calls)).toEqual(['mark:i-old', 'groups:i-old', 'isolate:i-old', 'stop:i-old']);
  });
});

describe('evidence before the quarantine', () => {
  it('puts the end of the console on the timeline, once however often it is tried, and names what is absent', async () => {
    const stage = await openStage();
    const consoleOutput = 'kernel panic\nlast login: kim@example.com';
    const found = evidenceOf({ consoleOutput, absent: ['console screenshot', 'system log'] });
    await expect(stage.run(quarantine, { ...found, quarantine: { mark: throttled } })).rejects.toThrow(RetryableError);
    await stage.run(quarantine, found);
    expect(await timeline(stage)).toEqual([
      {
        at: NOW,
        eventId: 'rem-1:evidence:i-old',
        incidentId: 'inc-1',
        kind: 'evidence',
        text: 'Console output of i-old. Not to be had: console screenshot, system log.\nkernel panic\nlast login: [e-mail]',
      },
    ]);
  });

  it('keeps the last 4,000 characters', async () => {
    const stage = await openStage();
    await stage.run(quarantine, evidenceOf({ consoleOutput: `early${'x'.repeat(3996)}late` }));
    expect((await timeline(stage)).map(({ text }) => text)).toEqual([`Console output of i-old.\n${'x'.repeat(3996)}late`]);
  });

  it('says that there was none', async () => {
    const stage = await openStage();
    await stage.run(quarantine, evidenceOf({ absent: ['console output'] }));
    expect((await timeline(stage)).map(({ text }) => text)).toEqual(['Console output of i-old. Not to be had: console output.']);
  });

  it('masks public addresses where the system says that it holds personal data', async () => {
    const stage = await openStage({ system: { dataProtection: { personalData: true } } });
    await stage.run(quarantine, evidenceOf({ consoleOutput: 'login from 198.51.100.7' }));
    expect((await timeline(stage)).map(({ text }) => text)).toEqual(['Console output of i-old.\nlogin from [ip]']);
  });

  it('stops before the instance is touched where the policy requires what is not to be had', async () => {
    const stage = await openStage({ spec: { evidenceRequired: true } });
    expect(await stage.run(quarantine, evidenceOf({ absent: ['console output', 'system log'] }))).toEqual(
      failed('The policy requires evidence before i-old is touched; not to be had: console output, system log'),
    );
    expect(stage.made).toEqual([['evidence.collect', OLD, NOW]]);
    expect(await stage.run(quarantine)).toMatchObject({ kind: 'wait' });
  });

  it('goes on without it where the policy requires none', async () => {
    const stage = await openStage();
    expect(await stage.run(quarantine, evidenceOf({ absent: ['console output'] }))).toEqual(wait('i-old is stopping', 10));
  });

  it.for<[what: string, isCollected: boolean, changes: Partial<Remediation>]>([
    ['the evidence phase has it', false, { phases: [ran('evidence')] }],
    ['the evidence phase has failed', true, { phases: [ran('evidence', 'failed')] }],
    ['only other phases are done', true, { phases: [ran('capture')] }],
    ['the instance is marked', false, { calls: answered({ 'mark:i-old': {} }) }],
    ['nobody knows whether it is marked', true, { calls: unanswered('mark:i-old') }],
    ['another instance is marked', true, { calls: answered({ 'mark:i-other': {} }) }],
  ])('where %s, asked for here: %s', async ([, isCollected, changes]) => {
    const stage = await openStage({ record: changes });
    await stage.run(quarantine);
    expect(stage.made.some(([name]) => name === 'evidence.collect')).toBe(isCollected);
  });
});

describe('the last look at the replacement before the old instance is put away', () => {
  const serving: Partial<Remediation> = { newInstanceId: NEW, phases: isPutAway };

  async function doubtful(changes: Partial<Remediation> = {}, spec: Readonly<Record<string, unknown>> = {}): Promise<Stage> {
    const stage = await openStage({ record: { ...serving, ...changes }, spec });
    addLaunched(stage.world, NEW);
    await storeCapture(stage.world);
    return stage;
  }

  it('lets it go where the replacement serves', async () => {
    const stage = await doubtful();
    expect(await stage.run(quarantine)).toEqual(wait('i-old is stopping', 10));
    expect(stage.made).toEqual(toTheStop(OLD).slice(1));
  });

  it('is content with a replacement that runs where the old one was in no target group', async () => {
    const stage = await doubtful();
    await storeCapture(stage.world, { targets: [] });
    const targets = { health: async () => [target('unhealthy')] };
    expect(await stage.run(quarantine, { targets })).toEqual(wait('i-old is stopping', 10));
  });

  it.for<[seen: string, disturb: (world: World) => void]>([
    ['it is stopped', ({ region }) => region.setState(NEW, 'stopped', 'by hand')],
    ['shop-web:80 unhealthy', ({ region }) => region.setTargetUnhealthy(NEW, true)],
  ])('looks twice at one of which is seen: %s; then the old one comes back into service', async ([seen, disturb]) => {
    const stage = await doubtful({}, { healthyReadIntervalSeconds: 8 });
    disturb(stage.world);
    const reason = `The replacement ${NEW} does not serve any more (${seen})`;
    expect(await stage.run(quarantine)).toEqual({ kind: 'wait', seconds: 8, reason, memory: { badLooks: 1 } });
    const again = await doubtful({ memory: { badLooks: 1 } });
    disturb(again.world);
    expect(await again.run(quarantine)).toEqual({ kind: 'failed', reason: `${reason}; i-old is not put away`, undo: ['restore-old'] });
    expect([...stage.made, ...again.made]).toEqual([]);
  });

  it('doubts one that EC2 does not list, also in records of before there were paths', async () => {
    for (const path of ['replace', undefined] as const) {
      const stage = await openStage({ record: { ...serving, path } });
      await storeCapture(stage.world);
      expect(await stage.run(quarantine)).toEqual({
        kind: 'wait',
        seconds: 10,
        reason: `The replacement ${NEW} does not serve any more (it is not listed)`,
        memory: { badLooks: 1 },
      });
    }
  });

  it.for<[what: string, changes: Partial<Remediation>]>([
    ['on the way back', { path: 'revert' }],
    ['once something has failed', { failure: { phase: 'verify', reason: 'it stopped serving' } }],
    ['where no replacement is known', { newInstanceId: undefined }],
    ['once the quarantine has begun', { calls: unanswered('mark:i-old') }],
  ])('is not taken %s: the old one goes', async ([, changes]) => {
    const stage = await doubtful(changes);
    stage.world.region.setState(NEW, 'terminated', 'by hand');
    expect(await stage.run(quarantine)).toEqual(wait('i-old is stopping', 10));
  });
});

describe('the quarantine of replacements', () => {
  it('puts away all that carry its tag, one after the other, each with evidence of its own', async () => {
    const stage = await openStage({ record: { phases: isPutAway } });
    addLaunched(stage.world, NEW);
    addLaunched(stage.world, 'i-new0002');
    addLaunched(stage.world, 'i-else', { 'perennial:remediation': 'rem-2' });
    expect(await stage.run(quarantineNew)).toEqual(wait(`${NEW} is stopping`, 10));
    expect(stage.made).toEqual(toTheStop(NEW));
    stage.world.clock.advance(15);
    expect(await stage.run(quarantineNew)).toEqual(wait('i-new0002 is stopping', 10));
    stage.world.clock.advance(15);
    expect(await stage.run(quarantineNew)).toEqual(done(`Quarantined ${NEW}, i-new0002`));
    expect(stage.world.region.all().map(({ instanceId, state }) => [instanceId, state])).toEqual([
      ['i-peer1', 'running'],
      ['i-peer2', 'running'],
      [OLD, 'running'],
      [NEW, 'stopped'],
      ['i-new0002', 'stopped'],
      ['i-else', 'running'],
    ]);
    expect((await timeline(stage)).map(({ eventId }) => eventId)).toEqual([`rem-1:evidence:${NEW}`, 'rem-1:evidence:i-new0002']);
  });

  it('stops at the first whose required evidence is not to be had', async () => {
    const stage = await openStage({ spec: { evidenceRequired: true } });
    addLaunched(stage.world, NEW);
    expect(await stage.run(quarantineNew, evidenceOf({ absent: ['console output'] }))).toEqual(
      failed(`The policy requires evidence before ${NEW} is touched; not to be had: console output`),
    );
  });

  it('never touches the old instance, though it carries the tag of its own repair; that of a drill is a throw-away one', async () => {
    for (const [isDrill, result] of [
      [false, done('No replacement exists')],
      [true, wait('i-old is stopping', 10)],
    ] as const) {
      const stage = await openStage({ record: { isDrill } });
      stage.world.region.setTag(OLD, 'perennial:remediation', 'rem-1');
      expect(await stage.run(quarantineNew)).toEqual(result);
    }
  });

  it.for<InstanceFacts['state']>(['shutting-down', 'terminated'])('leaves one that is %s alone', async (state) => {
    const stage = await openStage();
    const found = instanceFacts({ instanceId: NEW, state });
    expect(await stage.run(quarantineNew, { instances: { findByTag: async () => [found] } })).toEqual(done('No replacement exists'));
    expect(stage.made).toEqual([]);
  });

  it('puts away, of a way back, the instance that it replaces, whoever launched that', async () => {
    const stage = await openStage({ record: { revertOf: 'rem-0', newInstanceId: NEW } });
    addLaunched(stage.world, NEW, { 'perennial:remediation': 'rem-0' });
    addLaunched(stage.world, 'i-other');
    expect(await stage.run(quarantineNew)).toEqual(wait(`${NEW} is stopping`, 10));
    stage.world.clock.advance(15);
    expect(await stage.run(quarantineNew)).toEqual(done(`Quarantined ${NEW}`));
  });

  it.for<[what: string, changes: Partial<Remediation>]>([
    ['is not listed', { newInstanceId: NEW }],
    ['is not known', {}],
  ])('has nothing to put away on a way back whose instance %s', async ([, changes]) => {
    const stage = await openStage({ record: { revertOf: 'rem-0', memory: { unlisted: changes.newInstanceId ?? '' }, ...changes } });
    addLaunched(stage.world, 'i-other');
    expect(await stage.run(quarantineNew)).toEqual(done('No replacement exists'));
  });
});

const looking = (seconds: number, poll = 10) => wait(`Nobody heard what the launch gave, and nothing carries its tag yet; looked for ${seconds} s more`, poll);

/** The wait for the second look at one that EC2 does not list. */
const unlistedOnce = (...ids: readonly string[]) => ({
  ...wait(`${ids.join(', ')} ${ids.length === 1 ? 'is' : 'are'} not listed just now`, 10),
  memory: { unlisted: ids.join(',') },
});

describe('one that is not listed', () => {
  const asked: readonly [what: string, phase: typeof quarantine, end: string][] = [
    ['the old one before its quarantine', quarantine, 'i-old is gone; there is nothing to keep'],
    ['the old one at its fence', fence, 'i-old is gone, which fences it'],
  ];
  it.for(asked)('is looked for once more before it counts as gone: %s', async ([, phase, end]) => {
    const first = await openStage();
    expect(await first.run(phase, reads(first.world, undefined))).toEqual(unlistedOnce(OLD));
    const again = await openStage({ record: { memory: { unlisted: OLD } } });
    expect(await again.run(phase, reads(again.world, undefined))).toEqual(done(end));
    expect(again.made).toEqual([]);
  });

  it.for(asked)('is there again when a look lists it, and what was forgotten is counted from the beginning: %s', async ([, phase]) => {
    const stage = await openStage({ record: { memory: { unlisted: OLD } } });
    expect(await stage.run(phase, reads(stage.world, { state: 'stopping' }))).toEqual({ ...wait('i-old is stopping', 10), memory: {} });
  });

  it('is looked for once more where a replacement is to be put away: all that the launches gave, and nothing else', async () => {
    const calls = answered({ launch: { instanceId: 'i-b' }, 'launch-throwaway': { instanceId: 'i-c' }, 'launch:m5.large': { insufficient: 'no' } });
    const record = { newInstanceId: 'i-a', calls };
    expect(await (await openStage({ record })).run(quarantineNew)).toEqual(unlistedOnce('i-a', 'i-b', 'i-c'));
    const less = await openStage({ record: { ...record, memory: { unlisted: 'i-a,i-b,i-c' } } });
    addLaunched(less.world, 'i-b');
    expect(await less.run(quarantineNew)).toEqual(unlistedOnce('i-a', 'i-c'));
    const over = await openStage({ record: { ...record, memory: { unlisted: 'i-a,i-b,i-c' } } });
    expect(await over.run(quarantineNew)).toEqual(done('No replacement exists'));
  });
});

describe('a launch of which nobody heard the answer', () => {
  const none = done('No replacement exists');

  it.for<[afterSeconds: number, result: object]>([
    [0, looking(120)],
    [30.5, looking(90)],
    [115, looking(5, 5)],
    [119.5, looking(1, 0.5)],
    [120, none],
    [500, none],
  ])('is looked for during two minutes: after %s s', async ([afterSeconds, result]) => {
    const stage = await openStage({ record: { calls: unanswered('launch') } });
    stage.world.clock.advance(afterSeconds);
    expect(await stage.run(quarantineNew)).toEqual(result);
  });

  it('is looked for during half of the phase at most, so that its deadline is not used up', async () => {
    const stage = await openStage({ record: { calls: unanswered('launch') }, spec: { stopDeadlineSeconds: 60 } });
    stage.world.clock.advance(25);
    expect(await stage.run(quarantineNew)).toEqual(looking(5, 5));
    stage.world.clock.advance(5);
    expect(await stage.run(quarantineNew)).toEqual(none);
  });

  it('is looked for since the last of several', async () => {
    const later = { attempt: 1, intentAt: addSeconds(NOW, 60) };
    const stage = await openStage({ record: { calls: { 'launch:m5.large': later, ...unanswered('launch') } } });
    stage.world.clock.advance(60);
    expect(await stage.run(quarantineNew)).toEqual(looking(120));
  });

  it.for<[what: string, calls: Remediation['calls'], result: object]>([
    ['is one as another type', unanswered('launch:m5.large'), looking(120)],
    ['is the one of a throw-away instance', unanswered('launch-throwaway'), looking(120)],
    ['is no other call', unanswered('register-new'), none],
    ['is no call of a like name', unanswered('relaunch:x'), none],
    ['is none that was answered', answered({ launch: { instanceId: NEW } }), unlistedOnce(NEW)],
    ['is none that found no capacity', answered({ launch: { insufficient: 'no capacity' } }), none],
  ])('%s', async ([, calls, result]) => {
    expect(await (await openStage({ record: { calls } })).run(quarantineNew)).toEqual(result);
  });

  it('is found as soon as something carries the tag that no answer has named', async () => {
    const calls = { ...unanswered('launch'), ...answered({ 'launch-throwaway': { instanceId: 'i-throwaway' } }) };
    const stage = await openStage({ record: { isDrill: true, calls } });
    addLaunched(stage.world, 'i-throwaway');
    expect(await stage.run(quarantineNew)).toEqual(looking(120));
    addLaunched(stage.world, NEW);
    expect(await stage.run(quarantineNew)).toEqual(wait('i-throwaway is stopping', 10));
  });
});

describe('the remediation in whose quarantine an instance is', () => {
  it.for<[what: string, tags: Readonly<Record<string, string>>, isFound: boolean]>([
    ['carries both tags', { 'perennial:quarantine': 'inc-1', 'perennial:remediation': 'rem-0' }, true],
    ['was only launched by it', { 'perennial:remediation': 'rem-0' }, false],
    ['names no remediation', { 'perennial:quarantine': 'inc-1' }, false],
    ['names one whose record is gone', { 'perennial:quarantine': 'inc-1', 'perennial:remediation': 'rem-gone' }, false],
  ])('when it %s', async ([, tags, isFound]) => {
    const { world } = await openStage();
    const former = await storeRemediation(world);
    expect(await quarantinedBy(observePorts(world), instanceFacts({ tags }))).toEqual(isFound ? former : undefined);
  });
});

describe('the fence', () => {
  it('stops the old instance once and waits until it is seen stopped', async () => {
    const stage = await openStage({ topology: 'single', spec: { statusPollSeconds: 4 } });
    expect(await stage.run(fence)).toEqual(wait('i-old is stopping', 4));
    stage.world.clock.advance(15);
    expect(await stage.run(fence)).toEqual(done('i-old is stopped'));
    expect(stage.made).toEqual([['power.stop', OLD]]);
    expect(await stage.results()).toEqual({ fence: {} });
  });

  it.for<[after: InstanceFacts['state'] | 'not listed just now', result: object]>([
    ['shutting-down', done('i-old is shutting-down')],
    ['terminated', done('i-old is terminated')],
    ['running', wait('i-old is running', 10)],
    // A read that lags is no proof: two of a slot must never run.
    ['not listed just now', wait('i-old is not listed just now', 10)],
  ])('believes what it sees after the stop: %s', async ([state, result]) => {
    const stage = await openStage({ topology: 'single' });
    const after = state === 'not listed just now' ? undefined : { state };
    expect(await stage.run(fence, reads(stage.world, { state: 'running' }, after))).toEqual(result);
  });

  it.for<[seen: string, before: Partial<InstanceFacts> | undefined]>(overAlready)('is not needed for one that is %s', async ([, before]) => {
    const stage = await openStage({ topology: 'single', record: { memory: { unlisted: OLD } } });
    expect(await stage.run(fence, reads(stage.world, before))).toEqual(done('i-old is gone, which fences it'));
    expect(stage.made).toEqual([]);
  });
});

describe('the start of the fenced old instance', () => {
  it('waits until it has stopped, and starts it then', async () => {
    const stage = await openStage({ topology: 'single' });
    await stage.run(fence);
    expect(await stage.run(startOld)).toEqual(wait('i-old is still stopping', 5));
    stage.world.clock.advance(15);
    expect(await stage.run(startOld)).toEqual(done('Started i-old again'));
    expect(stage.made).toEqual([
      ['power.stop', OLD],
      ['power.start', OLD],
    ]);
    expect(await stage.results()).toEqual({ fence: {}, 'start-old': {} });
  });

  it.for<[seen: string, before: Partial<InstanceFacts> | undefined]>(overAlready)('fails for one that is %s', async ([, before]) => {
    const stage = await openStage({ topology: 'single' });
    expect(await stage.run(startOld, reads(stage.world, before))).toEqual(failed('i-old is gone and cannot be started again'));
    expect(stage.made).toEqual([]);
  });
});
