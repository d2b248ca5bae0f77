import { describe, expect, it } from 'vitest';
import { askedOf, isWorking, newMembers } from '../../../../core/remediation/phases/group-look.ts';
import type { MemberFacts } from '../../../../core/remediation/surroundings/member-ports.ts';
import { autoScalingGroup, instanceFacts, memberFacts, NOW, remediationOf } from '../builders.ts';
import { groupWorld, MEMBER, memberSlotId } from '../group-world.ts';
import { answered, openStage, unanswered } from './stage.ts';

/** In another zone than the old one. */
const member = (instanceId: string, changes: Partial<MemberFacts> = {}): MemberFacts =>
  memberFacts(instanceId, { availabilityZone: 'eu-central-1b', ...changes });

describe('a member that works', () => {
  it.each([
    ['InService', true, true],
    ['InService', false, false],
    ['Pending:Wait', true, false],
    ['Standby', true, false],
    ['Terminating', false, false],
  ])('is in service and healthy: %s, healthy %s → %s', (lifecycleState, isHealthy, expected) => {
    expect(isWorking(member('i-1', { lifecycleState, isHealthy }))).toBe(expected);
  });
});

describe('which group was asked, and since when', () => {
  it.each([
    ['adopted what the group had begun', { adopt: { groupName: 'a', since: 't1' }, standby: { groupName: 'b', since: 't2' } }, { groupName: 'a', since: 't1' }],
    [
      'took the member into standby',
      { standby: { groupName: 'b', since: 't2' }, 'mark-unhealthy': { groupName: 'c', since: 't3' } },
      { groupName: 'b', since: 't2' },
    ],
    ['called the member unhealthy', { 'mark-unhealthy': { groupName: 'c', since: 't3' } }, { groupName: 'c', since: 't3' }],
    ['says not since when: since it was decided', { 'mark-unhealthy': { groupName: 'c' } }, { groupName: 'c', since: NOW }],
  ])('where the repair %s', (_what, calls, expected) => {
    expect(askedOf(remediationOf({ at: NOW }, { calls: answered(calls) }))).toEqual(expected);
  });

  it.each([
    ['has asked nobody', {}],
    ['has asked, and no answer is recorded', unanswered('standby')],
    ['has an answer without a group', answered({ standby: { since: 't2' } })],
    ['has done something else', answered({ launch: { groupName: 'b' } })],
  ])('is nothing where the repair %s', (_what, calls) => {
    expect(askedOf(remediationOf({ at: NOW }, { calls }))).toBeUndefined();
  });
});

/** Looks for new members since NOW, in a group whose instances were launched at these moments. */
async function look(members: readonly MemberFacts[], instances: Readonly<Record<string, Parameters<typeof instanceFacts>[0]>>) {
  const read = async (instanceId: string) => {
    const facts = instances[instanceId];
    return facts === undefined ? undefined : instanceFacts({ instanceId, launchedAt: NOW, ...facts });
  };
  const record = { oldInstanceId: MEMBER, slotId: memberSlotId };
  const { context, heard } = await openStage({ world: groupWorld(), record, answers: { instances: { read } } });
  const found = await newMembers(await context(), autoScalingGroup({ members }), NOW);
  return { found, asked: heard('instances').map(([, instanceId]) => instanceId) };
}

describe('the new members of a group', () => {
  it('are those that run and were launched since it was asked, the very moment included', async () => {
    const { found } = await look([member('i-early'), member('i-exact'), member('i-late'), member('i-starting'), member('i-gone')], {
      'i-early': { launchedAt: '2026-11-21T08:59:59.999Z' },
      'i-exact': {},
      'i-late': { launchedAt: '2026-11-21T09:01:00.000Z' },
      'i-starting': { state: 'pending' },
    });
    expect(found).toEqual(['i-exact', 'i-late']);
  });

  it('are never the old one, nor any that does not work; those are not even read', async () => {
    const { found, asked } = await look(
      [member(MEMBER), member('i-sick', { isHealthy: false }), member('i-new'), member('i-wait', { lifecycleState: 'Pending' })],
      {
        [MEMBER]: {},
        'i-sick': {},
        'i-new': {},
        'i-wait': {},
      },
    );
    expect([found, asked]).toEqual([['i-new'], ['i-new']]);
  });

  it('begin with those in the zone of the old one, and keep the order of the group otherwise', async () => {
    const inZone = { availabilityZone: 'eu-central-1a' };
    const members = [member('i-b1'), member('i-a1', inZone), member('i-b2'), member('i-a2', inZone), member('i-1a', { availabilityZone: '1a' })];
    const { found } = await look(members, { 'i-a1': {}, 'i-a2': {}, 'i-b1': {}, 'i-b2': {}, 'i-1a': {} });
    expect(found).toEqual(['i-a1', 'i-a2', 'i-b1', 'i-b2', 'i-1a']);
  });
});
