import type { InstanceFacts } from '../remediation/ports.ts';
import { type InstanceRecord, tagKeys } from './records.ts';

/** Tags by which other controllers own an instance; those repair their own (design section 2). */
const otherOwners: readonly { readonly prefix: string; readonly owner: string; readonly authority: string }[] = [
  { prefix: 'eks:', owner: 'EKS', authority: 'https://docs.aws.amazon.com/eks/latest/userguide/eks-using-tags.html' },
  { prefix: 'kubernetes.io/cluster/', owner: 'Kubernetes', authority: 'https://docs.aws.amazon.com/eks/latest/userguide/eks-using-tags.html' },
  { prefix: 'aws:elasticmapreduce:', owner: 'EMR', authority: 'https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-tags.html' },
  { prefix: 'aws:batch:', owner: 'Batch', authority: 'https://docs.aws.amazon.com/batch/latest/userguide/using-tags.html' },
];

export type Classification = { readonly status: InstanceRecord['status']; readonly system?: string; readonly reason: string };

/** What an instance is to us. Only a tag with the name of a declared system makes it ours; everything else is left alone. */
export function classify(instance: InstanceFacts, systemNames: { readonly has: (name: string) => boolean }): Classification {
  const { tags } = instance;
  const system = tags[tagKeys.system];
  if (tags[tagKeys.quarantine] !== undefined)
    return { status: 'quarantined', reason: `Kept for incident ${tags[tagKeys.quarantine]}`, ...(system === undefined ? {} : { system }) };
  // Set apart like a quarantined one: it serves nobody, counts for nothing, and the reaper ends it.
  if (tags[tagKeys.drill] !== undefined)
    return { status: 'quarantined', reason: `Made for the drill ${tags[tagKeys.drill]}`, ...(system === undefined ? {} : { system }) };
  if (system !== undefined && systemNames.has(system)) return { status: 'managed', system, reason: `Tagged ${tagKeys.system}=${system}` };
  const other = otherOwners.find(({ prefix }) => Object.keys(tags).some((key) => key.startsWith(prefix)));
  if (other !== undefined) return { status: 'elsewhere', reason: `Managed by ${other.owner}` };
  return {
    status: 'unknown',
    reason: system === undefined ? 'It matches no system of the catalog' : `It is tagged for ${system}, which is not in the catalog`,
  };
}

/**
 * The slot of a managed instance: its tag, else a slot of its own named after it. Members of an Auto Scaling group come and go by
 * themselves; their slot is the group's place in a zone, which several of them share (design section 7, retry cap).
 */
export function slotIdOf(instance: Pick<InstanceFacts, 'instanceId' | 'tags' | 'availabilityZone'>, system: string): string {
  const group = instance.tags[tagKeys.autoScalingGroup];
  if (group !== undefined) return `${system}/${group}/${instance.availabilityZone}`;
  return instance.tags[tagKeys.slot] ?? `${system}/${instance.instanceId}`;
}

/** Group = system × role × account-region; account and Region are in every key already. */
export function groupIdOf(system: string, role: string): string {
  return `${system}/${role}`;
}
