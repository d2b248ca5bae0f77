import { GetFunctionConfigurationCommand, ListEventSourceMappingsCommand } from '@aws-sdk/client-lambda';
import * as z from 'zod/mini';
import type { World } from './world.ts';

const policySchema = z.looseObject({ Statement: z.array(z.looseObject({ Action: z.union([z.string(), z.array(z.string())]) })) });

/** IAM by its query API: the project has no use for a client of it elsewhere. Root's keys, as everywhere in the local AWS. */
async function iam({ deployment }: World, parameters: Readonly<Record<string, string>>): Promise<string> {
  const response = await fetch(deployment.controlEndpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization: 'AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=x',
    },
    body: new URLSearchParams({ Version: '2010-05-08', ...parameters }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`IAM ${parameters['Action']}: ${response.status} ${text}`);
  return text;
}

const between = (xml: string, tag: string): readonly string[] => [...xml.matchAll(new RegExp(`<${tag}>([^<]*)</${tag}>`, 'g'))].map(([, text = '']) => text);

/** The function that the signals queue calls. */
export async function signalsFunctionOf(world: World): Promise<string> {
  const answer = await world.clients.lambda.send(new ListEventSourceMappingsCommand({}));
  const queueName = world.outputs.SignalsQueueUrl.split('/').at(-1) ?? '';
  const found = answer.EventSourceMappings?.find(({ EventSourceArn }) => EventSourceArn?.endsWith(`:${queueName}`));
  return found?.FunctionArn?.split(':')[6] ?? '';
}

/** Takes one action out of the policies of a function's role; gives what puts it back. */
export async function revoke(world: World, functionName: string, action: string): Promise<() => Promise<void>> {
  const { Role } = await world.clients.lambda.send(new GetFunctionConfigurationCommand({ FunctionName: functionName }));
  const RoleName = Role?.split('/').at(-1) ?? '';
  const undo: (() => Promise<unknown>)[] = [];
  for (const PolicyName of between(await iam(world, { Action: 'ListRolePolicies', RoleName }), 'member')) {
    const [encoded = ''] = between(await iam(world, { Action: 'GetRolePolicy', RoleName, PolicyName }), 'PolicyDocument');
    const document = decodeURIComponent(encoded).replaceAll('&quot;', '"').replaceAll('&amp;', '&');
    const policy = policySchema.parse(JSON.parse(document));
    const kept = policy.Statement.filter((statement) => ![statement.Action].flat().includes(action));
    if (kept.length === policy.Statement.length) continue;
    await iam(world, { Action: 'PutRolePolicy', RoleName, PolicyName, PolicyDocument: JSON.stringify({ ...policy, Statement: kept }) });
    undo.push(() => iam(world, { Action: 'PutRolePolicy', RoleName, PolicyName, PolicyDocument: document }));
  }
  if (undo.length === 0) throw new Error(`No policy of ${RoleName} allows ${action}`);
  return async () => {
    for (const restore of undo) await restore();
  };
}
