import { describe, expect, it } from 'vitest';
import { tagKeys } from '../../../../core/inventory/records.ts';
import { chooseStep, readPathFacts } from '../../../../core/remediation/phases/choose-step.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import { phasesOf, traitsOf } from '../../../../core/remediation/paths/procedure.ts';
import { plainCapability, remediationOf } from '../builders.ts';
import { GROUP, groupWorld, MEMBER } from '../group-world.ts';
import { createWorld, OLD, webPolicy, webSystem, type World } from '../world.ts';
import { contextOf, runPhase } from './run-phase.ts';

const policy = webPolicy({ ladder: ['restart', 'reboot', 'replace'], restartProcess: { service: 'nginx' } });

function recordOf(world: World, changes: Partial<Remediation> = {}): Remediation {
  return remediationOf({ instanceId: OLD, system: world.system, policy, at: world.clock.now() }, changes);
}

const isGroupMember = async (): Promise<never> => Promise.reject(new Error('nobody asks this of one that is gone'));

describe('what is read before the next step is chosen', () => {
  it('is the instance as it is now, its checks, what it can take, and what the record says', async () => {
    const world = createWorld();
    expect(await readPathFacts(await contextOf(world, recordOf(world), { policy }))).toEqual({
      now: world.clock.now(),
      policy: policy.spec,
      isFenced: false,
      isRequested: false,
      instance: world.region.find(OLD),
      isGroupMember: false,
      status: { instanceId: OLD, system: 'ok', instance: 'ok' },
      capability: plainCapability,
    });
  });

  it('says that the old one is stopped first where only one may run, and that a person asked', async () => {
    const world = createWorld('single');
    const record = remediationOf({ instanceId: OLD, system: webSystem('single'), trigger: { kind: 'instance.replace-requested' } });
    expect(await readPathFacts(await contextOf(world, record))).toMatchObject({ isFenced: true, isRequested: true });
  });

  it('says that it belongs to a group', async () => {
    const world = groupWorld();
    const record = remediationOf({ instanceId: MEMBER, at: world.clock.now() });
    expect(await readPathFacts(await contextOf(world, record))).toMatchObject({ instance: { instanceId: MEMBER }, isGroupMember: true });
  });

  it.each(['terminated', 'never there'] as const)('of one that is %s knows no instance, and it is a member of nothing', async (state) => {
    const world = groupWorld();
    if (state === 'terminated') world.region.setState(MEMBER, 'terminated', 'by hand');
    const record = remediationOf({ instanceId: state === 'terminated' ? MEMBER : 'i-unknown', at: world.clock.now() });
    const facts = await readPathFacts(await contextOf(world, record, { ports: { instances: { ...world.region.instances, isGroupMember } } }));
    expect([facts.instance, facts.isGroupMember, facts.status]).toEqual([undefined, false, undefined]);
  });
});

describe('the next step of the ladder (S4-18)', () => {
  it('is the first of those left that can help, with why the last one did not', async () => {
    const world = createWorld();
    const at = world.clock.now();
    const record = recordOf(world, {
      nextPaths: ['reboot', 'replace'],
      triedPaths: [
        { path: 'root-swap', startedAt: at, endedAt: at, reason: 'it was refused' },
        { path: 'native-recovery', startedAt: at, endedAt: at, reason: 'EC2 did not recover it' },
        { path: 'restart', startedAt: at, endedAt: at, reason: 'the target is still unhealthy' },
      ],
    });
    expect((await runPhase(chooseStep, world, record, { policy })).result).toEqual({
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
    const world = createWorld('single');
    const record = recordOf(world, { nextPaths: ['replace'] });
    expect((await runPhase(chooseStep, world, record, { policy })).result).toEqual({
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
    const world = createWorld();
    world.region.setState(OLD, 'stopped', 'by hand');
    expect((await runPhase(chooseStep, world, recordOf(world, { nextPaths: ['reboot'] }), { policy })).result).toEqual({
      kind: 'failed',
      reason: 'No step that is left can help: reboot (the instance is stopped, not running)',
    });
  });

  it('is none for an instance that a group has taken in meanwhile', async () => {
    const world = createWorld();
    world.region.setTag(OLD, tagKeys.autoScalingGroup, GROUP);
    expect((await runPhase(chooseStep, world, recordOf(world, { nextPaths: ['replace'] }), { policy })).result).toEqual({
      kind: 'failed',
      reason: 'It belongs to an Auto Scaling group now, which replaces its own members',
    });
  });
});
