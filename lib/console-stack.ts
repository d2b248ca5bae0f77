import { Aws, Stack, type StackProps } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnDocument } from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import type { ConsoleDocument } from '../core/incidents/messages/console-links.ts';
import { keys } from '../core/records/keys.ts';
import type { RecordKey } from '../core/records/store.ts';
import { type Pause, pauseSchema } from '../core/remediation/record.ts';
import { abortScript, acknowledgeScript, approveScript } from './console-scripts.ts';

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
    const incidentPartition = incidentKeyOf('any').partition;
    // Another account's automation cannot borrow the role, and it reaches switches, remediations and incidents only:
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
        sid: 'DecideOnRemediationsAndIncidents',
        actions: ['dynamodb:GetItem', 'dynamodb:UpdateItem'],
        resources: [props.table.tableArn],
        conditions: {
          'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': [remediationPartition, incidentPartition] },
          Null: { 'dynamodb:LeadingKeys': 'false' },
        },
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
    const content = acknowledgeDocument({ tableName: props.table.tableName, roleArn: role.roleArn });
    const name: ConsoleDocument = 'Perennial-Acknowledge';
    new CfnDocument(this, name, { name, documentType: 'Automation', documentFormat: 'JSON', updateMethod: 'NewVersion', content });
  }
}

/** What may be told to one remediation; the same fields that `core/remediation/admission/requests.ts` writes. */
const decisions = [
  { name: 'Perennial-Approve', description: 'Says yes to the plan that a repair waits with', script: approveScript },
  { name: 'Perennial-Abort', description: 'Takes a repair to its nearest safe point: undone before the drain, finished after it', script: abortScript },
] as const satisfies readonly { readonly name: ConsoleDocument; readonly description: string; readonly script: string }[];

function incidentKeyOf(incidentId: string) {
  return keys.incident({ accountId: Aws.ACCOUNT_ID, region: Aws.REGION }, incidentId);
}

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

const reasonParameter = { type: 'String', allowedPattern: '^.{3,200}$', description: 'Why; it is recorded and shown' } as const;

function decisionDocument({ tableName, roleArn, decision: { description, script } }: DecisionProps) {
  const Remediation = { type: 'String', allowedPattern: '^rem-[0-9A-Za-z-]{1,80}$', description: 'Id of the remediation; the message that asks names it' };
  const key = remediationKeyOf('{{ Remediation }}');
  return scriptDocument({ description, roleArn, parameters: { Remediation, Reason: reasonParameter }, tableName, key, input: {}, script });
}

/** Who has only a phone says that they have an incident. */
function acknowledgeDocument({ tableName, roleArn }: Pick<DecisionProps, 'tableName' | 'roleArn'>) {
  const Incident = { type: 'String', allowedPattern: '^inc-[0-9A-Za-z-]{1,80}$', description: 'Id of the incident; every message names it' };
  // Up to a day, without leading zeros
  const pattern = '^([1-9][0-9]{0,2}|1[0-3][0-9]{2}|14[0-3][0-9]|1440)$';
  const Minutes = { type: 'String', default: '30', allowedPattern: pattern, description: 'How long nobody else is asked, 1 to 1440' };
  return scriptDocument({
    description: 'Says that you have an incident: nobody else is asked until your time is over',
    roleArn,
    parameters: { Incident, Minutes, Reason: reasonParameter },
    tableName,
    key: incidentKeyOf('{{ Incident }}'),
    input: { minutes: '{{ Minutes }}' },
    script: acknowledgeScript,
  });
}

interface ScriptProps {
  readonly description: string;
  readonly roleArn: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly tableName: string;
  readonly key: RecordKey;
  /** What the script gets besides. */
  readonly input: Readonly<Record<string, string>>;
  readonly script: string;
}

/** One script, because every refusal must say why: https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-action-executeScript.html */
function scriptDocument({ description, roleArn, parameters, tableName, key: { partition, sort }, input, script }: ScriptProps) {
  return {
    schemaVersion: '0.3',
    description,
    assumeRole: roleArn,
    parameters,
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
            ...input,
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
