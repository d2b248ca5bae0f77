import { Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/**
 * Accepts findings of cdk-nag at one construct and all below it, each with the reason why it is right here.
 *
 * @param findings id as the report prints it without the pack, for example `AwsSolutions-IAM5[Resource::*]` → reason
 */
export function acknowledge(scope: IConstruct, findings: Readonly<Record<string, string>>): void {
  const entries = Object.entries(findings).map(([id, reason]) => ({ id: `AwsSolutions::${id}`, reason }));
  Validations.of(scope).acknowledge(...entries);
}
