import { Aws, Stack, type StackProps } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnDocument } from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import type { ConsoleDocument } from '../core/incidents/console-links.ts';
import { keys } from '../core/records/keys.ts';
import { type Pause, pauseSchema } from '../core/remediation/record.ts';
import { abortScript, approveScript } from './console-scripts.ts';

export interface ConsoleStackProps extends StackProps {
  readonly table: ITable;
}

const switches = [
  { name: 'Perennial-Pause', isPaused: true, description: 'Stops new repairs and takes running ones to their nearest safe point' },
  { name: 'Perennial-Resume', isPaused: false, description: 'Lets Perennial repair again' },
] as const satisfies readonly { readonly name: ConsoleDocument; readonly isPaused: boolean; readonly description: string }[];

/** What a person with only a phone can run in the AWS console; apart, because the local AWS has no SSM documents. */
export class ConsoleStack extends Stack {
  constructor(scope: Construct, id: string, props: ConsoleStackProps) {
    super(scope, id, { description: "Perennial's switches in the AWS console", ...props });
    const { partition } = pauseKeyOf('global');
    const remediationPartition = remediationKeyOf('any').partition;
    // Another account's automation cannot borrow the role, and it reaches the pause switches only:
    // https://docs.aws.amazon.com/service-authorization/latest/reference/list_dynamodb.html (dynamodb:LeadingKeys)
    const assumedBy = new ServicePrincipal('ssm.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } } });
    const role = new Role(this, 'SwitchRole', { assumedBy, description: 'Writes the pause switches of Perennial' });
    role.addToPolicy(
      new PolicyStatement({
        sid: 'WritePauseSwitches',
        actions: ['dynamodb:UpdateItem'],
        resources: [props.table.tableArn],
        conditions: { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': [partition] }, Null: { 'dynamodb:LeadingKeys': 'false' } },
      }),
    );
    role.addToPolicy(
      new PolicyStatement({
        sid: 'DecideOnRemediations',
        actions: ['dynamodb:GetItem', 'dynamodb:UpdateItem'],
        resources: [props.table.tableArn],
        conditions: { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': [remediationPartition] }, Null: { 'dynamodb:LeadingKeys': 'false' } },
      }),
    );
    for (const { name, isPaused, description } of switches) {
      const content = documentOf({ tableName: props.table.tableName, roleArn: role.roleArn, isPaused, description });
      new CfnDocument(this, name, { name, documentType: 'Automation', documentFormat: 'JSON', updateMethod: 'NewVersion', content });
    }
    for (const decision of decisions) {
      const content = decisionDocument({ tableName: props.table.tableName, roleArn: role.roleArn, decision });
      const { name } = decision;
      new CfnDocument(this, name, { name, documentType: 'Automation', documentFormat: 'JSON', updateMethod: 'NewVersion', content });
    }
  }
}

/** What may be told to one remediation; the same fields that `core/remediation/requests.ts` writes. */
const decisions = [
  { name: 'Perennial-Approve', description: 'Says yes to the plan that a repair waits with', script: approveScript },
  { name: 'Perennial-Abort', description: 'Takes a repair to its nearest safe point: undone before the drain, finished after it', script: abortScript },
] as const satisfies readonly { readonly name: ConsoleDocument; readonly description: string; readonly script: string }[];

function remediationKeyOf(remediationId: string) {
  return keys.remediation({ accountId: Aws.ACCOUNT_ID, region: Aws.REGION }, remediationId);
}

function pauseKeyOf(target: string) {
  return keys.pause({ accountId: Aws.ACCOUNT_ID, region: Aws.REGION }, target);
}

interface Switch {
  readonly tableName: string;
  readonly roleArn: string;
  readonly isPaused: boolean;
  readonly description: string;
}

/** https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-action-executeawsapi.html */
function documentOf({ tableName, roleArn, isPaused, description }: Switch) {
  const { partition, sort } = pauseKeyOf('{{ Target }}');
  return {
    schemaVersion: '0.3',
    description,
    assumeRole: roleArn,
    parameters: {
      Target: { type: 'String', default: 'global', allowedPattern: '^(global|system#[a-z0-9-]{1,64})$', description: 'global, or system#<name>' },
      Reason: { type: 'String', allowedPattern: '^.{3,200}$', description: 'Why; it is recorded and shown' },
    },
    mainSteps: [
      readClockStep,
      {
        name: 'writeSwitch',
        action: 'aws:executeAwsApi',
        isEnd: true,
        inputs: {
          Service: 'dynamodb',
          Api: 'UpdateItem',
          TableName: tableName,
          Key: { pk: { S: partition }, sk: { S: sort } },
          // One more than before, like every write of ours: who has read the old version reads again.
          UpdateExpression: 'SET #version = if_not_exists(#version, :none) + :one, writeId = :writeId, body = :body REMOVE expiresAt',
          ExpressionAttributeNames: { '#version': 'version' },
          ExpressionAttributeValues: {
            ':none': { N: '0' },
            ':one': { N: '1' },
            ':writeId': { S: '{{ automation:EXECUTION_ID }}' },
            ':body': {
              M: attributesOf({
                target: '{{ Target }}',
                isPaused,
                by: 'console, automation {{ automation:EXECUTION_ID }}',
                reason: '{{ Reason }}',
                at: '{{ readClock.at }}',
              }),
            },
          },
        },
      },
    ],
  };
}

interface DecisionProps {
  readonly tableName: string;
  readonly roleArn: string;
  readonly decision: (typeof decisions)[number];
}

/** One script, because every refusal must say why: https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-action-executeScript.html */
function decisionDocument({ tableName, roleArn, decision: { description, script } }: DecisionProps) {
  const { partition, sort } = remediationKeyOf('{{ Remediation }}');
  return {
    schemaVersion: '0.3',
    description,
    assumeRole: roleArn,
    parameters: {
      Remediation: { type: 'String', allowedPattern: '^rem-[0-9A-Za-z-]{1,80}$', description: 'Id of the remediation; the message that asks names it' },
      Reason: { type: 'String', allowedPattern: '^.{3,200}$', description: 'Why; it is recorded and shown' },
    },
    mainSteps: [
      {
        name: 'decide',
        action: 'aws:executeScript',
        isEnd: true,
        inputs: {
          Runtime: 'python3.11',
          Handler: 'handler',
          InputPayload: {
            table: tableName,
            pk: partition,
            sk: sort,
            by: 'console, automation {{ automation:EXECUTION_ID }}',
            reason: '{{ Reason }}',
            writeId: '{{ automation:EXECUTION_ID }}',
          },
          Script: script,
        },
        outputs: [{ Name: 'answer', Selector: '$.Payload.answer', Type: 'String' }],
      },
    ],
    outputs: ['decide.answer'],
  };
}

/** The moment in our form; the automation's own `global:DATE_TIME` has another one. */
const readClockStep = {
  name: 'readClock',
  action: 'aws:executeScript',
  inputs: {
    Runtime: 'python3.11',
    Handler: 'handler',
    Script: [
      'from datetime import datetime, timezone',
      '',
      'def handler(events, context):',
      '    now = datetime.now(timezone.utc)',
      "    return {'at': now.strftime('%Y-%m-%dT%H:%M:%S.') + '%03dZ' % (now.microsecond // 1000)}",
    ].join('\n'),
  },
  outputs: [{ Name: 'at', Selector: '$.Payload.at', Type: 'String' }],
} as const;

/** The switch as DynamoDB's own JSON; its schema says which fields there are, so that what is written here can be read there. */
function attributesOf(pause: Pause): Readonly<Record<string, { readonly S: string } | { readonly BOOL: boolean }>> {
  const entries = Object.entries(pauseSchema.parse(pause));
  return Object.fromEntries(entries.map(([name, value]) => [name, typeof value === 'boolean' ? { BOOL: value } : { S: value }]));
}
