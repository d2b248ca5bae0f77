import type { Scope } from '../core/environment/ports.ts';
import type { Timestamp } from '../core/environment/time.ts';
import type { AlarmFacts } from '../core/remediation/ports.ts';

/** Events as AWS puts them on the queue; `core/signals` reads them as it reads real ones. */

function busEvent(source: string, detailType: string, scope: Scope, at: Timestamp, resource: string, detail: object): string {
  return JSON.stringify({
    version: '0',
    id: `${detailType}-${resource}-${at}`,
    source,
    'detail-type': detailType,
    account: scope.accountId,
    region: scope.region,
    time: at,
    resources: [resource],
    detail,
  });
}

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html */
export function alarmEvent(alarm: AlarmFacts, at: Timestamp, scope: Scope): string {
  return busEvent('aws.cloudwatch', 'CloudWatch Alarm State Change', scope, at, alarm.arn, {
    alarmName: alarm.name,
    configuration: {
      metrics: [
        {
          id: 'm1',
          metricStat: { metric: { namespace: 'Simulated', name: 'Errors', dimensions: { InstanceId: alarm.instanceId ?? 'none' } }, period: 60 },
          returnData: true,
        },
      ],
    },
    previousState: { value: alarm.state === 'ALARM' ? 'OK' : 'ALARM' },
    state: { value: alarm.state, reason: alarm.stateReason, timestamp: at },
  });
}

/** https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html */
export function executionEvent(name: string, status: 'FAILED' | 'ABORTED', at: Timestamp, scope: Scope): string {
  const arn = `arn:aws:states:${scope.region}:${scope.accountId}:execution:perennial-remediation:${name}`;
  const stateMachineArn = `arn:aws:states:${scope.region}:${scope.accountId}:stateMachine:perennial-remediation`;
  return busEvent('aws.states', 'Step Functions Execution Status Change', scope, at, arn, { executionArn: arn, stateMachineArn, name, status });
}

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html */
export function instanceEvent(instanceId: string, state: string, at: Timestamp, scope: Scope): string {
  const arn = `arn:aws:ec2:${scope.region}:${scope.accountId}:instance/${instanceId}`;
  return busEvent('aws.ec2', 'EC2 Instance State-change Notification', scope, at, arn, { 'instance-id': instanceId, state });
}
