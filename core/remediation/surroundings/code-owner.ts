import * as z from 'zod/mini';

/** Who describes an instance as code, and therefore still believes in the old one after a replacement. */
export const codeOwnerSchema = z.object({
  tool: z.enum(['CloudFormation', 'Terraform']),
  /** Stack and logical id, or the Terraform workspace and address, as far as the tags say. */
  reference: z.string(),
});
export type CodeOwner = z.infer<typeof codeOwnerSchema>;

type Tags = Readonly<Record<string, string>>;

/** CloudFormation sets these itself: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html */
function cloudFormationOwner(tags: Tags): CodeOwner | undefined {
  const stack = tags['aws:cloudformation:stack-name'];
  const logicalId = tags['aws:cloudformation:logical-id'];
  if (stack === undefined) return undefined;
  return { tool: 'CloudFormation', reference: logicalId === undefined ? `stack ${stack}` : `stack ${stack}, logical id ${logicalId}` };
}

/** Terraform sets no tags by itself; these are the customs by which teams mark what it manages. */
const managedByKeys = ['managed-by', 'managedby', 'managed_by', 'provisioner', 'createdby', 'created-by'];
const workspaceKeys = ['terraform:workspace', 'terraform-workspace', 'tf_workspace'];
const addressKeys = ['terraform:address', 'terraform:resource', 'terraform-address'];

function terraformOwner(tags: Tags): CodeOwner | undefined {
  const lower = new Map(Object.entries(tags).map(([key, value]) => [key.toLowerCase(), value]));
  const first = (keys: readonly string[]): string | undefined => keys.map((key) => lower.get(key)).find((value) => value !== undefined);
  const isMarked = lower.get('terraform')?.toLowerCase() === 'true' || managedByKeys.some((key) => lower.get(key)?.toLowerCase() === 'terraform');
  const [workspace, address] = [first(workspaceKeys), first(addressKeys)];
  if (!isMarked && workspace === undefined && address === undefined) return undefined;
  const known = [workspace === undefined ? [] : `workspace ${workspace}`, address === undefined ? [] : `address ${address}`].flat();
  return { tool: 'Terraform', reference: known.length === 0 ? 'no workspace or address in its tags' : known.join(', ') };
}

/** Reads the owner from the tags of an instance; `undefined` when nobody is known to describe it as code. */
export function codeOwnerOf(tags: Tags): CodeOwner | undefined {
  return cloudFormationOwner(tags) ?? terraformOwner(tags);
}

/** What the owner does so that the next apply neither ends the new instance nor starts the old one. */
export const driftAdvice = {
  CloudFormation:
    'Import the new instance into the stack, or remove the resource with DeletionPolicy Retain, before the next update: an update would see the old one as it is.',
  Terraform:
    'Run "terraform state rm" for the old instance and "terraform import" for the new one before the next apply: an apply would start or recreate the old one.',
} as const satisfies Record<CodeOwner['tool'], string>;
