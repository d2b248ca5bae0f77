import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { remediationMachineName } from '../remediation-machine.ts';
import { arnOf } from './catalog-scope.ts';
import { type Permission, permission } from './permission.ts';

/**
 * Deleting function versions that no repair needs. An action on a function can be limited to versions by ARN
 * (https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html), and `function:<name>:*` does not match the function
 * itself. Resource types per action: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html and
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html
 */
export function versionPermissions(functions: readonly IFunction[]): readonly Permission[] {
  const arns = functions.map(({ functionArn }) => functionArn);
  return [
    permission({ sid: 'ListVersions', actions: ['lambda:ListVersionsByFunction'], resources: [...arns] }),
    permission(
      { sid: 'DeleteVersions', actions: ['lambda:DeleteFunction'], resources: arns.map((arn) => `${arn}:*`) },
      'Versions are numbered by Lambda; the star stands behind the name of one function, so that the function itself is out of reach.',
    ),
    permission(
      { sid: 'ReadRepairs', actions: ['states:DescribeExecution'], resources: [arnOf('states', `execution:${remediationMachineName}:*`)] },
      'Executions of the one state machine; their names are made when they start.',
    ),
  ];
}
