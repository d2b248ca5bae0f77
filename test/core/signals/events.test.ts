import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { systemHasher } from '../../../aws/runtime/system.ts';
import { explanationOf, explanationSchema } from '../../../core/signals/explain.ts';
import { type FingerprintedSignal, readSignals, type ReadResult } from '../../../core/signals/normalise.ts';
import { signalTable } from '../../../core/signals/table.ts';

const folder = new URL('../../events/', import.meta.url);

function read(file: string): ReadResult {
  const text = readFileSync(new URL(file, folder), 'utf8');
  // The fallback differs from every recorded account and Region, so that it shows where it is used
  return readSignals(text, { hasher: systemHasher, scope: { accountId: '999999999999', region: 'eu-west-1' }, receivedAt: '2026-11-21T10:00:00.000Z' });
}

/** Kind, subject, severity, state, time, account/Region, summary. */
type Line = readonly [string, string, string, string, string, string, string];

interface Expected {
  readonly signals: readonly Line[];
  readonly rejected: readonly (readonly [number, string])[];
}

const lineOf = ({ kind, subject, severity, state, at, scope, summary }: FingerprintedSignal): Line => [
  kind,
  `${subject.type}/${subject.id}`,
  severity,
  state,
  at,
  `${scope.accountId}/${scope.region}`,
  summary,
];

/** Every recorded event as a person would read it. */
const expected: Readonly<Record<string, Expected>> = {
  'alarm-anomaly-eventbridge.json': {
    signals: [
      [
        'alarm.state-change',
        'instance/i-12345678901234567',
        'high',
        'firing',
        '2019-10-03T16:00:04.653Z',
        '123456789012/us-east-1',
        'Alarm EC2 CPU Utilization Anomaly went to ALARM: Thresholds Crossed: 1 out of the last 1 datapoints [0.0 (03/10/19 15:58:00)] was less than the lower thresholds [0.020599444741798756] or greater than the upper thresholds [0.3006915352732461] (minimum 1 datapoint for OK -> ALARM transition).',
      ],
    ],
    rejected: [],
  },
  'alarm-composite-direct.json': {
    signals: [
      [
        'alarm.state-change',
        'alarm/CompositeDemo.Main',
        'high',
        'firing',
        '2023-08-04T12:56:46.138Z',
        '111122223333/us-east-1',
        'Alarm CompositeDemo.Main went to ALARM: arn:aws:cloudwatch:us-east-1:111122223333:alarm:CompositeDemo.FirstChild transitioned to ALARM at Friday 04 August, 2023 12:54:46 UTC.',
      ],
    ],
    rejected: [],
  },
  'alarm-composite-eventbridge.json': {
    signals: [
      [
        'alarm.state-change',
        'alarm/ServiceAggregatedAlarm',
        'high',
        'firing',
        '2022-07-22T15:57:45.394Z',
        '123456789012/us-east-1',
        'Alarm ServiceAggregatedAlarm went to ALARM: arn:aws:cloudwatch:us-east-1:123456789012:alarm:ServerCpuTooHigh transitioned to ALARM at Friday 22 July, 2022 15:57:45 UTC.',
      ],
    ],
    rejected: [],
  },
  'alarm-composite-sns.json': {
    signals: [
      [
        'alarm.state-change',
        'alarm/ServiceAggregatedAlarm',
        'high',
        'firing',
        '2022-07-22T15:57:45.394Z',
        '123456789012/us-east-1',
        'Alarm ServiceAggregatedAlarm went to ALARM: arn:aws:cloudwatch:us-east-1:123456789012:alarm:ServerCpuTooHigh transitioned to ALARM at Friday 22 July, 2022 15:57:45 UTC.',
      ],
    ],
    rejected: [],
  },
  'alarm-composite-suppressed-eventbridge.json': {
    signals: [
      [
        'alarm.state-change',
        'alarm/ServiceAggregatedAlarm',
        'info',
        'info',
        '2022-07-22T15:57:45.394Z',
        '123456789012/us-east-1',
        'Alarm ServiceAggregatedAlarm went to ALARM: arn:aws:cloudwatch:us-east-1:123456789012:alarm:ServerCpuTooHigh transitioned to ALARM at Friday 22 July, 2022 15:57:45 UTC. Its actions are suppressed, so it asks for nothing yet.',
      ],
    ],
    rejected: [],
  },
  'alarm-insufficient-data-breaching-sns.json': {
    signals: [
      [
        'alarm.state-change',
        'alarm/shop-web-heartbeat',
        'critical',
        'firing',
        '2026-11-21T09:00:00.250Z',
        '123456789012/us-east-1',
        'Alarm shop-web-heartbeat went to INSUFFICIENT_DATA: Insufficient Data: 3 datapoints were unknown. It treats missing data as breaching.',
      ],
    ],
    rejected: [],
  },
  'alarm-insufficient-data-sns.json': {
    signals: [
      [
        'alarm.state-change',
        'alarm/shop-web-heartbeat',
        'info',
        'info',
        '2026-11-21T09:00:00.250Z',
        '123456789012/us-east-1',
        'Alarm shop-web-heartbeat went to INSUFFICIENT_DATA: Insufficient Data: 3 datapoints were unknown.',
      ],
    ],
    rejected: [],
  },
  'alarm-metric-direct.json': {
    signals: [
      [
        'alarm.state-change',
        'instance/i-12345678',
        'high',
        'firing',
        '2023-08-04T12:36:15.490Z',
        '444455556666/us-east-1',
        'Alarm lambda-demo-metric-alarm went to ALARM: test.',
      ],
    ],
    rejected: [],
  },
  'alarm-metric-eventbridge.json': {
    signals: [
      [
        'alarm.state-change',
        'instance/i-12345678901234567',
        'high',
        'firing',
        '2019-10-02T17:04:40.989Z',
        '123456789012/us-east-1',
        'Alarm ServerCpuTooHigh went to ALARM: Threshold Crossed: 1 out of the last 1 datapoints [99.50160229693434 (02/10/19 16:59:00)] was greater than the threshold (50.0) (minimum 1 datapoint for OK -> ALARM transition).',
      ],
    ],
    rejected: [],
  },
  'alarm-metric-math-eventbridge.json': {
    signals: [
      [
        'alarm.state-change',
        'instance/i-12345678901234567',
        'high',
        'firing',
        '2019-10-02T17:20:48.554Z',
        '123456789012/us-east-1',
        'Alarm TotalNetworkTrafficTooHigh went to ALARM: Threshold Crossed: 1 out of the last 1 datapoints [45628.0 (02/10/19 17:10:00)] was greater than the threshold (10000.0) (minimum 1 datapoint for OK -> ALARM transition).',
      ],
    ],
    rejected: [],
  },
  'alarm-metric-math-sns.json': {
    signals: [
      [
        'alarm.state-change',
        'instance/i-12345678901234567',
        'high',
        'firing',
        '2019-10-02T17:20:48.554Z',
        '123456789012/us-east-1',
        'Alarm TotalNetworkTrafficTooHigh went to ALARM: Threshold Crossed: 1 out of the last 1 datapoints [45628.0 (02/10/19 17:10:00)] was greater than the threshold (10000.0) (minimum 1 datapoint for OK -> ALARM transition).',
      ],
    ],
    rejected: [],
  },
  'alarm-metric-math-two-instances-eventbridge.json': {
    signals: [
      [
        'alarm.state-change',
        'alarm/FleetNetworkTrafficTooHigh',
        'high',
        'firing',
        '2019-10-02T17:20:48.554Z',
        '123456789012/us-east-1',
        'Alarm FleetNetworkTrafficTooHigh went to ALARM: Threshold Crossed: 1 out of the last 1 datapoints [45628.0 (02/10/19 17:10:00)] was greater than the threshold (10000.0) (minimum 1 datapoint for OK -> ALARM transition).',
      ],
    ],
    rejected: [],
  },
  'alarm-metric-ok-eventbridge.json': {
    signals: [
      [
        'alarm.state-change',
        'instance/i-12345678901234567',
        'info',
        'resolved',
        '2019-10-02T17:24:40.991Z',
        '123456789012/us-east-1',
        'Alarm ServerCpuTooHigh went to OK: Threshold Crossed: 1 out of the last 1 datapoints [0.0666851903306472 (01/10/19 13:46:00)] was not greater than the threshold (50.0) (minimum 1 datapoint for ALARM -> OK transition).',
      ],
    ],
    rejected: [],
  },
  'alarm-metric-sns.json': {
    signals: [
      [
        'alarm.state-change',
        'instance/i-12345678901234567',
        'high',
        'firing',
        '2019-10-02T17:04:40.989Z',
        '123456789012/us-east-1',
        'Alarm ServerCpuTooHigh went to ALARM: Threshold Crossed: 1 out of the last 1 datapoints [99.50160229693434 (02/10/19 16:59:00)] was greater than the threshold (50.0) (minimum 1 datapoint for OK -> ALARM transition).',
      ],
    ],
    rejected: [],
  },
  'alarm-own-ec2-action-sns.json': {
    signals: [
      [
        'alarm.state-change',
        'instance/i-12345678901234567',
        'high',
        'firing',
        '2026-11-21T09:00:00.250Z',
        '123456789012/us-east-1',
        'Alarm recover-i-12345678901234567 went to ALARM: Threshold Crossed: 2 datapoints were greater than or equal to the threshold (1.0).',
      ],
    ],
    rejected: [],
  },
  'alarm-target-tracking-eventbridge.json': {
    signals: [
      [
        'alarm.state-change',
        'alarm/TargetTracking-my-asg-AlarmLow-c57fd6f1-2346-4c6b-8df5-1c1b2b7b7b6e',
        'info',
        'info',
        '2026-11-21T09:00:00.100Z',
        '123456789012/us-west-2',
        'Alarm TargetTracking-my-asg-AlarmLow-c57fd6f1-2346-4c6b-8df5-1c1b2b7b7b6e went to ALARM: Threshold Crossed: 15 datapoints were less than the threshold (35.0). Its only actions are scaling, so it asks for nothing.',
      ],
    ],
    rejected: [],
  },
  'autoscaling-launch-hook.json': {
    signals: [
      [
        'instance.launch-hook',
        'instance/i-1234567890abcdef0',
        'info',
        'info',
        '2026-11-21T09:00:00.000Z',
        '123456789012/us-west-2',
        'Auto Scaling group my-asg waits for the hook my-lifecycle-hook before instance i-1234567890abcdef0 goes into service.',
      ],
    ],
    rejected: [],
  },
  'autoscaling-launch-successful.json': {
    signals: [
      [
        'group.launch',
        'group/my-auto-scaling-group',
        'info',
        'resolved',
        '2026-11-21T09:00:00.000Z',
        '123456789012/us-west-2',
        'Auto Scaling group my-auto-scaling-group launched instance i-1234567890abcdef0.',
      ],
    ],
    rejected: [],
  },
  'autoscaling-launch-unsuccessful.json': {
    signals: [
      [
        'group.launch',
        'group/my-auto-scaling-group',
        'high',
        'firing',
        '2026-11-21T09:00:00.000Z',
        '123456789012/us-west-2',
        'Auto Scaling group my-auto-scaling-group could not launch instance i-1234567890abcdef0: We currently do not have sufficient m5.large capacity in the Availability Zone you requested (us-west-2b).',
      ],
    ],
    rejected: [],
  },
  'autoscaling-refresh-cancelled.json': {
    signals: [
      [
        'group.instance-refresh',
        'group/my-auto-scaling-group',
        'info',
        'resolved',
        '2026-11-21T09:00:00.000Z',
        '123456789012/us-west-2',
        'The instance refresh of Auto Scaling group my-auto-scaling-group was cancelled.',
      ],
    ],
    rejected: [],
  },
  'autoscaling-refresh-checkpoint-reached.json': {
    signals: [
      [
        'group.instance-refresh',
        'group/my-auto-scaling-group',
        'info',
        'info',
        '2026-11-21T09:00:00.000Z',
        '123456789012/us-west-2',
        'The instance refresh of Auto Scaling group my-auto-scaling-group reached a checkpoint at 50 %.',
      ],
    ],
    rejected: [],
  },
  'autoscaling-refresh-failed.json': {
    signals: [
      [
        'group.instance-refresh',
        'group/my-auto-scaling-group',
        'high',
        'firing',
        '2026-11-21T09:00:00.000Z',
        '123456789012/us-west-2',
        'The instance refresh of Auto Scaling group my-auto-scaling-group failed.',
      ],
    ],
    rejected: [],
  },
  'autoscaling-refresh-started.json': {
    signals: [
      [
        'group.instance-refresh',
        'group/my-auto-scaling-group',
        'info',
        'info',
        '2026-11-21T09:00:00.000Z',
        '123456789012/us-west-2',
        'The instance refresh of Auto Scaling group my-auto-scaling-group started.',
      ],
    ],
    rejected: [],
  },
  'autoscaling-refresh-succeeded.json': {
    signals: [
      [
        'group.instance-refresh',
        'group/my-auto-scaling-group',
        'info',
        'resolved',
        '2026-11-21T09:00:00.000Z',
        '123456789012/us-west-2',
        'The instance refresh of Auto Scaling group my-auto-scaling-group succeeded.',
      ],
    ],
    rejected: [],
  },
  'autoscaling-terminate-hook.json': {
    signals: [
      [
        'instance.terminate-hook',
        'instance/i-1234567890abcdef0',
        'info',
        'info',
        '2026-11-21T09:00:00.000Z',
        '123456789012/us-west-2',
        'Auto Scaling group my-asg waits for the hook my-lifecycle-hook before instance i-1234567890abcdef0 is terminated.',
      ],
    ],
    rejected: [],
  },
  'autoscaling-terminate-successful.json': {
    signals: [
      [
        'group.terminate',
        'group/my-auto-scaling-group',
        'info',
        'resolved',
        '2026-11-21T09:00:00.000Z',
        '123456789012/us-west-2',
        'Auto Scaling group my-auto-scaling-group terminated instance i-1234567890abcdef0.',
      ],
    ],
    rejected: [],
  },
  'autoscaling-terminate-unsuccessful.json': {
    signals: [
      [
        'group.terminate',
        'group/my-auto-scaling-group',
        'warning',
        'firing',
        '2026-11-21T09:00:00.000Z',
        '123456789012/us-west-2',
        'Auto Scaling group my-auto-scaling-group could not terminate instance i-1234567890abcdef0: The instance is busy.',
      ],
    ],
    rejected: [],
  },
  'codedeploy-failure.json': {
    signals: [
      [
        'deploy.failed',
        'deployment/d-123456789',
        'warning',
        'firing',
        '2016-06-30T22:06:31.000Z',
        '123456789012/us-east-1',
        'CodeDeploy deployment d-123456789 of myApplication to myDeploymentGroup failed.',
      ],
    ],
    rejected: [],
  },
  'codedeploy-success.json': {
    signals: [
      [
        'deploy.succeeded',
        'deployment/d-123456789',
        'info',
        'info',
        '2016-06-30T22:06:31.000Z',
        '123456789012/us-east-1',
        'CodeDeploy deployment d-123456789 of myApplication to myDeploymentGroup succeeded.',
      ],
    ],
    rejected: [],
  },
  'codepipeline-failed.json': {
    signals: [
      [
        'deploy.failed',
        'deployment/01234567-0123-0123-0123-012345678901',
        'warning',
        'firing',
        '2017-04-22T03:31:47.000Z',
        '123456789012/us-east-1',
        'Execution 01234567-0123-0123-0123-012345678901 of the pipeline myPipeline failed.',
      ],
    ],
    rejected: [],
  },
  'codepipeline-started.json': {
    signals: [
      [
        'deploy.started',
        'deployment/01234567-0123-0123-0123-012345678901',
        'info',
        'info',
        '2017-04-22T03:31:47.000Z',
        '123456789012/us-east-1',
        'Execution 01234567-0123-0123-0123-012345678901 of the pipeline myPipeline started.',
      ],
    ],
    rejected: [],
  },
  'deployment-failed.json': {
    signals: [
      [
        'deploy.failed',
        'deployment/shop-web/5.2.1',
        'warning',
        'firing',
        '2026-11-21T08:58:00.000Z',
        '111122223333/eu-central-1',
        'The deployment of shop-web 5.2.1 failed.',
      ],
    ],
    rejected: [],
  },
  'deployment-finished.json': {
    signals: [
      [
        'deploy.succeeded',
        'deployment/shop-web/5.2.1',
        'info',
        'info',
        '2026-11-21T08:58:00.000Z',
        '111122223333/eu-central-1',
        'The deployment of shop-web 5.2.1 finished.',
      ],
    ],
    rejected: [],
  },
  'deployment-rolled-back.json': {
    signals: [
      [
        'deploy.rolled-back',
        'deployment/shop-web/5.2.1',
        'info',
        'info',
        '2026-11-21T08:58:00.000Z',
        '111122223333/eu-central-1',
        'The deployment of shop-web 5.2.1 was rolled back.',
      ],
    ],
    rejected: [],
  },
  'deployment-started.json': {
    signals: [
      [
        'deploy.started',
        'deployment/shop-web/5.2.1',
        'info',
        'info',
        '2026-11-21T08:58:00.000Z',
        '111122223333/eu-central-1',
        'The deployment of shop-web 5.2.1 started.',
      ],
    ],
    rejected: [],
  },
  'ec2-ami-available.json': {
    signals: [
      [
        'image.state-change',
        'image/ami-0abcdef1234567890',
        'info',
        'resolved',
        '2026-11-21T09:00:00.000Z',
        '012345678901/us-east-1',
        'Image ami-0abcdef1234567890 is available.',
      ],
    ],
    rejected: [],
  },
  'ec2-ami-failed.json': {
    signals: [
      [
        'image.state-change',
        'image/ami-0abcdef1234567890',
        'warning',
        'firing',
        '2026-11-21T09:00:00.000Z',
        '012345678901/us-east-1',
        'Image ami-0abcdef1234567890 could not be made: The snapshot of the root volume could not be copied.',
      ],
    ],
    rejected: [],
  },
  'ec2-instance-state.json': {
    signals: [
      [
        'instance.state-change',
        'instance/i-abcd1111',
        'info',
        'info',
        '2021-11-11T21:29:54.000Z',
        '123456789012/us-east-1',
        'Instance i-abcd1111 is starting.',
      ],
    ],
    rejected: [],
  },
  'ec2-instance-terminated.json': {
    signals: [
      [
        'instance.state-change',
        'instance/i-abcd1111',
        'info',
        'info',
        '2021-11-11T22:29:54.000Z',
        '123456789012/us-east-1',
        'Instance i-abcd1111 was terminated.',
      ],
    ],
    rejected: [],
  },
  'ec2-rebalance-recommendation.json': {
    signals: [
      [
        'instance.rebalance-recommendation',
        'instance/i-1234567890abcdef0',
        'info',
        'info',
        '2026-11-21T09:00:00.000Z',
        '123456789012/us-east-2',
        'Spot instance i-1234567890abcdef0 is at a higher risk of being interrupted.',
      ],
    ],
    rejected: [],
  },
  'ec2-spot-interruption.json': {
    signals: [
      [
        'instance.spot-interruption',
        'instance/i-1234567890abcdef0',
        'warning',
        'firing',
        '2026-11-21T09:00:00.000Z',
        '123456789012/us-east-2',
        'Spot instance i-1234567890abcdef0 will be terminated by AWS in two minutes.',
      ],
    ],
    rejected: [],
  },
  'health-account-notification.json': {
    signals: [
      [
        'health.notification',
        'account/123456789012',
        'info',
        'info',
        '2023-01-27T09:01:22.000Z',
        '123456789012/us-west-2',
        'AWS Health reports a notification of BILLING for account 123456789012: AWS_BILLING_NOTIFICATION.',
      ],
    ],
    rejected: [],
  },
  'health-issue-closed.json': {
    signals: [
      [
        'health.issue',
        'instance/i-1234567890abcdef0',
        'info',
        'resolved',
        '2023-01-27T09:01:22.000Z',
        '123456789012/us-west-2',
        'AWS Health reports an issue of EC2 for instance i-1234567890abcdef0: AWS_EC2_INSTANCE_STORE_DRIVE_PERFORMANCE_DEGRADED (closed).',
      ],
    ],
    rejected: [],
  },
  'health-issue.json': {
    signals: [
      [
        'health.issue',
        'instance/i-1234567890abcdef0',
        'high',
        'firing',
        '2023-01-27T09:01:22.000Z',
        '123456789012/us-west-2',
        'AWS Health reports an issue of EC2 for instance i-1234567890abcdef0: AWS_EC2_INSTANCE_STORE_DRIVE_PERFORMANCE_DEGRADED (open).',
      ],
      [
        'health.issue',
        'instance/i-0abcdef1234567890',
        'high',
        'firing',
        '2023-01-27T09:01:22.000Z',
        '123456789012/us-west-2',
        'AWS Health reports an issue of EC2 for instance i-0abcdef1234567890: AWS_EC2_INSTANCE_STORE_DRIVE_PERFORMANCE_DEGRADED (open).',
      ],
      [
        'health.issue',
        'volume/vol-0123456789abcdef0',
        'high',
        'firing',
        '2023-01-27T09:01:22.000Z',
        '123456789012/us-west-2',
        'AWS Health reports an issue of EC2 for volume vol-0123456789abcdef0: AWS_EC2_INSTANCE_STORE_DRIVE_PERFORMANCE_DEGRADED (open).',
      ],
    ],
    rejected: [],
  },
  'health-public-issue.json': {
    signals: [
      [
        'health.issue',
        'account/123456789012',
        'warning',
        'firing',
        '2023-01-27T09:01:22.000Z',
        '123456789012/us-west-2',
        'AWS Health reports an issue of ELASTICLOADBALANCING for account 123456789012: AWS_ELASTICLOADBALANCING_API_ISSUE (open).',
      ],
    ],
    rejected: [],
  },
  'health-scheduled-change.json': {
    signals: [
      [
        'health.scheduled-change',
        'instance/i-1234567890abcdef0',
        'warning',
        'firing',
        '2023-01-27T09:01:22.000Z',
        '123456789012/us-west-2',
        'AWS Health reports a scheduled change of EC2 for instance i-1234567890abcdef0: AWS_EC2_INSTANCE_REBOOT_MAINTENANCE_SCHEDULED (upcoming).',
      ],
    ],
    rejected: [],
  },
  'imagebuilder-available.json': {
    signals: [
      [
        'image.build',
        'image/cmkencryptedworkflowtest-a1b2c3d4-5678-90ab-cdef-example11111',
        'info',
        'resolved',
        '2024-01-18T17:50:56.000Z',
        '111122223333/us-east-1',
        'Build 1.0.0/1 of the image cmkencryptedworkflowtest-a1b2c3d4-5678-90ab-cdef-example11111 is available.',
      ],
    ],
    rejected: [],
  },
  'imagebuilder-failed.json': {
    signals: [
      [
        'image.build',
        'image/cmkencryptedworkflowtest-a1b2c3d4-5678-90ab-cdef-example11111',
        'warning',
        'firing',
        '2024-01-18T17:50:56.000Z',
        '111122223333/us-east-1',
        'Build 1.0.0/1 of the image cmkencryptedworkflowtest-a1b2c3d4-5678-90ab-cdef-example11111 failed: Step timed out while step is verifying the SSM Agent availability on the target instance.',
      ],
    ],
    rejected: [],
  },
  'local-alarm-sns.json': {
    signals: [
      [
        'alarm.state-change',
        'instance/i-0123456789abcdef0',
        'high',
        'firing',
        '2026-11-21T09:43:38.000Z',
        '111122223333/eu-central-1',
        'Alarm fx-unhealthy went to ALARM: Threshold Crossed: Maximum 1.0 GreaterThanOrEqualToThreshold 1.0.',
      ],
    ],
    rejected: [],
  },
  'own-budget-burning.json': {
    signals: [
      [
        'budget.burn',
        'system/shop-web',
        'critical',
        'firing',
        '2026-11-21T09:00:00.000Z',
        '111122223333/eu-central-1',
        'The error budget of shop-web burns too fast for shop-web-availability: 14.4 times too fast over 1 h and 5 min.',
      ],
    ],
    rejected: [],
  },
  'own-budget-recovered.json': {
    signals: [
      [
        'budget.burn',
        'system/shop-web',
        'info',
        'resolved',
        '2026-11-21T09:00:00.000Z',
        '111122223333/eu-central-1',
        'The error budget of shop-web no longer burns too fast for shop-web-availability.',
      ],
    ],
    rejected: [],
  },
  'own-budget-low.json': {
    signals: [
      [
        'budget.low',
        'system/shop-web',
        'warning',
        'firing',
        '2026-11-21T09:00:00.000Z',
        '111122223333/eu-central-1',
        "Little is left of the error budget of shop-web for shop-web-availability: 8.3 % of the month's 43 minutes are left.",
      ],
    ],
    rejected: [],
  },
  'own-budget-no-longer-low.json': {
    signals: [
      [
        'budget.low',
        'system/shop-web',
        'info',
        'resolved',
        '2026-11-21T09:00:00.000Z',
        '111122223333/eu-central-1',
        'The error budget of shop-web is no longer low for shop-web-availability.',
      ],
    ],
    rejected: [],
  },
  'own-budget-exhausted.json': {
    signals: [
      [
        'budget.spent',
        'system/shop-web',
        'high',
        'firing',
        '2026-11-21T09:00:00.000Z',
        '111122223333/eu-central-1',
        "The error budget of shop-web for shop-web-availability is spent: the month's 43 minutes are gone.",
      ],
    ],
    rejected: [],
  },
  'own-budget-no-longer-spent.json': {
    signals: [
      [
        'budget.spent',
        'system/shop-web',
        'info',
        'resolved',
        '2026-11-21T09:00:00.000Z',
        '111122223333/eu-central-1',
        'The error budget of shop-web is no longer spent for shop-web-availability.',
      ],
    ],
    rejected: [],
  },
  'own-budget-condition-met.json': {
    signals: [
      [
        'budget.condition',
        'system/shop-web',
        'critical',
        'firing',
        '2026-11-21T09:00:00.000Z',
        '111122223333/eu-central-1',
        'The alert fast-burn of shop-web fires for shop-web-availability: It burns 3 × over 1 h; fast-burn alerts at more than 2 ×.',
      ],
    ],
    rejected: [],
  },
  'own-budget-condition-over.json': {
    signals: [
      [
        'budget.condition',
        'system/shop-web',
        'info',
        'resolved',
        '2026-11-21T09:00:00.000Z',
        '111122223333/eu-central-1',
        'The alert fast-burn of shop-web no longer fires for shop-web-availability.',
      ],
    ],
    rejected: [],
  },
  'own-heartbeat.json': {
    signals: [['platform.heartbeat', 'account/perennial', 'info', 'info', '2026-11-21T09:00:00.000Z', '111122223333/eu-central-1', 'Heartbeat of Perennial.']],
    rejected: [],
  },
  'own-check-failed.json': {
    signals: [
      [
        'check.failed',
        'check/partner-payments',
        'high',
        'firing',
        '2026-11-21T09:00:00.000Z',
        '111122223333/eu-central-1',
        'External, run by others: the check partner-payments failed: HTTP 503.',
      ],
    ],
    rejected: [],
  },
  'own-check-passed.json': {
    signals: [
      [
        'check.failed',
        'check/partner-payments',
        'info',
        'resolved',
        '2026-11-21T09:00:00.000Z',
        '111122223333/eu-central-1',
        'The check partner-payments passes again.',
      ],
    ],
    rejected: [],
  },
  'own-trouble-reported.json': {
    signals: [
      [
        'system.reported',
        'system/shop-web',
        'high',
        'firing',
        '2026-11-21T09:00:00.000Z',
        '111122223333/eu-central-1',
        'Reported by a person: Checkout shows an empty page',
      ],
    ],
    rejected: [],
  },
  'own-job-failed.json': {
    signals: [
      [
        'job.failed',
        'job/nightly-report',
        'warning',
        'firing',
        '2026-11-21T09:00:00.000Z',
        '111122223333/eu-central-1',
        'The job nightly-report failed: exit code 3.',
      ],
    ],
    rejected: [],
  },
  'own-job-succeeded.json': {
    signals: [
      ['job.failed', 'job/nightly-report', 'info', 'resolved', '2026-11-21T09:00:00.000Z', '111122223333/eu-central-1', 'The job nightly-report succeeded.'],
    ],
    rejected: [],
  },
  'own-status-check-failed.json': {
    signals: [
      [
        'instance.status-check',
        'instance/i-0123456789abcdef0',
        'high',
        'firing',
        '2026-11-21T09:00:00.000Z',
        '111122223333/eu-central-1',
        'Instance i-0123456789abcdef0 fails its system and instance status check.',
      ],
    ],
    rejected: [],
  },
  'own-status-check-recovered.json': {
    signals: [
      [
        'instance.status-check',
        'instance/i-0123456789abcdef0',
        'info',
        'resolved',
        '2026-11-21T09:00:00.000Z',
        '111122223333/eu-central-1',
        'Instance i-0123456789abcdef0 passes its system and instance status check again.',
      ],
    ],
    rejected: [],
  },
  'own-drill-requested.json': {
    signals: [
      [
        'check.drill-requested',
        'check/drill-of-shop-web',
        'info',
        'firing',
        '2026-11-21T09:00:00.000Z',
        '111122223333/eu-central-1',
        'Drill of shop-web, asked for by kim: game day.',
      ],
    ],
    rejected: [],
  },
  'own-repair-retry-due.json': {
    signals: [
      [
        'instance.target-unhealthy',
        'instance/i-0123456789abcdef0',
        'high',
        'firing',
        '2026-11-21T09:20:00.000Z',
        '111122223333/eu-central-1',
        'Instance i-0123456789abcdef0 is still in trouble (target-health); its repair is due again after rem-20261121T090000-0123456789.',
      ],
    ],
    rejected: [],
  },
  'own-replace-requested.json': {
    signals: [
      [
        'instance.replace-requested',
        'instance/i-0123456789abcdef0',
        'warning',
        'firing',
        '2026-11-21T09:00:00.000Z',
        '111122223333/eu-central-1',
        'kim asks to replace i-0123456789abcdef0: odd noises.',
      ],
    ],
    rejected: [],
  },
  'own-revert-requested.json': {
    signals: [
      [
        'instance.revert-requested',
        'instance/i-0fedcba9876543210',
        'warning',
        'firing',
        '2026-11-21T09:00:00.000Z',
        '111122223333/eu-central-1',
        'kim asks to take rem-20261121T090000-0123456789 back, which put i-0fedcba9876543210 into service: the old one was fine.',
      ],
    ],
    rejected: [],
  },
  'own-target-healthy.json': {
    signals: [
      [
        'instance.target-unhealthy',
        'instance/i-0123456789abcdef0',
        'info',
        'resolved',
        '2026-11-21T09:00:00.000Z',
        '111122223333/eu-central-1',
        'Instance i-0123456789abcdef0 is no longer unhealthy as a target of shop-web:80.',
      ],
    ],
    rejected: [],
  },
  'own-target-unhealthy.json': {
    signals: [
      [
        'instance.target-unhealthy',
        'instance/i-0123456789abcdef0',
        'high',
        'firing',
        '2026-11-21T09:00:00.000Z',
        '111122223333/eu-central-1',
        'Instance i-0123456789abcdef0 is unhealthy as a target of shop-web:80 Target.FailedHealthChecks.',
      ],
    ],
    rejected: [],
  },
  'rejected-forged-source.json': {
    signals: [],
    rejected: [
      [
        0,
        'The detail-type "EC2 Instance State-change Notification" is AWS\'s own (aws.ec2), but this event says that it comes from "com.example.shop": not believed.',
      ],
    ],
  },
  'rejected-unknown-detail-type.json': {
    signals: [],
    rejected: [
      [
        0,
        'The detail-type "EBS Volume Notification" is not understood. Understood from aws.ec2: EC2 Instance State-change Notification, EC2 Spot Instance Interruption Warning, EC2 Instance Rebalance Recommendation, EC2 AMI State Change.',
      ],
    ],
  },
  'step-functions-own-failed.json': {
    signals: [
      [
        'platform.execution',
        'job/4f2b8c1d9e',
        'high',
        'firing',
        '2019-02-26T19:42:21.000Z',
        '123456789012/us-east-1',
        'Execution 4f2b8c1d9e of the state machine perennial-remediation failed: Lambda.Unknown.',
      ],
    ],
    rejected: [],
  },
  'step-functions-succeeded.json': {
    signals: [
      [
        'job.execution',
        'job/state-machine',
        'info',
        'resolved',
        '2019-02-26T19:42:21.000Z',
        '123456789012/us-east-1',
        'Execution execution-name of the state machine state-machine succeeded.',
      ],
    ],
    rejected: [],
  },
  'step-functions-timed-out.json': {
    signals: [
      [
        'job.execution',
        'job/state-machine',
        'warning',
        'firing',
        '2019-02-26T19:42:21.000Z',
        '123456789012/us-east-1',
        'Execution execution-name of the state machine state-machine timed out: States.Timeout.',
      ],
    ],
    rejected: [],
  },
  'wrapped-sns-records-in-sqs.json': {
    signals: [
      [
        'alarm.state-change',
        'instance/i-12345678901234567',
        'high',
        'firing',
        '2019-10-02T17:04:40.989Z',
        '123456789012/us-east-1',
        'Alarm ServerCpuTooHigh went to ALARM: Threshold Crossed: 1 out of the last 1 datapoints [99.50160229693434 (02/10/19 16:59:00)] was greater than the threshold (50.0) (minimum 1 datapoint for OK -> ALARM transition).',
      ],
      [
        'alarm.state-change',
        'alarm/ServiceAggregatedAlarm',
        'high',
        'firing',
        '2022-07-22T15:57:45.394Z',
        '123456789012/us-east-1',
        'Alarm ServiceAggregatedAlarm went to ALARM: arn:aws:cloudwatch:us-east-1:123456789012:alarm:ServerCpuTooHigh transitioned to ALARM at Friday 22 July, 2022 15:57:45 UTC.',
      ],
    ],
    rejected: [],
  },
  'wrapped-sqs-eventbridge.json': {
    signals: [
      [
        'alarm.state-change',
        'instance/i-12345678901234567',
        'high',
        'firing',
        '2019-10-02T17:20:48.554Z',
        '123456789012/us-east-1',
        'Alarm TotalNetworkTrafficTooHigh went to ALARM: Threshold Crossed: 1 out of the last 1 datapoints [45628.0 (02/10/19 17:10:00)] was greater than the threshold (10000.0) (minimum 1 datapoint for OK -> ALARM transition).',
      ],
    ],
    rejected: [],
  },
  'wrapped-sqs-raw-alarm.json': {
    signals: [
      [
        'alarm.state-change',
        'instance/i-12345678901234567',
        'high',
        'firing',
        '2019-10-02T17:04:40.989Z',
        '123456789012/us-east-1',
        'Alarm ServerCpuTooHigh went to ALARM: Threshold Crossed: 1 out of the last 1 datapoints [99.50160229693434 (02/10/19 16:59:00)] was greater than the threshold (50.0) (minimum 1 datapoint for OK -> ALARM transition).',
      ],
    ],
    rejected: [],
  },
  'wrapped-sqs-sns-alarm.json': {
    signals: [
      [
        'alarm.state-change',
        'instance/i-12345678901234567',
        'high',
        'firing',
        '2019-10-02T17:04:40.989Z',
        '123456789012/us-east-1',
        'Alarm ServerCpuTooHigh went to ALARM: Threshold Crossed: 1 out of the last 1 datapoints [99.50160229693434 (02/10/19 16:59:00)] was greater than the threshold (50.0) (minimum 1 datapoint for OK -> ALARM transition).',
      ],
    ],
    rejected: [],
  },
  'wrapped-sqs-with-one-malformed.json': {
    signals: [
      [
        'alarm.state-change',
        'instance/i-12345678901234567',
        'high',
        'firing',
        '2019-10-02T17:04:40.989Z',
        '123456789012/us-east-1',
        'Alarm ServerCpuTooHigh went to ALARM: Threshold Crossed: 1 out of the last 1 datapoints [99.50160229693434 (02/10/19 16:59:00)] was greater than the threshold (50.0) (minimum 1 datapoint for OK -> ALARM transition).',
      ],
    ],
    rejected: [
      [1, 'It is not JSON: 8 characters that do not parse.'],
      [2, 'The event is malformed: detail.instance-id is missing.'],
    ],
  },
};

describe('recorded events', () => {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));

  it('says of every file how it must be read, and lists it in README.md', () => {
    expect(Object.keys(expected).toSorted()).toEqual(files.toSorted());
    const readme = readFileSync(new URL('README.md', folder), 'utf8');
    expect(files.filter((file) => !readme.includes(`\`${file}\``))).toEqual([]);
  });

  it.each(Object.entries(expected))('explains %s as a person would read it (S1-09)', (file, { signals, rejected }) => {
    const result = read(file);
    expect(result.signals.map(lineOf)).toEqual(signals);
    expect(result.rejected.map(({ index, reason }) => [index, reason])).toEqual(rejected);
  });

  it.each(files)('explains %s in the published form', (file) => {
    const explanation: unknown = JSON.parse(JSON.stringify(explanationOf(read(file))));
    expect(explanationSchema.safeParse(explanation).success).toBe(true);
  });

  it('has at least one event for every detail-type of the table', () => {
    const recorded = new Set(
      files.flatMap((file) => [...readFileSync(new URL(file, folder), 'utf8').matchAll(/detail-type\\*":\s*\\*"([^"\\]+)/g)].map(([, name]) => name)),
    );
    expect(Object.keys(signalTable).filter((detailType) => !recorded.has(detailType))).toEqual([]);
  });

  it.each([
    [
      'alarm-metric-eventbridge.json',
      ['alarm-metric-sns.json', 'wrapped-sqs-sns-alarm.json', 'wrapped-sqs-raw-alarm.json', 'alarm-metric-ok-eventbridge.json'],
    ],
    ['alarm-metric-math-eventbridge.json', ['alarm-metric-math-sns.json', 'wrapped-sqs-eventbridge.json']],
    ['alarm-composite-eventbridge.json', ['alarm-composite-sns.json', 'alarm-composite-suppressed-eventbridge.json']],
    ['own-target-unhealthy.json', ['own-target-healthy.json', 'own-repair-retry-due.json']],
    ['own-status-check-failed.json', ['own-status-check-recovered.json']],
    ['autoscaling-launch-unsuccessful.json', ['autoscaling-launch-successful.json']],
    ['health-issue.json', ['health-issue-closed.json']],
    ['imagebuilder-failed.json', ['imagebuilder-available.json']],
    ['step-functions-timed-out.json', ['step-functions-succeeded.json']],
    ['own-budget-burning.json', ['own-budget-recovered.json']],
    ['own-budget-low.json', ['own-budget-no-longer-low.json']],
    ['own-budget-exhausted.json', ['own-budget-no-longer-spent.json']],
    ['own-job-failed.json', ['own-job-succeeded.json']],
    ['own-check-failed.json', ['own-check-passed.json']],
  ])('gives %s the same fingerprint in every form and state', (file, others) => {
    const fingerprint = read(file).signals[0]?.fingerprint;
    expect(fingerprint).toMatch(/^[0-9a-f]{32}$/);
    expect(others.map((other) => read(other).signals[0]?.fingerprint)).toEqual(others.map(() => fingerprint));
  });

  it('keeps both ways an alarm arrives at the same moment', () => {
    expect(read('alarm-metric-sns.json').signals[0]?.at).toBe(read('alarm-metric-eventbridge.json').signals[0]?.at);
  });

  it('marks an alarm that acts on EC2 itself, and one that only scales', () => {
    expect(read('alarm-own-ec2-action-sns.json').signals[0]?.details).toMatchObject({
      ownAction: 'arn:aws:automate:us-east-1:ec2:recover',
      onlyScalingActions: 'false',
    });
    expect(read('alarm-target-tracking-eventbridge.json').signals[0]?.details).toMatchObject({ onlyScalingActions: 'true' });
    expect(read('alarm-metric-sns.json').signals[0]?.details).not.toHaveProperty('ownAction');
  });

  it('hands over what a deploy says, whole (S0-29, S1-16)', () => {
    const [signal] = read('deployment-started.json').signals;
    expect(signal?.details).toMatchObject({
      system: 'shop-web',
      version: '5.2.1',
      configVersion: 'a1b2c3d',
      previousVersion: '5.2.0',
      deployer: 'team-shop',
      approver: 'team-lead',
    });
    expect(signal?.deployment).toMatchObject({ commit: '3f9d2c1e8b7a6f5d4c3b2a190817263544536271', databaseChange: false, rollbackTested: true });
  });
});
