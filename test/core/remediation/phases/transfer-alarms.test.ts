import { describe, expect, it } from 'vitest';
import { transferAlarms } from '../../../../core/remediation/phases/transfer-alarms.ts';
import type { AlarmFacts } from '../../../../core/remediation/ports.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import { NOW } from '../builders.ts';
import { createWorld, OLD } from '../world.ts';
import { answered, type Answers, done, failed, NEW, openStage, type Stage, storeRemediation, unanswered } from './stage.ts';

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

const watching = (...alarms: readonly AlarmFacts[]): Answers => ({
  alarms: { ofInstance: async () => alarms },
  alarmCloner: {
    clone: async (name, _original, _old, newId) => ({ alarmName: `${name}--${newId}` }),
    retire: async () => undefined,
    revive: async () => undefined,
  },
});

const record: Partial<Remediation> = { newInstanceId: NEW, phase: 'transfer-alarms' };

describe('the alarms of the old instance', () => {
  it('watch the replacement under a name that leads back to the original; the original falls silent after its clone speaks, once', async () => {
    const { run, made, calls } = await openStage({ record, answers: watching(alarm('cpu'), alarm('disk--i-before', { alarmOf: 'disk' })) });
    const result = done('They follow: cpu → cpu--i-new0001, disk--i-before → disk--i-before--i-new0001');
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
    const system = { alarms: ['shop-web-*', 'db-cpu'] };
    const spec = { triggers: ['instance.status-check', { alarm: 'db-cpu' }, { alarm: 'db-disk' }] };
    const { run, heard } = await openStage({ system, spec, record, answers: watching() });
    expect(await run(transferAlarms)).toEqual(done('No alarm and no dashboard names the old instance'));
    expect(heard('alarms')).toEqual([['alarms.ofInstance', OLD, ['shop-web-*', 'db-cpu', 'db-disk']]]);
  });

  it('whose clone has no name are told all the same', async () => {
    const { run } = await openStage({ record: { ...record, calls: answered({ 'clone-alarm:cpu': {} }) }, answers: watching(alarm('cpu')) });
    expect(await run(transferAlarms)).toEqual(done('They follow: cpu → its clone'));
  });

  it('follow nobody without a replacement: the phase fails', async () => {
    const { run, made } = await openStage({ answers: watching(alarm('cpu')) });
    expect(await run(transferAlarms)).toEqual(failed('No replacement was launched'));
    expect(made).toEqual([]);
  });
});

describe('dashboards', () => {
  it('that name the old instance show the new one, once; others are no reason to fail', async () => {
    const { world, run, made, results } = await openStage({ system: { dashboards: ['shop', 'lost'] }, record, answers: watching(alarm('cpu')) });
    world.region.putDashboard('shop', `{"InstanceId":"${OLD}"}`);
    const result = done('They follow: cpu → cpu--i-new0001, the dashboard shop');
    expect([await run(transferAlarms), await run(transferAlarms)]).toEqual([result, result]);
    expect(made.slice(2)).toEqual([
      ['dashboards.follow', 'shop', OLD, NEW],
      ['dashboards.follow', 'lost', OLD, NEW],
    ]);
    expect(await results()).toEqual({
      'clone-alarm:cpu': { alarmName: 'cpu--i-new0001' },
      'retire-alarm:cpu': {},
      'dashboard:shop': { isFollowed: 'true' },
      'dashboard:lost': { isFollowed: 'false' },
    });
  });
});

/** This repair takes back `rem-0`, which had made these calls. */
async function revert(before: Remediation['calls'] | 'gone', changes: Partial<Remediation> = {}): Promise<Stage> {
  const world = createWorld();
  if (before !== 'gone') await storeRemediation(world, { calls: before });
  return openStage({ world, record: { ...record, path: 'revert', revertOf: 'rem-0', ...changes }, answers: watching(alarm('cpu')) });
}

const transferred = answered({
  launch: { alarmName: 'none' },
  'clone-alarm:cpu': { alarmName: 'cpu--i-new0001' },
  'retire-alarm:cpu': {},
  'clone-alarm:disk': { alarmName: 'disk--i-new0001' },
});

describe('the alarms of a repair that is taken back', () => {
  it('speak again before their clones fall silent; one that was never silenced is not revived', async () => {
    const { run, made, calls } = await revert(transferred);
    const result = done('Alarms are back: cpu, disk');
    expect([await run(transferAlarms), await run(transferAlarms)]).toEqual([result, result]);
    expect(made).toEqual([
      ['alarmCloner.revive', 'cpu'],
      ['alarmCloner.retire', 'cpu--i-new0001'],
      ['alarmCloner.retire', 'disk--i-new0001'],
    ]);
    expect(await calls()).toEqual(['revive-alarm:cpu', 'retire-alarm:cpu--i-new0001', 'retire-alarm:disk--i-new0001']);
  });

  it('have no clone to silence where a crash came before its name was written down', async () => {
    const { run, made } = await revert(unanswered('clone-alarm:cpu'));
    expect(await run(transferAlarms)).toEqual(done('Alarms are back: cpu'));
    expect(made).toEqual([]);
  });

  it.for([['gone'], [{}], [answered({ launch: {} })]] as const)('may not have moved: %j', async ([before]) => {
    const { run, made } = await revert(before);
    expect(await run(transferAlarms)).toEqual(done('No alarm had moved'));
    expect(made).toEqual([]);
  });
});

describe('the alarms of a way back that has failed', () => {
  const failure = { phase: 'verify', reason: 'it stopped serving' } as const;
  const turned = answered({ 'revive-alarm:cpu': {}, 'retire-alarm:cpu--i-new0001': {}, 'retire-alarm:disk--i-new0001': {} });

  it('watch the replacement again, the clone first; nothing else is changed', async () => {
    const { run, made, calls } = await revert(transferred, { failure, calls: turned });
    const result = done('The alarms watch the replacement again');
    expect([await run(transferAlarms), await run(transferAlarms)]).toEqual([result, result]);
    expect(made).toEqual([
      ['alarmCloner.revive', 'cpu--i-new0001'],
      ['alarmCloner.retire', 'cpu'],
      ['alarmCloner.revive', 'disk--i-new0001'],
    ]);
    expect((await calls()).slice(3)).toEqual(['revive-alarm:cpu--i-new0001', 'retire-alarm:cpu', 'revive-alarm:disk--i-new0001']);
  });

  it('are as they were where the way back had not come to them', async () => {
    const { run, made } = await revert(transferred, { failure });
    expect(await run(transferAlarms)).toEqual(done('The alarms watch the replacement again'));
    expect(made).toEqual([]);
  });

  it('may never have moved', async () => {
    const { run, made } = await revert({}, { failure });
    expect(await run(transferAlarms)).toEqual(done('No alarm had moved'));
    expect(made).toEqual([]);
  });
});
