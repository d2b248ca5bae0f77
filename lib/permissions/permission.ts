import { Stack } from 'aws-cdk-lib';
import { PolicyStatement, type PolicyStatementProps, type Role } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';

/** One statement of a role, and why it is right where its resources hold a wildcard. */
export interface Permission {
  readonly statement: PolicyStatement;
  readonly wildcardReason?: string;
}

export function permission(props: PolicyStatementProps, wildcardReason?: string): Permission {
  return { statement: new PolicyStatement(props), wildcardReason };
}

/** Gives a role its permissions. A wildcard that comes with a reason is acknowledged here, one that comes without fails the synthesis. */
export function grant(role: Role, permissions: readonly Permission[]): void {
  for (const { statement, wildcardReason } of permissions) {
    role.addToPolicy(statement);
    if (wildcardReason === undefined) continue;
    const wildcards = statement.resources.filter((resource) => wildcardFinding(role, resource).includes('*'));
    acknowledge(role, Object.fromEntries(wildcards.map((resource) => [wildcardFinding(role, resource), wildcardReason])));
  }
}

/** What cdk-nag calls a wildcard in this resource. */
export function wildcardFinding(scope: Construct, resource: string): string {
  return `AwsSolutions-IAM5[Resource::${printed(Stack.of(scope).resolve(resource))}]`;
}

/** A resource as cdk-nag prints it: `<AWS::Region>` for a reference, `<LogicalId.Arn>` for an attribute. */
function printed(resolved: unknown): string {
  if (typeof resolved === 'string') return resolved;
  if (typeof resolved !== 'object' || resolved === null) return String(resolved);
  if ('Ref' in resolved) return `<${String(resolved.Ref)}>`;
  if ('Fn::GetAtt' in resolved && Array.isArray(resolved['Fn::GetAtt'])) return `<${resolved['Fn::GetAtt'].join('.')}>`;
  if ('Fn::Join' in resolved && Array.isArray(resolved['Fn::Join'])) {
    const parts: unknown = resolved['Fn::Join'][1];
    return Array.isArray(parts) ? parts.map(printed).join('') : '';
  }
  return JSON.stringify(resolved);
}
