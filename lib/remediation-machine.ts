import { Aws, Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { DefinitionBody, LogLevel, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { DriverAnswer } from '../core/remediation/driver/driver-answer.ts';
import { stepRetries } from '../core/remediation/paths/step-retries.ts';
import { acknowledge } from './acknowledge.ts';
import { grant, permission } from './permissions/permission.ts';

/** Function time-out < task time-out < the shortest deadline that a phase can have (30 s): each limit tells its own story. */
export const stepTimeoutSeconds = 24;
const taskTimeoutSeconds = 27;

/** The longest a repair may take; the sum of the default deadlines is about an hour. */
const executionTimeoutSeconds = 6 * 3600;

/** By this beginning `core/signals` knows that an execution is one of ours. */
export const remediationMachineName = 'perennial-remediation';

/** Input: `{ remediationId, observe, act }`, the last two being ARNs of function versions, so that a deploy changes nothing under way. */
const input = '$states.input';
const answerField = (field: keyof DriverAnswer): string => `${input}.answer.${field}`;

/** https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html names the first four. */
const lambdaServiceErrors = [
  'Lambda.ClientExecutionTimeoutException',
  'Lambda.ServiceException',
  'Lambda.AWSLambdaException',
  'Lambda.SdkClientException',
  'Lambda.TooManyRequestsException',
];

/**
 * Steps are idempotent, so any error may be tried again: the service's own patiently, those of the function (a crash or a
 * time-out, under whatever name) for about two minutes.
 */
const retry = [
  { ErrorEquals: lambdaServiceErrors, IntervalSeconds: 1, BackoffRate: 2, MaxAttempts: 8, MaxDelaySeconds: 30, JitterStrategy: 'FULL' },
  {
    ErrorEquals: ['States.ALL'],
    IntervalSeconds: stepRetries.intervalSeconds,
    BackoffRate: stepRetries.backoffRate,
    MaxAttempts: stepRetries.maxAttempts,
    MaxDelaySeconds: stepRetries.maxDelaySeconds,
    JitterStrategy: 'FULL',
  },
];

interface StepRow {
  readonly role: 'observe' | 'act';
  readonly payload: Readonly<Record<string, string>>;
  /** Where it goes when all retries failed. */
  readonly onFailure: 'GiveUp' | 'Failed';
}

const remediationId = `{% ${input}.remediationId %}`;

const steps = {
  Observe: { role: 'observe', payload: { remediationId }, onFailure: 'GiveUp' },
  Act: { role: 'act', payload: { remediationId }, onFailure: 'GiveUp' },
  /** Tells the record that a step kept failing; the driver answers with what undoes the phase, and the loop goes on. */
  GiveUp: { role: 'observe', payload: { remediationId, giveUp: `{% ${input}.giveUp %}` }, onFailure: 'Failed' },
} as const satisfies Record<string, StepRow>;

/** What the driver is told; a cause may be absent, or as long as a stack trace. */
const lastError = '{"error": $states.errorOutput.Error, "cause": $exists($states.errorOutput.Cause) ? $substring($states.errorOutput.Cause, 0, 1000) : ""}';

function taskOf({ role, payload, onFailure }: StepRow, lambdaInvoke: string) {
  return {
    Type: 'Task',
    Resource: lambdaInvoke,
    Arguments: { FunctionName: `{% ${input}.${role} %}`, Payload: payload },
    TimeoutSeconds: taskTimeoutSeconds,
    Output: `{% $merge([${input}, {"answer": $states.result.Payload}]) %}`,
    Retry: retry,
    Catch: [
      {
        ErrorEquals: ['States.ALL'],
        Output: `{% $merge([${input}, {"giveUp": ${lastError}, "answer": {"reason": "The step kept failing: " & $states.errorOutput.Error}}]) %}`,
        Next: onFailure,
      },
    ],
    Next: 'Route',
  };
}

const choice = (condition: string, next: string) => ({ Condition: `{% ${condition} %}`, Next: next });

/** The generic driver loop: invoke → choice → wait → end. What the steps do is data in `core/remediation/paths/procedure.ts`. */
export function driverLoop(lambdaInvoke: string) {
  return {
    Comment: 'One remediation: asks the driver for the next step until it says "end".',
    QueryLanguage: 'JSONata',
    StartAt: 'Observe',
    TimeoutSeconds: executionTimeoutSeconds,
    States: {
      Observe: taskOf(steps.Observe, lambdaInvoke),
      Act: taskOf(steps.Act, lambdaInvoke),
      GiveUp: taskOf(steps.GiveUp, lambdaInvoke),
      Route: {
        Type: 'Choice',
        Choices: [
          choice(`${answerField('next')} = "end" and ${answerField('outcome')} = "succeeded"`, 'Succeeded'),
          choice(`${answerField('next')} = "end"`, 'Failed'),
          choice(`${answerField('waitSeconds')} > 0`, 'Wait'),
          choice(`${answerField('next')} = "act"`, 'Act'),
          choice(`${answerField('next')} = "observe"`, 'Observe'),
        ],
        // An answer that no version of the driver gives: fail loudly, which is a signal.
        Default: 'Failed',
      },
      Wait: {
        Type: 'Wait',
        Seconds: `{% ${answerField('waitSeconds')} %}`,
        // Waited once: back at Route the same answer must lead on.
        Output: `{% $merge([${input}, {"answer": $merge([${input}.answer, {"waitSeconds": 0}])}]) %}`,
        Next: 'Route',
      },
      Succeeded: { Type: 'Succeed', Output: `{% ${input}.answer %}` },
      Failed: {
        Type: 'Fail',
        Error: 'RemediationFailed',
        Cause: `{% ${answerField('reason')} %}`,
      },
    },
  };
}

/** Carries one remediation from claim to end, whatever happens to a function in between. */
export class RemediationMachine extends Construct {
  readonly machine: StateMachine;

  constructor(scope: Construct, id: string, functions: { readonly observe: IFunction; readonly act: IFunction }) {
    super(scope, id);
    const logGroup = new LogGroup(this, 'Log', {
      // This prefix keeps the log delivery policy of the account from growing: https://docs.aws.amazon.com/step-functions/latest/dg/bp-cwl.html
      logGroupName: '/aws/vendedlogs/states/perennial-remediation',
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('states.amazonaws.com'), description: 'What the repairs of Perennial may call' });
    this.machine = new StateMachine(this, 'Machine', {
      stateMachineName: remediationMachineName,
      role,
      stateMachineType: StateMachineType.STANDARD,
      definitionBody: DefinitionBody.fromString(JSON.stringify(driverLoop(`arn:${Aws.PARTITION}:states:::lambda:invoke`))),
      timeout: Duration.seconds(executionTimeoutSeconds),
      tracingEnabled: true,
      logs: { destination: logGroup, level: LogLevel.ALL, includeExecutionData: false },
    });
    const versions = [functions.observe, functions.act].map(({ functionArn }) => `${functionArn}:*`);
    grant(role, [
      permission(
        { sid: 'InvokeVersions', actions: ['lambda:InvokeFunction'], resources: versions },
        'A repair calls the version it began with, also after later deploys.',
      ),
    ]);
    acknowledge(role, {
      'AwsSolutions-IAM5[Resource::*]': 'X-Ray and log delivery calls have no resources to name; AWS documents exactly this policy.',
    });
  }
}
