import { describe, expect, it } from 'vitest';
import { type System, systemSchema } from '../../../../core/catalog/schema.ts';
import { RetryableError } from '../../../../core/environment/errors.ts';
import { addSeconds } from '../../../../core/environment/time.ts';
import { readTimeline } from '../../../../core/incidents/incidents.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord } from '../../../../core/records/record-type.ts';
import { fence, quarantine, quarantinedBy, quarantineNew, startOld } from '../../../../core/remediation/phases/quarantine.ts';
import type { Evidence, InstanceFacts } from '../../../../core/remediation/ports.ts';
import { type Remediation, remediationType } from '../../../../core/remediation/record.ts';
import { instanceFacts, remediationOf } from '../builders.ts';
import { observePorts, OLD, testScope, webSystem, webTarget, type World } from '../world.ts';
import { answered, answersOf, NEW, openStage, type PhaseStage, reads, START, storeCapture, target, unanswered } from './phase-stage.ts';

const automationTags = ['Schedule', 'schedule', 'backup', 'Backup', 'aws-backup', 'dlm'];
const untilUsual = '2026-11-25T09:00:00.000Z';
const tagsOf = (until = untilUsual) => ({ 'perennial:quarantine': 'inc-1', 'perennial:quarantine-until': until, 'perennial:remediation': 'rem-1' });
const profile = 'arn:aws:iam::111122223333:instance-profile/shop-web';
const isPutAway: Remediation['phases'] = [{ name: 'evidence', startedAt: START, endedAt: START, outcome: 'done', reason: '' }];

/** What puts an instance away, from its evidence to the stop. */
const toTheStop = (id: string) => [
  ['evidence.collect', id, START],
  ['quarantine.mark', id, tagsOf(), automationTags],
  ['quarantine.interfaceGroups', id],
  ['quarantine.isolate', id, 'vpc-1'],
  ['power.stop', id],
];

/** What EC2 says of one that nothing can be done to any more. */
const ended: readonly [seen: string, answer: Partial<InstanceFacts> | undefined][] = [
  ['not known to EC2', undefined],
  ['terminated', { state: 'terminated' }],
  ['being terminated', { state: 'shutting-down' }],
];

const timeline = async ({ world }: PhaseStage) => readTimeline(world.store, testScope, 'inc-1');
const evidenceOf = (found: Partial<Evidence>) => ({ evidence: { collect: async (_id: string, at: string) => ({ collectedAt: at, absent: [], ...found }) } });

/** An instance that this remediation has launched. */
function addLaunched(world: World, instanceId: string, tags: Readonly<Record<string, string>> = { 'perennial:remediation': 'rem-1' }): void {
  world.region.addInstance({ instanceId, imageId: 'ami-v2', launchedAt: START, tags, targets: [webTarget] });
}

describe('the quarantine of the old instance', () => {
  it('keeps evidence, marks, isolates and stops it; only once it is down its profile goes (S0-16)', async () => {
    const stage = await openStage();
    stage.world.region.setTag(OLD, 'Schedule', 'office-hours');
    expect(await stage.look(quarantine)).toEqual({ kind: 'wait', seconds: 10, reason: 'i-old is stopping' });
    expect(stage.calls).toEqual(toTheStop(OLD));
    stage.world.clock.advance(15);
    expect(await stage.look(quarantine)).toEqual({ kind: 'done', reason: 'i-old is isolated, stopped and kept for 96 h' });
    expect(stage.calls.slice(5)).toEqual([['quarantine.dropProfile', OLD]]);
    expect(answersOf(await stage.record())).toEqual({
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
    const stage = await openStage({}, { spec: { quarantineHours: 2, statusPollSeconds: 7 } });
    expect(await stage.look(quarantine)).toEqual({ kind: 'wait', seconds: 7, reason: 'i-old is stopping' });
    expect(stage.calls[1]).toEqual(['quarantine.mark', OLD, tagsOf('2026-11-21T11:00:00.000Z'), automationTags]);
    stage.world.clock.advance(15);
    expect(await stage.look(quarantine)).toEqual({ kind: 'done', reason: 'i-old is isolated, stopped and kept for 2 h' });
  });

  it('keeps nothing of a drill: the reaper may end it at once, and nobody is told otherwise', async () => {
    const stage = await openStage({ isDrill: true });
    await stage.look(quarantine);
    expect(stage.calls[1]).toEqual(['quarantine.mark', OLD, tagsOf(START), automationTags]);
    stage.world.clock.advance(15);
    expect(await stage.look(quarantine)).toEqual({ kind: 'done', reason: 'i-old is isolated, stopped and may be ended at once: it was part of a drill' });
  });

  it('leaves one running whose root is on instance store: a stop would end it', async () => {
    const stage = await openStage();
    const running = reads(stage.world, { rootDeviceType: 'instance-store' });
    expect(await stage.look(quarantine, running)).toEqual({
      kind: 'done',
      reason: 'i-old is isolated, left running because its root is on instance store, and kept for 96 h',
    });
    expect(stage.calls.map(([name]) => name)).toEqual([
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
    expect(await stage.look(quarantine, reads(stage.world, { state: 'running' }, after))).toEqual(
      isEnough ? { kind: 'done', reason: 'i-old is isolated, stopped and kept for 96 h' } : { kind: 'wait', seconds: 10, reason: `i-old is ${seen}` },
    );
    expect(stage.calls.some(([name]) => name === 'quarantine.dropProfile')).toBe(isEnough);
  });

  it.for<[seen: string, answer: Partial<InstanceFacts> | undefined]>(ended)('has nothing to keep of one that is %s', async ([, answer]) => {
    const stage = await openStage();
    expect(await stage.look(quarantine, reads(stage.world, answer))).toEqual({ kind: 'done', reason: 'i-old is gone; there is nothing to keep' });
    expect(stage.calls).toEqual([]);
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
    await createRecord(world.store, remediationType, keys.remediation(testScope, 'rem-0'), remediationOf({ id: 'rem-0' }, { calls }));
    await world.region.quarantine.mark(OLD, { ...tagsOf(), 'perennial:remediation': 'rem-0' }, []);
    world.region.setTag(OLD, 'backup', 'daily');
    await world.region.quarantine.isolate(OLD, 'vpc-1');
    await world.region.quarantine.dropProfile(OLD);
    // The first look gets no further than the mark, which takes the name of the other one off the instance.
    const throttled = { quarantine: { ...world.region.quarantine, interfaceGroups: async () => Promise.reject(new RetryableError('RequestLimitExceeded')) } };
    await expect(stage.look(quarantine, throttled)).rejects.toThrow(RetryableError);
    await stage.look(quarantine);
    world.clock.advance(15);
    expect(await stage.look(quarantine)).toEqual({ kind: 'done', reason: 'i-old is isolated, stopped and kept for 96 h' });
    expect(answersOf(await stage.record())).toEqual({
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
    await stage.look(quarantine, { quarantine: { ...world.region.quarantine, interfaceGroups: async () => groups } });
    expect(answersOf(await stage.record())).toEqual({
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
    await stage.look(quarantine);
    expect(Object.keys((await stage.record()).calls)).toEqual(['mark:i-old', 'groups:i-old', 'isolate:i-old', 'stop:i-old']);
  });
});

const phaseOf = (name: Remediation['phases'][number]['name'], outcome: Remediation['phases'][number]['outcome']) => ({
  phases: [{ name, startedAt: START, endedAt: START, outcome, reason: '' }],
});

describe('evidence before the quarantine', () => {
  it('puts the end of the console on the timeline, once however often it is tried, and names what is absent', async () => {
    const stage = await openStage();
    const consoleOutput = 'kernel panic\nlast login: kim@example.com';
    const found = evidenceOf({ consoleOutput, absent: ['console screenshot', 'system log'] });
    const throttled = { quarantine: { ...stage.world.region.quarantine, mark: async () => Promise.reject(new RetryableError('RequestLimitExceeded')) } };
    await expect(stage.look(quarantine, { ...found, ...throttled })).rejects.toThrow(RetryableError);
    await stage.look(quarantine, found);
    expect(await timeline(stage)).toEqual([
      {
        at: START,
        eventId: 'rem-1:evidence:i-old',
        incidentId: 'inc-1',
        kind: 'evidence',
        text: 'Console output of i-old. Not to be had: console screenshot, system log.\nkernel panic\nlast login: [e-mail]',
      },
    ]);
  });

  it('keeps the last 4,000 characters', async () => {
    const stage = await openStage();
    await stage.look(quarantine, evidenceOf({ consoleOutput: `early${'x'.repeat(3996)}late` }));
    expect((await timeline(stage)).map(({ text }) => text)).toEqual([`Console output of i-old.\n${'x'.repeat(3996)}late`]);
  });

  it('says that there was none', async () => {
    const stage = await openStage();
    await stage.look(quarantine, evidenceOf({ absent: ['console output'] }));
    expect((await timeline(stage)).map(({ text }) => text)).toEqual(['Console output of i-old. Not to be had: console output.']);
  });

  it('masks public addresses where the system says that it holds personal data', async () => {
    const { spec, ...rest } = webSystem();
    const system: System = systemSchema.parse({ ...rest, spec: { ...spec, dataProtection: { personalData: true } } });
    const stage = await openStage({}, { system });
    await stage.look(quarantine, evidenceOf({ consoleOutput: 'login from 198.51.100.7' }));
    expect((await timeline(stage)).map(({ text }) => text)).toEqual(['Console output of i-old.\nlogin from [ip]']);
  });

  it('stops before the instance is touched where the policy requires what is not to be had', async () => {
    const stage = await openStage({}, { spec: { evidenceRequired: true } });
    expect(await stage.look(quarantine, evidenceOf({ absent: ['console output', 'system log'] }))).toEqual({
      kind: 'failed',
      reason: 'The policy requires evidence before i-old is touched; not to be had: console output, system log',
    });
    expect(stage.calls).toEqual([]);
    expect(await stage.look(quarantine)).toMatchObject({ kind: 'wait' });
  });

  it('goes on without it where the policy requires none', async () => {
    const stage = await openStage();
    expect(await stage.look(quarantine, evidenceOf({ absent: ['console output'] }))).toEqual({ kind: 'wait', seconds: 10, reason: 'i-old is stopping' });
  });

  it.for<[what: string, isCollected: boolean, changes: Partial<Remediation>]>([
    ['the evidence phase has it', false, phaseOf('evidence', 'done')],
    ['the evidence phase has failed', true, phaseOf('evidence', 'failed')],
    ['only other phases are done', true, phaseOf('capture', 'done')],
    ['the instance is marked', false, { calls: answered({ 'mark:i-old': {} }) }],
    ['nobody knows whether it is marked', true, { calls: unanswered('mark:i-old') }],
    ['another instance is marked', true, { calls: answered({ 'mark:i-other': {} }) }],
  ])('where %s, asked for here: %s', async ([, isCollected, changes]) => {
    const stage = await openStage(changes);
    await stage.look(quarantine);
    expect(stage.calls.some(([name]) => name === 'evidence.collect')).toBe(isCollected);
  });
});

describe('the last look at the replacement before the old instance is put away', () => {
  const serving: Partial<Remediation> = { newInstanceId: NEW, phases: isPutAway };

  async function doubtful(changes: Partial<Remediation> = {}, spec: Readonly<Record<string, unknown>> = {}): Promise<PhaseStage> {
    const stage = await openStage({ ...serving, ...changes }, { spec });
    addLaunched(stage.world, NEW);
    await storeCapture(stage);
    return stage;
  }

  it('lets it go where the replacement serves', async () => {
    const stage = await doubtful();
    expect(await stage.look(quarantine)).toEqual({ kind: 'wait', seconds: 10, reason: 'i-old is stopping' });
    expect(stage.calls).toEqual(toTheStop(OLD).slice(1));
  });

  it('is content with a replacement that runs where the old one was in no target group', async () => {
    const stage = await doubtful();
    await storeCapture(stage, { targets: [] });
    const targets = { ...stage.world.region.targets, health: async () => [target('unhealthy')] };
    expect(await stage.look(quarantine, { targets })).toEqual({ kind: 'wait', seconds: 10, reason: 'i-old is stopping' });
  });

  it.for<[seen: string, disturb: (world: World) => void]>([
    ['it is stopped', ({ region }) => region.setState(NEW, 'stopped', 'by hand')],
    ['shop-web:80 unhealthy', ({ region }) => region.setTargetUnhealthy(NEW, true)],
  ])('looks twice at one of which is seen: %s; then the old one comes back into service', async ([seen, disturb]) => {
    const stage = await doubtful({}, { healthyReadIntervalSeconds: 8 });
    disturb(stage.world);
    const reason = `The replacement ${NEW} does not serve any more (${seen})`;
    expect(await stage.look(quarantine)).toEqual({ kind: 'wait', seconds: 8, reason, memory: { badLooks: 1 } });
    const again = await doubtful({ memory: { badLooks: 1 } });
    disturb(again.world);
    expect(await again.look(quarantine)).toEqual({ kind: 'failed', reason: `${reason}; i-old is not put away`, undo: ['restore-old'] });
    expect([...stage.calls, ...again.calls]).toEqual([]);
  });

  it('doubts one that EC2 does not list, also in records of before there were paths', async () => {
    for (const path of ['replace', undefined] as const) {
      const stage = await openStage({ ...serving, path });
      await storeCapture(stage);
      expect(await stage.look(quarantine)).toEqual({
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
    expect(await stage.look(quarantine)).toEqual({ kind: 'wait', seconds: 10, reason: 'i-old is stopping' });
  });
});

describe('the quarantine of replacements', () => {
  it('puts away all that carry its tag, one after the other, each with evidence of its own', async () => {
    const stage = await openStage({ phases: isPutAway });
    addLaunched(stage.world, NEW);
    addLaunched(stage.world, 'i-new0002');
    addLaunched(stage.world, 'i-else', { 'perennial:remediation': 'rem-2' });
    expect(await stage.look(quarantineNew)).toEqual({ kind: 'wait', seconds: 10, reason: `${NEW} is stopping` });
    expect(stage.calls).toEqual(toTheStop(NEW));
    stage.world.clock.advance(15);
    expect(await stage.look(quarantineNew)).toEqual({ kind: 'wait', seconds: 10, reason: 'i-new0002 is stopping' });
    stage.world.clock.advance(15);
    expect(await stage.look(quarantineNew)).toEqual({ kind: 'done', reason: `Quarantined ${NEW}, i-new0002` });
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
    const stage = await openStage({}, { spec: { evidenceRequired: true } });
    addLaunched(stage.world, NEW);
    expect(await stage.look(quarantineNew, evidenceOf({ absent: ['console output'] }))).toEqual({
      kind: 'failed',
      reason: `The policy requires evidence before ${NEW} is touched; not to be had: console output`,
    });
  });

  it('never touches the old instance, though it carries the tag of its own repair; that of a drill is a throw-away one', async () => {
    for (const [isDrill, result] of [
      [false, { kind: 'done', reason: 'No replacement exists' }],
      [true, { kind: 'wait', seconds: 10, reason: 'i-old is stopping' }],
    ] as const) {
      const stage = await openStage({ isDrill });
      stage.world.region.setTag(OLD, 'perennial:remediation', 'rem-1');
      expect(await stage.look(quarantineNew)).toEqual(result);
    }
  });

  it.for<InstanceFacts['state']>(['shutting-down', 'terminated'])('leaves one that is %s alone', async (state) => {
    const stage = await openStage();
    const { region } = stage.world;
    const found = instanceFacts({ instanceId: NEW, state });
    expect(await stage.look(quarantineNew, { instances: { ...region.instances, findByTag: async () => [found] } })).toEqual({
      kind: 'done',
      reason: 'No replacement exists',
    });
    expect(stage.calls).toEqual([]);
  });

  it('puts away, of a way back, the instance that it replaces, whoever launched that', async () => {
    const stage = await openStage({ revertOf: 'rem-0', newInstanceId: NEW });
    addLaunched(stage.world, NEW, { 'perennial:remediation': 'rem-0' });
    addLaunched(stage.world, 'i-other');
    expect(await stage.look(quarantineNew)).toEqual({ kind: 'wait', seconds: 10, reason: `${NEW} is stopping` });
    stage.world.clock.advance(15);
    expect(await stage.look(quarantineNew)).toEqual({ kind: 'done', reason: `Quarantined ${NEW}` });
  });

  it.for<[what: string, changes: Partial<Remediation>]>([
    ['is not listed', { newInstanceId: NEW }],
    ['is not known', {}],
  ])('has nothing to put away on a way back whose instance %s', async ([, changes]) => {
    const stage = await openStage({ revertOf: 'rem-0', ...changes });
    addLaunched(stage.world, 'i-other');
    expect(await stage.look(quarantineNew)).toEqual({ kind: 'done', reason: 'No replacement exists' });
  });
});

const looking = (seconds: number, poll = 10) => ({
  kind: 'wait',
  seconds: poll,
  reason: `Nobody heard what the launch gave, and nothing carries its tag yet; looked for ${seconds} s more`,
});

describe('a launch of which nobody heard the answer', () => {
  const none = { kind: 'done', reason: 'No replacement exists' };

  it.for<[afterSeconds: number, result: object]>([
    [0, looking(120)],
    [30.5, looking(90)],
    [115, looking(5, 5)],
    [119.5, looking(1, 0.5)],
    [120, none],
    [500, none],
  ])('is looked for during two minutes: after %s s', async ([afterSeconds, result]) => {
    const stage = await openStage({ calls: unanswered('launch') });
    stage.world.clock.advance(afterSeconds);
    expect(await stage.look(quarantineNew)).toEqual(result);
  });

  it('is looked for during half of the phase at most, so that its deadline is not used up', async () => {
    const stage = await openStage({ calls: unanswered('launch') }, { spec: { stopDeadlineSeconds: 60 } });
    stage.world.clock.advance(25);
    expect(await stage.look(quarantineNew)).toEqual(looking(5, 5));
    stage.world.clock.advance(5);
    expect(await stage.look(quarantineNew)).toEqual(none);
  });

  it('is looked for since the last of several', async () => {
    const later = { attempt: 1, intentAt: addSeconds(START, 60) };
    const stage = await openStage({ calls: { 'launch:m5.large': later, ...unanswered('launch') } });
    stage.world.clock.advance(60);
    expect(await stage.look(quarantineNew)).toEqual(looking(120));
  });

  it.for<[what: string, calls: Remediation['calls'], result: object]>([
    ['is one as another type', unanswered('launch:m5.large'), looking(120)],
    ['is the one of a throw-away instance', unanswered('launch-throwaway'), looking(120)],
    ['is no other call', unanswered('register-new'), none],
    ['is no call of a like name', unanswered('relaunch:x'), none],
    ['is none that was answered', answered({ launch: { instanceId: NEW } }), none],
    ['is none that found no capacity', answered({ launch: { insufficient: 'no capacity' } }), none],
  ])('%s', async ([, calls, result]) => {
    expect(await (await openStage({ calls })).look(quarantineNew)).toEqual(result);
  });

  it('is found as soon as something carries the tag that no answer has named', async () => {
    const calls = { ...unanswered('launch'), ...answered({ 'launch-throwaway': { instanceId: 'i-throwaway' } }) };
    const stage = await openStage({ isDrill: true, calls });
    addLaunched(stage.world, 'i-throwaway');
    expect(await stage.look(quarantineNew)).toEqual(looking(120));
    addLaunched(stage.world, NEW);
    expect(await stage.look(quarantineNew)).toEqual({ kind: 'wait', seconds: 10, reason: 'i-throwaway is stopping' });
  });
});

describe('the remediation in whose quarantine an instance is', () => {
  const former = remediationOf({ id: 'rem-0' });
  it.for<[what: string, tags: Readonly<Record<string, string>>, found: Remediation | undefined]>([
    ['carries both tags', { 'perennial:quarantine': 'inc-1', 'perennial:remediation': 'rem-0' }, former],
    ['was only launched by it', { 'perennial:remediation': 'rem-0' }, undefined],
    ['names no remediation', { 'perennial:quarantine': 'inc-1' }, undefined],
    ['names one whose record is gone', { 'perennial:quarantine': 'inc-1', 'perennial:remediation': 'rem-gone' }, undefined],
  ])('when it %s', async ([, tags, found]) => {
    const { world } = await openStage();
    await createRecord(world.store, remediationType, keys.remediation(testScope, 'rem-0'), former);
    expect(await quarantinedBy(observePorts(world), instanceFacts({ tags }))).toEqual(found);
  });
});

describe('the fence', () => {
  it('stops the old instance once and waits until it is seen stopped', async () => {
    const stage = await openStage({}, { topology: 'single', spec: { statusPollSeconds: 4 } });
    expect(await stage.look(fence)).toEqual({ kind: 'wait', seconds: 4, reason: 'i-old is stopping' });
    stage.world.clock.advance(15);
    expect(await stage.look(fence)).toEqual({ kind: 'done', reason: 'i-old is stopped' });
    expect(stage.calls).toEqual([['power.stop', OLD]]);
    expect(answersOf(await stage.record())).toEqual({ fence: {} });
  });

  it.for<[after: InstanceFacts['state'] | 'not listed just now', result: object]>([
    ['shutting-down', { kind: 'done', reason: 'i-old is shutting-down' }],
    ['terminated', { kind: 'done', reason: 'i-old is terminated' }],
    ['running', { kind: 'wait', seconds: 10, reason: 'i-old is running' }],
    // A read that lags is no proof: two of a slot must never run.
    ['not listed just now', { kind: 'wait', seconds: 10, reason: 'i-old is not listed just now' }],
  ])('believes what it sees after the stop: %s', async ([state, result]) => {
    const stage = await openStage({}, { topology: 'single' });
    const after = state === 'not listed just now' ? undefined : { state };
    expect(await stage.look(fence, reads(stage.world, { state: 'running' }, after))).toEqual(result);
  });

  it.for<[seen: string, before: Partial<InstanceFacts> | undefined]>(ended)('is not needed for one that is %s', async ([, before]) => {
    const stage = await openStage({}, { topology: 'single' });
    expect(await stage.look(fence, reads(stage.world, before))).toEqual({ kind: 'done', reason: 'i-old is gone, which fences it' });
    expect(stage.calls).toEqual([]);
  });
});

describe('the start of the fenced old instance', () => {
  it('waits until it has stopped, and starts it then', async () => {
    const stage = await openStage({}, { topology: 'single' });
    await stage.look(fence);
    expect(await stage.look(startOld)).toEqual({ kind: 'wait', seconds: 5, reason: 'i-old is still stopping' });
    stage.world.clock.advance(15);
    expect(await stage.look(startOld)).toEqual({ kind: 'done', reason: 'Started i-old again' });
    expect(stage.calls).toEqual([
      ['power.stop', OLD],
      ['power.start', OLD],
    ]);
    expect(answersOf(await stage.record())).toEqual({ fence: {}, 'start-old': {} });
  });

  it.for<[seen: string, before: Partial<InstanceFacts> | undefined]>(ended)('fails for one that is %s', async ([, before]) => {
    const stage = await openStage({}, { topology: 'single' });
    expect(await stage.look(startOld, reads(stage.world, before))).toEqual({ kind: 'failed', reason: 'i-old is gone and cannot be started again' });
    expect(stage.calls).toEqual([]);
  });
});
