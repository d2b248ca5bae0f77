import { describe, expect, it } from 'vitest';
import { tagKeys } from '../../../../core/inventory/records.ts';
import { decideLifecycleAction, type HookDecision, type WaitingMember } from '../../../../core/remediation/surroundings/lifecycle-hooks.ts';
import { webPolicy } from '../world.ts';

const policy = webPolicy({ completeLifecycleHooks: ['drain-first', 'warm-up'] });
const member: WaitingMember = {
  instanceId: 'i-1',
  hookName: 'drain-first',
  lifecycleState: 'Terminating:Wait',
  tags: { [tagKeys.system]: 'shop-web' },
  hasEvidence: true,
};
const complete = (hook: string): HookDecision => ({ kind: 'complete', reason: `The policy shop-web asks for ${hook} to be completed for its own instances` });
const leave = (reason: string): HookDecision => ({ kind: 'leave', reason });

describe('the wait of a member at a lifecycle hook', () => {
  it.each<readonly [what: string, changes: Partial<WaitingMember>, decision: HookDecision]>([
    ['ends where the policy names the hook and the evidence is taken', {}, complete('drain-first')],
    ['that begins is no wait for evidence', { hookName: 'warm-up', lifecycleState: 'Pending:Wait', hasEvidence: false }, complete('warm-up')],
    ['to end waits for the evidence', { hasEvidence: false }, leave('The evidence of i-1 is not taken yet')],
    [
      'is the business of whoever put a hook there that the policy does not name',
      { hookName: 'theirs' },
      leave('The policy shop-web does not name the hook theirs'),
    ],
    [
      "is left alone at another system's instance",
      { tags: { [tagKeys.system]: 'billing' } },
      leave('i-1 does not carry the tag perennial:system=shop-web: a foreign hook'),
    ],
    ['is left alone at an instance of nobody', { tags: {} }, leave('i-1 does not carry the tag perennial:system=shop-web: a foreign hook')],
    ['is none once it proceeds', { lifecycleState: 'Terminating:Proceed' }, leave('i-1 is Terminating:Proceed: it does not wait at a hook')],
    ['is none in service', { lifecycleState: 'InService' }, leave('i-1 is InService: it does not wait at a hook')],
  ])('%s', (_what, changes, decision) => {
    expect(decideLifecycleAction({ ...member, ...changes }, policy)).toEqual(decision);
  });

  it('is never cut short where the policy names no hooks', () => {
    expect(decideLifecycleAction(member, webPolicy())).toEqual(leave('The policy shop-web does not name the hook drain-first'));
  });
});
