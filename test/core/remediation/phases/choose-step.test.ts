import { describe, expect, it } from 'vitest';
import { tagKeys } from '../../../../core/inventory/records.ts';
import { chooseStep, readPathFacts } from '../../../../core/remediation/phases/choose-step.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import { phasesOf, traitsOf } from '../../../../core/remediation/paths/procedure.ts';
import { NOW, plainCapability } from '../builders.ts';
import { GROUP, groupWorld, MEMBER } from '../group-world.ts';
import { OLD } from '../world.ts';
import { failed, openStage, refusing, type StageSeed } from './stage.ts';

const spec = { ladder: ['restart', 'reboot', 'replace'], restartProcess: { service: 'nginx' } };

const factsOf = async (seed: StageSeed) => readPathFacts(await (await openStage(seed)).context());

describe('what is read before the next step is chosen', () => {
  it('is the instance as it is now, its checks, what it can take, and what the record says', async () => {
    const { world, context } = await openStage({ spec });
    expect(await readPathFacts(await context())).toEqual({
      now: NOW,
      policy: world.policy.spec,
      isFenced: false,
      isRequested: false,
      instance: world.region.find(OLD),
      isGroupMember: false,
      status: { instanceId: OLD, system: 'ok', instance: 'ok' },
      capability: plainCapability,
    });
  });

  it('says that the old one is stopped first where only one may run, and that a person asked', async () => {
    const facts = await factsOf({ topology: 'single', trigger: { kind: 'instance.replace-requested' } });
    expect(facts).toMatchObject({ isFenced: true, isRequested: true });
  });

  it('says that it belongs to a group', async () => {
    const facts = await factsOf({ world: groupWorld(), record: { oldInstanceId: MEMBER } });
    expect(facts).toMatchObject({ instance: { instanceId: MEMBER }, isGroupMember: true });
  });

  it.each(['terminated', 'never there'] as const)('of one that is %s knows no instance, and it is a member of nothing', async (state) => {
    const world = groupWorld();
    if (state === 'terminated') world.region.setState(MEMBER, 'terminated', 'by hand');
    const isGroupMember = refusing(new Error('nobody asks this of one that is gone'));
    const record = { oldInstanceId: state === 'terminated' ? MEMBER : 'i-unknown' };
    const facts = await factsOf({ world, record, answers: { instances: { isGroupMember } } });
    expect([facts.instance, facts.isGroupMember, facts.status]).toEqual([undefined, false, undefined]);
  });
});

describe('the next step of the ladder (S4-18)', () => {
  it('is the first of those left that can help, with why the last one did not', async () => {
    const triedPaths: Remediation['triedPaths'] = [
      { path: 'root-swap', startedAt: NOW, endedAt: NOW, reason: 'it was refused' },
      { path: 'native-recovery', startedAt: NOW, endedAt: NOW, reason: 'EC2 did not recover it' },
      { path: 'restart', startedAt: NOW, endedAt: NOW, reason: 'the target is still unhealthy' },
    ];
    const { run } = await openStage({ spec, record: { nextPaths: ['reboot', 'replace'], triedPaths } });
    expect(await run(chooseStep)).toEqual({
      kind: 'done',
      reason: 'The next step is reboot: a reboot keeps everything but what is in memory',
      patch: {
        path: 'reboot',
        pathReason: 'restart did not help: the target is still unhealthy; a reboot keeps everything but what is in memory',
        nextPaths: ['replace'],
        remaining: ['evidence', 'reboot', 'await-recovered', 'finish'],
      },
    });
  });

  it('goes with the phases that apply to the instance, and its reason stands alone where nothing was tried', async () => {
    const { run } = await openStage({ topology: 'single', spec, record: { nextPaths: ['replace'] } });
    expect(await run(chooseStep)).toEqual({
      kind: 'done',
      reason: 'The next step is replace: a full replacement, the old instance stopped first',
      patch: {
        path: 'replace',
        pathReason: 'a full replacement, the old instance stopped first',
        nextPaths: [],
        remaining: [...phasesOf('replace', traitsOf({ topology: 'single', isFenced: true }))],
      },
    });
  });

  it('is none where none of those left can help now: a person must look', async () => {
    const { world, run } = await openStage({ spec, record: { nextPaths: ['reboot'] } });
    world.region.setState(OLD, 'stopped', 'by hand');
    expect(await run(chooseStep)).toEqual(failed('No step that is left can help: reboot (the instance is stopped, not running)'));
  });

  it('is none for an instance that a group has taken in meanwhile', async () => {
    const { world, run } = await openStage({ spec, record: { nextPaths: ['replace'] } });
    world.region.setTag(OLD, tagKeys.autoScalingGroup, GROUP);
    expect(await run(chooseStep)).toEqual(failed('It belongs to an Auto Scaling group now, which replaces its own members'));
  });
});
