import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EC2Client } from '@aws-sdk/client-ec2';
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { SSMClient } from '@aws-sdk/client-ssm';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { DynamoRecordStore } from '../../aws/platform/dynamo-record-store.ts';
import { sleepMilliseconds, systemClock, systemIds, systemRandomness } from '../../aws/runtime/system.ts';
import type { RecordStore } from '../../core/records/store.ts';
import type { LocalEndpoints } from '../emulators/environment.ts';

/** A person at the console of the two local accounts: root keys, no role of ours. */
export interface DemoClients {
  readonly cloudFormation: CloudFormationClient;
  readonly cloudWatch: CloudWatchClient;
  readonly dynamo: DynamoDBDocumentClient;
  readonly ec2: EC2Client;
  readonly elb: ElasticLoadBalancingV2Client;
  readonly events: EventBridgeClient;
  readonly lambda: LambdaClient;
  readonly sns: SNSClient;
  readonly sqs: SQSClient;
  readonly ssm: SSMClient;
  readonly stepFunctions: SFNClient;
}

const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

export function createClients({ controlEndpoint, fleetEndpoint, region }: LocalEndpoints): DemoClients {
  const control = { endpoint: controlEndpoint, region, credentials };
  const fleet = { endpoint: fleetEndpoint, region, credentials };
  return {
    cloudFormation: new CloudFormationClient(control),
    cloudWatch: new CloudWatchClient(control),
    dynamo: DynamoDBDocumentClient.from(new DynamoDBClient(control), { marshallOptions: { removeUndefinedValues: true } }),
    ec2: new EC2Client(fleet),
    elb: new ElasticLoadBalancingV2Client(fleet),
    events: new EventBridgeClient(control),
    lambda: new LambdaClient(control),
    sns: new SNSClient(control),
    sqs: new SQSClient(control),
    ssm: new SSMClient(fleet),
    stepFunctions: new SFNClient(control),
  };
}

/** Reads the platform's records where they really are. */
export function openRecords(clients: DemoClients, tableName: string): RecordStore {
  return new DynamoRecordStore({ client: clients.dynamo, tableName, clock: systemClock, ids: systemIds, randomness: systemRandomness, sleepMilliseconds });
}
