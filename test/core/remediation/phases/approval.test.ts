import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import { keys } from '../../../../core/records/keys.ts';
import { readRecord } from '../../../../core/records/record-type.ts';
import type { GuardrailVerdict } from '../../../../core/remediation/guardrails/guardrails.ts';
import type { RecordPatch } from '../../../../core/remediation/phase.ts';
import { approvalGuardrail, askApproval, awaitApproval } from '../../../../core/remediation/phases/approval.ts';
import { groupType, platformType, type Remediation, slotType } from '../../../../core/remediation/record.ts';
import { NOW } from '../builders.ts';
import { createWorld, OLD, testScope, type World } from '../world.ts';
import { done, failed, openStage, type Stage, storeClaim } from './stage.ts';

const spec = { mode: 'approve', approvalExpiresSeconds: 900 };
const asking: readonly GuardrailVerdict[] = [
  { name: 'opt-in and provenance', verdict: 'approve', reason: 'The policy shop-web asks for approval' },
  { name: 'capability', verdict: 'approve', reason: 'Its root is on instance store' },
];

async function ask(world: World, patch: RecordPatch, changes: Partial<Remediation> = {}) {
  const { context } = await openStage({ world, spec, record: { phase: 'guard', remaining: ['preflight', 'finish'], ...changes } });
  return askApproval(await context(), asking, patch);
}

describe('the question to a person (S1-15)', () => {
  it('carries every finding, until when it holds, the plan, and what is kept and cannot be kept', async () => {
    const world = createWorld();
    const requestedAt = world.clock.now();
    const expiresAt = addSeconds(requestedAt, 900);
    const findings = ['opt-in and provenance: The policy shop-web asks for approval', 'capability: Its root is on instance store'];
    expect(await ask(world, { path: 'replace', remaining: ['preflight', 'capture', 'launch', 'finish'], imageId: 'ami-v2' })).toEqual({
      kind: 'done',
      reason: `A person is asked until ${expiresAt}: ${findings.join('; ')}`,
      patch: {
        path: 'replace',
        imageId: 'ami-v2',
        approval: {
          requestedAt,
          expiresAt,
          findings,
          plan: {
            phases: ['preflight', 'capture', 'launch', 'finish'],
            imageId: 'ami-v2',
            kept: [
              'instance type',
              'subnet and zone',
              'security groups',
              'instance profile',
              'tags',
              'user data (by hash)',
              'metadata options',
              'target group shop-web:80',
            ],
            cannotKeep: ['its private address'],
          },
        },
        // The guardrails are asked again after the yes, and then what the record had to do before them.
        remaining: ['await-approval', 'guard', 'preflight', 'finish'],
      },
    });
  });

  it('names the phases that the record has where none were chosen anew, and no image where none is launched', async () => {
    const { patch } = await ask(createWorld(), {});
    expect(patch?.approval?.plan.phases).toEqual(['preflight', 'finish']);
    expect(patch?.approval?.plan).not.toHaveProperty('imageId');
  });

  it('says that nothing can be kept of an instance that is gone and was never captured', async () => {
    const world = createWorld();
    world.region.setState(OLD, 'terminated', 'by hand');
    const { patch } = await ask(world, {});
    expect(patch?.approval?.plan).toEqual({
      phases: ['preflight', 'finish'],
      kept: [],
      cannotKeep: ['everything: the instance is gone and no capture of it was kept'],
    });
  });
});

const approval = {
  requestedAt: NOW,
  expiresAt: addSeconds(NOW, 900),
  findings: [],
  plan: { phases: [], kept: [], cannotKeep: [] },
} satisfies Remediation['approval'];
const granted = { by: 'kim', at: addSeconds(NOW, 100) };

async function asked(changes: Partial<Remediation>, claim: Parameters<typeof storeClaim>[1] = {}): Promise<Stage> {
  const stage = await openStage({ spec, record: { phase: 'await-approval', ...changes } });
  await storeClaim(stage.world, claim);
  return stage;
}

async function places(world: World): Promise<unknown> {
  const [platform, group, slot] = await Promise.all([
    readRecord(world.store, platformType, keys.platform(testScope)),
    readRecord(world.store, groupType, keys.group(testScope, 'shop-web/web')),
    readRecord(world.store, slotType, keys.slot(testScope, `shop-web/${OLD}`)),
  ]);
  return [platform?.body.inFlight, group?.body.inFlight, slot?.body.remediationId];
}

describe('waiting for the yes', () => {
  it.each([
    [0, 30],
    [800, 30],
    [870, 30],
    [880, 20],
    [899.5, 0.5],
  ])('%d s after the question looks again in %d s, and holds its slot but no place under the caps', async (after, seconds) => {
    const { world, run } = await asked({ approval, memory: { looks: 2 } }, { platform: { inFlight: ['rem-0', 'rem-1'] } });
    world.clock.advance(after);
    expect(await run(awaitApproval)).toEqual({
      kind: 'wait',
      seconds,
      reason: `Waiting for approval until ${approval.expiresAt}`,
      memory: { looks: 2 },
    });
    expect(await places(world)).toEqual([['rem-0'], [], 'rem-1']);
  });

  it.each([900, 901])('%d s after the question, with 900 s to answer, is too late: nothing was touched', async (after) => {
    const { world, run } = await asked({ approval });
    world.clock.advance(after);
    expect(await run(awaitApproval)).toEqual({
      kind: 'vetoed',
      guardrail: approvalGuardrail,
      reason: `Too late: nobody approved it by ${approval.expiresAt}, so nothing was touched`,
    });
  });

  it('vetoes under the name that people look for', () => {
    expect(approvalGuardrail).toBe('approval');
  });

  it('goes on with the yes, also when the time is over by now, and has its places back', async () => {
    const { world, run } = await asked({ approval: { ...approval, granted } }, { platform: { inFlight: ['rem-0'] }, group: { inFlight: [] } });
    world.clock.advance(2000);
    expect(await run(awaitApproval)).toEqual(done(`Approved by kim at ${granted.at}`));
    expect(await places(world)).toEqual([['rem-0', 'rem-1'], ['rem-1'], 'rem-1']);
  });

  it.each([
    [
      'of the platform',
      { platform: { inFlight: ['a', 'b', 'c', 'd', 'e'] }, group: { inFlight: [] } },
      'platform caps',
      '5 remediations are in flight, the cap is 5',
    ],
    ['of its group', { platform: { inFlight: ['a'] }, group: { inFlight: ['a'] } }, 'one at a time', '1 remediations run in the group, at most 1 may'],
  ])('does not go on with a yes while others have the places %s', async (_whose, claim, guardrail, reason) => {
    const { world, run } = await asked({ approval: { ...approval, granted } }, claim);
    const before = await places(world);
    expect(await run(awaitApproval)).toEqual({ kind: 'vetoed', guardrail, reason: `Approved by kim, but ${reason}` });
    expect(await places(world)).toEqual(before);
  });

  it('fails where nobody was asked, rather than to wait for ever', async () => {
    const { world, run } = await asked({});
    expect(await run(awaitApproval)).toEqual(failed('Nobody was asked for approval'));
    expect(await places(world)).toEqual([['rem-1'], ['rem-1'], 'rem-1']);
  });
});
