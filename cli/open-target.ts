import { existsSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { SNSClient } from '@aws-sdk/client-sns';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod/mini';
import { readAlarmHistory } from './alarm-history.ts';
import { createFleetClients } from '../aws/fleet/clients.ts';
import { createObservePorts } from '../aws/fleet/observe-ports.ts';
import { boundedClientOptions } from '../aws/platform/client-options.ts';
import { DynamoRecordStore } from '../aws/platform/dynamo-record-store.ts';
import { EventBridgeDeployEventBus } from '../aws/platform/event-bus.ts';
import { SnsSubscriptions } from '../aws/platform/subscription-reader.ts';
import { sleepMilliseconds, systemClock, systemIds, systemRandomness } from '../aws/runtime/system.ts';
import type { Scope } from '../core/environment/ports.ts';
import { createAccountReader, createQueueDesk, createTagDesk, countRunning } from './aws-desks.ts';
import { CliError } from './cli-error.ts';
import { explainAwsFailure } from './explain-failure.ts';
import { createLeavingDesk } from './leaving-desk.ts';
import type { Target, TargetOptions } from './target.ts';

/** Where clients go, and with whose rights. */
export interface ClientSettings {
  readonly region: string;
  readonly endpoint?: string;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly profile?: string;
}

/** The platform's side and the fleet's side; the same on AWS. */
interface Sides {
  readonly control: ClientSettings;
  readonly fleet: ClientSettings;
}

/** `.perennial/local.json`: there only while the local AWS runs. */
const localFileSchema = z.object({ controlEndpoint: z.url(), fleetEndpoint: z.url(), region: z.string() });

const localFileName = join('.perennial', 'local.json');
/** Of the checkout, wherever the command is typed. */
const ownLocalFile = join(import.meta.dirname, '..', localFileName);

function localSides(localFile: string): Sides {
  if (!existsSync(localFile))
    throw new CliError(`The local AWS is not running: there is no ${localFileName}. Start it in another terminal and wait for its story: npm start`);
  const parsed = z.safeParse(localFileSchema, parseJson(readFileSync(localFile, 'utf8')));
  if (!parsed.success)
    throw new CliError(`${localFileName} cannot be read, perhaps because the local AWS is just starting or was killed. Stop it and start it again: npm start`);
  const { region, controlEndpoint, fleetEndpoint } = parsed.data;
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  return { control: { region, endpoint: controlEndpoint, credentials }, fleet: { region, endpoint: fleetEndpoint, credentials } };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Two letters, or four in the European Sovereign Cloud: https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html */
const regionName = /^[a-z]{2,4}(-[a-z]+)+-\d+$/;

function sidesOf({ local, region, profile }: TargetOptions, localFile: string): Sides {
  if (local === true && (region !== undefined || profile !== undefined))
    throw new CliError('--local names the local AWS, --region and --profile one on AWS. Give one or the other.');
  if (local === true) return localSides(localFile);
  if (region === undefined)
    throw new CliError('Which platform? Say --local for the one that npm start runs, or --region <region> (and --profile <name>) for one on AWS.');
  if (!regionName.test(region)) throw new CliError(`"${region}" is not the name of an AWS Region. Write it as AWS does, for example --region eu-central-1.`);
  const settings: ClientSettings = { region, ...(profile === undefined ? {} : { profile }) };
  return { control: settings, fleet: settings };
}

const DEFAULT_STACK = 'Perennial';

/** The options as they are typed again. */
function wordsOf({ local, region, profile, stack }: TargetOptions): string {
  const platform = local === true ? ['--local'] : [`--region ${region ?? ''}`, ...(profile === undefined ? [] : [`--profile ${profile}`])];
  return [...platform, ...(stack === undefined || stack === DEFAULT_STACK ? [] : [`--stack ${stack}`])].join(' ');
}

/**
 * Finds the deployed stack by its outputs. Errors: {@link CliError} that says what to type.
 *
 * @param localFile where the local AWS says how to reach it
 */
export async function openTarget(options: TargetOptions, localFile = ownLocalFile): Promise<Target> {
  const { control, fleet } = sidesOf(options, localFile);
  const stackName = options.stack ?? DEFAULT_STACK;
  const { outputs, accountId } = await readStack(control, stackName);
  const tableName = outputs['TableName'];
  if (tableName === undefined) throw new CliError(`The stack ${stackName} has no output TableName, so it is not Perennial's. Name the right one with --stack.`);
  const scope: Scope = { accountId, region: control.region };
  const dynamo = DynamoDBDocumentClient.from(new DynamoDBClient({ ...boundedClientOptions, ...control }), { marshallOptions: { removeUndefinedValues: true } });
  const records = new DynamoRecordStore({ client: dynamo, tableName, clock: systemClock, ids: systemIds, randomness: systemRandomness, sleepMilliseconds });
  return {
    scope,
    stackName,
    outputs,
    records,
    words: wordsOf(options),
    clock: systemClock,
    operator: operatorName(),
    queues: createQueueDesk(control),
    account: createAccountReader(control),
    subscriptions: new SnsSubscriptions(new SNSClient({ ...boundedClientOptions, ...control })),
    leaving: createLeavingDesk(fleet, control),
    tags: createTagDesk(fleet),
    fleet: {
      countRunning: () => countRunning(fleet),
      alarmHistory: (window) => readAlarmHistory(createFleetClients(fleet, control).cloudWatch, scope, window),
      observe: () => createObservePorts({ store: records, scope, clock: systemClock }, createFleetClients(fleet, control)),
    },
    deployBus: (eventBusName) => new EventBridgeDeployEventBus(new EventBridgeClient({ ...boundedClientOptions, ...control }), eventBusName),
  };
}

/** The login name; a user without one (in a container) is told by the number. */
function operatorName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}

async function readStack(
  settings: ClientSettings,
  stackName: string,
): Promise<{ readonly outputs: Readonly<Record<string, string>>; readonly accountId: string }> {
  try {
    const answer = await new CloudFormationClient({ ...boundedClientOptions, ...settings }).send(new DescribeStacksCommand({ StackName: stackName }));
    const stack = answer.Stacks?.[0];
    const outputs = Object.fromEntries((stack?.Outputs ?? []).map((output) => [output.OutputKey ?? '', output.OutputValue ?? '']));
    return { outputs, accountId: stack?.StackId?.split(':')[4] ?? '' };
  } catch (error) {
    throw new CliError(stackFailure(error, settings, stackName), { cause: error });
  }
}

/** CloudFormation calls a missing stack a validation error: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html */
function stackFailure(error: unknown, settings: ClientSettings, stackName: string): string {
  const isMissing = error instanceof Error && error.name === 'ValidationError' && error.message.includes('does not exist');
  if (isMissing) return `There is no stack ${stackName} in ${settings.region} of this account. Name another Region or --stack, or deploy it: npx cdk deploy`;
  if (settings.endpoint !== undefined) return `The local AWS does not answer at ${settings.endpoint}: it was probably killed. Start it again: npm start`;
  return `The stack ${stackName} could not be read in ${settings.region}. ${explainAwsFailure(error)}`;
}
