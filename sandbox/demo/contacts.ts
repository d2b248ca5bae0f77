import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import type { LocalEndpoints } from '../emulators/environment.ts';

/**
 * Phone numbers are only ever in Parameter Store, on the platform's side, where CloudFormation resolves them at deploy. This one is
 * from the block that is reserved for fiction.
 */
export async function putContacts({ controlEndpoint, region }: LocalEndpoints): Promise<void> {
  const ssm = new SSMClient({ endpoint: controlEndpoint, region, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } });
  await ssm.send(new PutParameterCommand({ Name: '/perennial/contacts/ops-phone', Value: '+12025550123', Type: 'String', Overwrite: true }));
}
