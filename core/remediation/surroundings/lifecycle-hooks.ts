import type { RemediationPolicy } from '../../catalog/schema.ts';
import { tagKeys } from '../../inventory/records.ts';

/** An instance that waits at a lifecycle hook. */
export interface WaitingMember {
  readonly instanceId: string;
  readonly hookName: string;
  /** For example `Terminating:Wait`. */
  readonly lifecycleState: string;
  readonly tags: Readonly<Record<string, string>>;
  /** What it said last is kept; only asked of one that ends. */
  readonly hasEvidence: boolean;
}

export interface HookDecision {
  readonly kind: 'complete' | 'leave';
  readonly reason: string;
}

/**
 * Whether Perennial ends the wait of a member at a lifecycle hook. A hook belongs to whoever put it there: completed too early, what it
 * waits for is lost (https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html). So only for instances that carry the
 * system's tag, and only where its policy names the hook.
 */
export function decideLifecycleAction(member: WaitingMember, policy: RemediationPolicy): HookDecision {
  const { instanceId, hookName, lifecycleState, tags, hasEvidence } = member;
  const { system, completeLifecycleHooks } = policy.spec;
  if (tags[tagKeys.system] !== system) return { kind: 'leave', reason: `${instanceId} does not carry the tag ${tagKeys.system}=${system}: a foreign hook` };
  if (!completeLifecycleHooks.includes(hookName)) return { kind: 'leave', reason: `The policy ${policy.metadata.name} does not name the hook ${hookName}` };
  if (!lifecycleState.endsWith(':Wait')) return { kind: 'leave', reason: `${instanceId} is ${lifecycleState}: it does not wait at a hook` };
  // What waits to end is what evidence is taken from: the wait is not cut short before that.
  if (lifecycleState.startsWith('Terminating') && !hasEvidence) return { kind: 'leave', reason: `The evidence of ${instanceId} is not taken yet` };
  return { kind: 'complete', reason: `The policy ${policy.metadata.name} asks for ${hookName} to be completed for its own instances` };
}
