import { describe, expect, it } from 'vitest';
import { tagKeys } from '../../../../core/inventory/records.ts';
import type { InstanceFacts } from '../../../../core/remediation/ports.ts';
import { completeHooks, completeWaiting, heldWords } from '../../../../core/remediation/phases/complete-hooks.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import type { LifecycleHook, MemberFacts } from '../../../../core/remediation/surroundings/member-ports.ts';
import { autoScalingGroup, instanceFacts, memberFacts } from '../builders.ts';
import { GROUP } from '../group-world.ts';
import { OLD } from '../world.ts';
import { answered, type Answers, done, NEW, openStage, ran, refusing, type Stage, wait } from './stage.ts';

const ending: LifecycleHook = { name: 'drain-queue', transition: 'terminating' };
const starting: LifecycleHook = { name: 'warm-up', transition: 'launching' };
const SINCE = '2026-11-21T09:00:00.000Z';
const YOUNG = '2026-11-21T09:01:00.000Z';

const member = (instanceId: string, lifecycleState: string): MemberFacts => memberFacts(instanceId, { lifecycleState });

interface Scene {
  readonly members?: readonly MemberFacts[];
  readonly hooks?: readonly LifecycleHook[];
  /** What EC2 says of the new member; `null`: it does not list it. */
  readonly fresh?: Partial<InstanceFacts> | null;
  readonly old?: Partial<InstanceFacts> | null;
  readonly policy?: Readonly<Record<string, unknown>>;
  readonly record?: Partial<Remediation>;
  readonly group?: 'gone';
}

const factsOf = (instanceId: string, changes: Partial<InstanceFacts> | null): InstanceFacts | undefined =>
  changes === null ? undefined : instanceFacts({ instanceId, launchedAt: instanceId === OLD ? '2026-11-20T09:00:00.000Z' : YOUNG, ...changes });

const answersOf = ({ members = [], hooks = [ending, starting], fresh = {}, old = {}, group }: Scene): Answers => ({
  groups: { read: async () => (group === 'gone' ? undefined : autoScalingGroup({ members })), hooks: async () => hooks },
  instances: { read: async (instanceId) => factsOf(instanceId, instanceId === OLD ? old : fresh) },
  groupChanger: { completeLifecycleAction: async () => undefined },
});

const asked = answered({ 'mark-unhealthy': { groupName: GROUP } });
const collected = [ran('evidence')];

const both = { completeLifecycleHooks: ['drain-queue', 'warm-up'] };

async function onStage(scene: Scene): Promise<Stage> {
  const spec = { statusPollSeconds: 20, ...(scene.policy ?? both) };
  return openStage({ spec, record: { phase: 'complete-hooks', calls: asked, phases: collected, ...scene.record }, answers: answersOf(scene) });
}

const words = async (scene: Scene): Promise<string> => {
  const { context } = await onStage(scene);
  return heldWords(await context(), autoScalingGroup({ members: scene.members ?? [] }), SINCE);
};

const completing = (hookName: string, instanceId: string) => ['groupChanger.completeLifecycleAction', GROUP, hookName, instanceId];

describe('a member that waits at a lifecycle hook', () => {
  const none: readonly string[] = [];
  it.for([
    ['the old one, of its end', member(OLD, 'Terminating:Wait'), {}, [completing('drain-queue', OLD)]],
    ['a new one, of its launch', member(NEW, 'Pending:Wait'), {}, [completing('warm-up', NEW)]],
    [
      'a new one that was launched at the moment the group was asked',
      member(NEW, 'Pending:Wait'),
      { fresh: { launchedAt: SINCE } },
      [completing('warm-up', NEW)],
    ],
    ['another one that ends', member('i-other', 'Terminating:Wait'), {}, none],
    ['the old one, which is launched', member(OLD, 'Pending:Wait'), {}, none],
    ['one that was launched before the group was asked', member(NEW, 'Pending:Wait'), { fresh: { launchedAt: '2026-11-21T08:59:59.999Z' } }, none],
    ['one that EC2 does not list', member(NEW, 'Pending:Wait'), { fresh: null }, none],
    ['the old one, which EC2 does not list any more', member(OLD, 'Terminating:Wait'), { old: null }, none],
    ['one in a warm pool', member(NEW, 'Warmed:Pending:Wait'), {}, none],
    ['one that works', member(NEW, 'InService'), {}, none],
    ['one of somebody else', member(NEW, 'Pending:Wait'), { fresh: { tags: { [tagKeys.system]: 'other' } } }, none],
    ['one at a hook that the policy does not name', member(NEW, 'Pending:Wait'), { policy: {} }, none],
    ['the old one before its evidence is taken', member(OLD, 'Terminating:Wait'), { record: { phases: [] } }, none],
    ['the old one whose evidence could not be taken', member(OLD, 'Terminating:Wait'), { record: { phases: [ran('evidence', 'failed')] } }, none],
    ['the old one after another phase than its evidence', member(OLD, 'Terminating:Wait'), { record: { phases: [ran('guard')] } }, none],
  ] as const satisfies readonly (readonly [string, MemberFacts, Scene, readonly unknown[]])[])(
    '%s: goes on by our word or not',
    async ([, waiting, scene, calls]) => {
      const { context, made } = await onStage({ ...scene, members: [waiting] });
      await completeWaiting(await context());
      await completeWaiting(await context());
      expect(made).toEqual(calls);
    },
  );

  it('is written down as completed, by the names of its hook and of itself', async () => {
    const { context, calls } = await onStage({ members: [member(OLD, 'Terminating:Wait'), member(NEW, 'Pending:Wait')] });
    await completeWaiting(await context());
    expect(await calls()).toEqual(['mark-unhealthy', `complete-hook:drain-queue:${OLD}`, `complete-hook:warm-up:${NEW}`]);
  });

  it('is nobody where no group was asked, or the group is gone', async () => {
    const members = [member(NEW, 'Pending:Wait')];
    expect(await completeWaiting(await (await onStage({ members, record: { calls: {} } })).context())).toBeUndefined();
    expect(await completeWaiting(await (await onStage({ members, group: 'gone' })).context())).toBeUndefined();
  });
});

describe('what a person is told of members that wait', () => {
  const notNamed = 'which others must complete: The policy shop-web does not name the hook';

  it.for([
    ['nothing when nobody waits', {}, ''],
    ['nothing of those that work', { members: [member(NEW, 'InService')] }, ''],
    [
      'who waits where, and for whom',
      { members: [member(OLD, 'Terminating:Wait'), member('i-peer1', 'InService'), member(NEW, 'Pending:Wait')], policy: {} },
      `i-old waits at the hook drain-queue (Terminating:Wait), ${notNamed} drain-queue; i-new0001 waits at the hook warm-up (Pending:Wait), ${notNamed} warm-up`,
    ],
    ['that it waits at ours', { members: [member(NEW, 'Pending:Wait')] }, 'i-new0001 waits at the hook warm-up (Pending:Wait)'],
    [
      'nothing of those that were let go on',
      { members: [member(NEW, 'Pending:Wait')], record: { calls: { ...asked, ...answered({ [`complete-hook:warm-up:${NEW}`]: {} }) } } },
      '',
    ],
  ] as const satisfies readonly (readonly [string, Scene, string])[])('%s', async ([, scene, text]) => {
    expect(await words(scene)).toBe(text);
  });

  it('asks for no hooks while nobody waits', async () => {
    const { context } = await onStage({});
    const groups = { hooks: refusing(new Error('asked')) };
    expect(await heldWords(await context({ groups }), autoScalingGroup({ members: [member(NEW, 'InService')] }), SINCE)).toBe('');
  });
});

const adopted = (since: string): Scene => ({
  members: [member(OLD, 'Standby'), member(NEW, 'Pending:Wait')],
  record: { calls: answered({ adopt: { groupName: GROUP, since } }) },
});

const waits = (reason: string) => wait(reason, 20);

describe('the phase that completes hooks', () => {
  const marked = member(OLD, 'InService');
  it.for([
    ['has nothing to do without a group', { group: 'gone' }, done('There is no group whose members could wait at a hook')],
    ['has nothing to do where no group was asked', { record: { calls: {} } }, done('There is no group whose members could wait at a hook')],
    ['has nothing to do in a group without hooks', { hooks: [] }, done(`${GROUP} has no lifecycle hooks`)],
    ['has nothing to do where the policy names no hook', { policy: {}, members: [marked] }, done(`No hook of ${GROUP} that the policy names lies ahead`)],
    ['waits while nobody has come to our hooks', { members: [marked] }, waits(`Nobody has come to the hook drain-queue, warm-up of ${GROUP} yet`)],
    [
      'waits for the launch alone when the old one has left',
      { members: [member('i-peer1', 'InService')], fresh: { launchedAt: '2026-11-20T09:00:00.000Z' } },
      waits(`Nobody has come to the hook warm-up of ${GROUP} yet`),
    ],
    [
      'waits for the launch alone when the old one is in standby',
      { members: [member(OLD, 'Standby')] },
      waits(`Nobody has come to the hook warm-up of ${GROUP} yet`),
    ],
    [
      'waits for the launch alone when the old one goes into standby',
      { members: [member(OLD, 'EnteringStandby')] },
      waits(`Nobody has come to the hook warm-up of ${GROUP} yet`),
    ],
    [
      'waits for the launch once the old one was let go on',
      { members: [member(OLD, 'Terminating:Wait')] },
      waits(`Nobody has come to the hook warm-up of ${GROUP} yet`),
    ],
    [
      'waits for the end once the new one was let go on',
      { members: [marked, member(NEW, 'Pending:Wait')] },
      waits(`Nobody has come to the hook drain-queue of ${GROUP} yet`),
    ],
    [
      'is done once both were let go on',
      { members: [member(OLD, 'Terminating:Wait'), member(NEW, 'Pending:Wait')] },
      done(`No hook of ${GROUP} that the policy names lies ahead; completed: drain-queue:i-old, warm-up:i-new0001`),
    ],
    [
      'is done when a new member is in service, whatever lies ahead',
      { members: [marked, member(NEW, 'InService')], record: { calls: { ...asked, ...answered({ 'complete-hook:warm-up:i-first': {} }) } } },
      done(`A new member of ${GROUP} is in service; completed: warm-up:i-first`),
    ],
    [
      'is done when a new member is in service, and none was let go on',
      { members: [marked, member(NEW, 'InService')] },
      done(`A new member of ${GROUP} is in service`),
    ],
    [
      'tells who waits at the hooks of others meanwhile',
      { members: [marked, member(NEW, 'Pending:Wait')], policy: { completeLifecycleHooks: ['drain-queue'] } },
      waits(
        `Nobody has come to the hook drain-queue of ${GROUP} yet; i-new0001 waits at the hook warm-up (Pending:Wait), which others must complete: The policy shop-web does not name the hook warm-up`,
      ),
    ],
  ] as const satisfies readonly (readonly [string, Scene, unknown])[])('%s', async ([, scene, result]) => {
    const { run } = await onStage(scene);
    expect(await run(completeHooks)).toEqual(result);
  });

  it('counts from the moment of an adoption, when the group had begun by itself', async () => {
    const early = await onStage(adopted('2026-11-21T09:01:00.000Z'));
    await early.run(completeHooks);
    expect(early.made).toEqual([completing('warm-up', NEW)]);
    const late = await onStage(adopted('2026-11-21T09:01:00.001Z'));
    await late.run(completeHooks);
    expect(late.made).toEqual([]);
  });
});
