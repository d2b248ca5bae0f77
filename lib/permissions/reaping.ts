import { tagKeys } from '../../core/inventory/records.ts';
import { arnOf } from './catalog-scope.ts';
import { type Permission, permission } from './permission.ts';

/**
 * Ends instances, but only those that carry our quarantine tag
 * (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/control-access-with-tags.html); finding them takes no more than DescribeInstances.
 */
export function reapPermissions(): readonly Permission[] {
  return [
    permission(
      { sid: 'FindQuarantined', actions: ['ec2:DescribeInstances'], resources: ['*'] },
      'DescribeInstances has no resource types in the Service Authorization Reference; it reads.',
    ),
    permission(
      {
        sid: 'EndQuarantined',
        // Termination protection is carried over to replacements, so it is lifted first.
        actions: ['ec2:ModifyInstanceAttribute', 'ec2:TerminateInstances'],
        resources: [arnOf('ec2', 'instance/*')],
        conditions: { Null: { [`ec2:ResourceTag/${tagKeys.quarantine}`]: 'false' } },
      },
      'Only instances that carry our quarantine tag; their ids are not known before.',
    ),
  ];
}
