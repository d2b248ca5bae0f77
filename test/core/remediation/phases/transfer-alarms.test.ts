import { describe, expect, it } from 'vitest';
import type { System } from '../../../../core/catalog/schema.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord } from '../../../../core/records/record-type.ts';
import { transferAlarms } from '../../../../core/remediation/phases/transfer-alarms.ts';
import type { AlarmFacts } from '../../../../core/remediation/ports.ts';
import { type Remediation, remediationType } from '../../../../core/remediation/record.ts';
import { NOW, remediationOf } from '../builders.ts';
import { createWorld, OLD, testScope, type World, webSystem } from '../world.ts';
import { type Answers, ended, NEW, type Stage, stage } from './one-phase.ts';

const alarm = (name: string, changes: Partial<AlarmFacts> = {}): AlarmFacts => ({
  name,
  arn: `arn:${name}`,
  state: 'ALARM',
  stateReason: '',
  changedAt: NOW,
  instanceId: OLD,
  treatsMissingDataAsBreaching: false,
  hasOwnAction: false,
  ...changes,
});

const still = async (): Promise<void> => undefined;

const watching = (...alarms: readonly AlarmFacts[]): Answers => ({
  alarms: { ofInstance: async () => alarms },
  alarmCloner: { clone: async (name, _original, _old, newId) => ({ alarmName: `${name}--${newId}` }), retire: still, revive: still },
});

const worldOf = (changes: Partial<System['spec']>, policy: Readonly<Record<string, unknown>> = {}): World => {
  const system = webSystem();
  return { ...createWorld('multiple', policy), system: { ...system, spec: { ...system.spec, ...changes } } };
};

const record: Partial<Remediation> = { newInstanceId: NEW, phase: 'transfer-alarms' };

describe('the alarms of the old instance', () => {
  it('watch the replacement under a name that leads back to the original; the original falls silent after its clone speaks, once', async () => {
    const { run, made, calls } = await stage({ record, answers: watching(alarm('cpu'), alarm('disk--i-before', { alarmOf: 'disk' })) });
    const result = { kind: 'done', reason: 'They follow: cpu → cpu--i-new, disk--i-before → disk--i-before--i-new' };
    expect([await run(transferAlarms), await run(transferAlarms)]).toEqual([result, result]);
    expect(made).toEqual([
      ['alarmCloner.clone', 'cpu', 'cpu', OLD, NEW],
      ['alarmCloner.retire', 'cpu'],
      ['alarmCloner.clone', 'disk--i-before', 'disk', OLD, NEW],
      ['alarmCloner.retire', 'disk--i-before'],
    ]);
    expect(await calls()).toEqual(['clone-alarm:cpu', 'retire-alarm:cpu', 'clone-alarm:disk--i-before', 'retire-alarm:disk--i-before']);
  });

  it('are those that the catalog lists and that the policy listens to, each glob once', async () => {
    const asked: unknown[] = [];
    const world = worldOf({ alarms: ['shop-web-*', 'db-cpu'] }, { triggers: ['instance.status-check', { alarm: 'db-cpu' }, { alarm: 'db-disk' }] });
    const { run } = await stage({ world, record });
    const ofInstance = async (...words: unknown[]): Promise<readonly AlarmFacts[]> => {
      asked.push(words);
      return [];
    };
    expect(await run(transferAlarms, { alarms: { ofInstance } })).toEqual({ kind: 'done', reason: 'No alarm and no dashboard names the old instance' });
    expect(asked).toEqual([[OLD, ['shop-web-*', 'db-cpu', 'db-disk']]]);
  });

  it('whose clone has no name are told all the same', async () => {
    const { run } = await stage({ record: { ...record, calls: { 'clone-alarm:cpu': ended() } }, answers: watching(alarm('cpu')) });
    expect(await run(transferAlarms)).toEqual({ kind: 'done', reason: 'They follow: cpu → its clone' });
  });

  it('follow nobody without a replacement: the phase fails', async () => {
    const { run, made } = await stage({ answers: watching(alarm('cpu')) });
    expect(await run(transferAlarms)).toEqual({ kind: 'failed', reason: 'No replacement was launched' });
    expect(made).toEqual([]);
  });
});

describe('dashboards', () => {
  it('that name the old instance show the new one, once; others are no reason to fail', async () => {
    const { world, run, made, record: read } = await stage({ world: worldOf({ dashboards: ['shop', 'lost'] }), record, answers: watching(alarm('cpu')) });
    world.region.putDashboard('shop', `{"InstanceId":"${OLD}"}`);
    const result = { kind: 'done', reason: 'They follow: cpu → cpu--i-new, the dashboard shop' };
    expect([await run(transferAlarms), await run(transferAlarms)]).toEqual([result, result]);
    expect(made.slice(2)).toEqual([
      ['dashboards.follow', 'shop', OLD, NEW],
      ['dashboards.follow', 'lost', OLD, NEW],
    ]);
    const { calls } = await read();
    expect(calls['dashboard:shop']?.result).toEqual({ isFollowed: 'true' });
    expect(calls['dashboard:lost']?.result).toEqual({ isFollowed: 'false' });
  });
});

type Calls = Remediation['calls'];

/** This repair takes back `rem-0`, which had made these calls. */
async function revert(before: Calls | 'gone', changes: Partial<Remediation> = {}): Promise<Stage> {
  const world = createWorld();
  if (before !== 'gone')
    await createRecord(world.store, remediationType, keys.remediation(testScope, 'rem-0'), remediationOf({ id: 'rem-0', instanceId: OLD }, { calls: before }));
  return stage({ world, record: { ...record, path: 'revert', revertOf: 'rem-0', ...changes }, answers: watching(alarm('cpu')) });
}

const transferred: Calls = {
  launch: ended({ alarmName: 'none' }),
  'clone-alarm:cpu': ended({ alarmName: 'cpu--i-new' }),
  'retire-alarm:cpu': ended(),
  'clone-alarm:disk': ended({ alarmName: 'disk--i-new' }),
};

describe('the alarms of a repair that is taken back', () => {
  it('speak again before their clones fall silent; one that was never silenced is not revived', async () => {
    const { run, made, calls } = await revert(transferred);
    const result = { kind: 'done', reason: 'Alarms are back: cpu, disk' };
    expect([await run(transferAlarms), await run(transferAlarms)]).toEqual([result, result]);
    expect(made).toEqual([
      ['alarmCloner.revive', 'cpu'],
      ['alarmCloner.retire', 'cpu--i-new'],
      ['alarmCloner.retire', 'disk--i-new'],
    ]);
    expect(await calls()).toEqual(['revive-alarm:cpu', 'retire-alarm:cpu--i-new', 'retire-alarm:disk--i-new']);
  });

  it('have no clone to silence where a crash came before its name was written down', async () => {
    const { run, made } = await revert({ 'clone-alarm:cpu': { attempt: 1, intentAt: NOW } });
    expect(await run(transferAlarms)).toEqual({ kind: 'done', reason: 'Alarms are back: cpu' });
    expect(made).toEqual([]);
  });

  it.for([['gone'], [{}], [{ launch: ended() }]] as const)('may not have moved: %j', async ([before]) => {
    const { run, made } = await revert(before);
    expect(await run(transferAlarms)).toEqual({ kind: 'done', reason: 'No alarm had moved' });
    expect(made).toEqual([]);
  });
});

describe('the alarms of a way back that has failed', () => {
  const failure = { phase: 'verify', reason: 'it stopped serving' } as const;
  const turned: Calls = { 'revive-alarm:cpu': ended(), 'retire-alarm:cpu--i-new': ended(), 'retire-alarm:disk--i-new': ended() };

  it('watch the replacement again, the clone first; nothing else is changed', async () => {
    const { run, made, calls } = await revert(transferred, { failure, calls: turned });
    const result = { kind: 'done', reason: 'The alarms watch the replacement again' };
    expect([await run(transferAlarms), await run(transferAlarms)]).toEqual([result, result]);
    expect(made).toEqual([
      ['alarmCloner.revive', 'cpu--i-new'],
      ['alarmCloner.retire', 'cpu'],
      ['alarmCloner.revive', 'disk--i-new'],
    ]);
    expect((await calls()).slice(3)).toEqual(['revive-alarm:cpu--i-new', 'retire-alarm:cpu', 'revive-alarm:disk--i-new']);
  });

  it('are as they were where the way back had not come to them', async () => {
    const { run, made } = await revert(transferred, { failure });
    expect(await run(transferAlarms)).toEqual({ kind: 'done', reason: 'The alarms watch the replacement again' });
    expect(made).toEqual([]);
  });

  it('may never have moved', async () => {
    const { run, made } = await revert({}, { failure });
    expect(await run(transferAlarms)).toEqual({ kind: 'done', reason: 'No alarm had moved' });
    expect(made).toEqual([]);
  });
});
