import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { inject } from 'vitest';
import { putContacts } from '../../sandbox/demo/contacts.ts';
import { bootstrap, deploy, type Deployment, outputsSchema, STACK_NAME, type StackOutputs } from '../../sandbox/demo/deploy.ts';
import { writeCatalog } from './catalog.ts';

const local = inject('localAws');

export interface Platform {
  readonly deployment: Deployment;
  readonly outputs: StackOutputs;
}

/** The outputs of the stack that another file of this run has deployed; `undefined` when none has. */
async function findOutputs(): Promise<StackOutputs | undefined> {
  const client = new CloudFormationClient({
    endpoint: local.controlEndpoint,
    region: local.region,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  const { Stacks } = await client.send(new DescribeStacksCommand({}));
  const stack = Stacks?.find(({ StackName }) => StackName === STACK_NAME);
  const outputs = Object.fromEntries((stack?.Outputs ?? []).map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]));
  return stack === undefined ? undefined : outputsSchema.parse(outputs);
}

/**
 * Bootstraps and deploys the real app with the catalog of all stories. The files of a run follow each other and share one local AWS: the
 * first that asks deploys.
 */
export async function deployOnce(): Promise<Platform> {
  const projectFolder = join(import.meta.dirname, '..', '..');
  const folder = join(local.homeFolder, 'perennial');
  const deployment: Deployment = { ...local, projectFolder, workFolder: join(folder, 'deploy'), catalogDirectory: join(folder, 'ops') };
  mkdirSync(deployment.workFolder, { recursive: true });
  writeCatalog(projectFolder, deployment.catalogDirectory);
  const known = await findOutputs();
  if (known !== undefined) return { deployment, outputs: known };
  await putContacts(local);
  await bootstrap(deployment);
  return { deployment, outputs: await deploy(deployment) };
}
