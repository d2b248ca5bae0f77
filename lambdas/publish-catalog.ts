import * as z from 'zod/mini';
import { createCatalogAsset } from '../aws/runtime/adapters.ts';
import { readEnvironment } from '../aws/runtime/environment.ts';
import { createRecordKeeper } from '../aws/runtime/platform.ts';
import { parseCompiledCatalog } from '../core/catalog/compile.ts';
import { publishCatalog } from '../core/catalog/published.ts';

const keeper = createRecordKeeper('publishCatalog', readEnvironment('publishCatalog'));
const assets = createCatalogAsset();
const eventSchema = z.object({
  RequestType: z.enum(['Create', 'Update', 'Delete']),
  ResourceProperties: z.object({ bucket: z.string(), key: z.string(), hash: z.string() }),
});

/** The physical id never changes: CloudFormation then never deletes what it has just replaced. */
const answer = { PhysicalResourceId: 'perennial-catalog' };

/** Publishes the catalog at deploy. Delete is a no-op: records outlive the stack. */
export async function handler(event: unknown): Promise<{ readonly PhysicalResourceId: string }> {
  const { RequestType, ResourceProperties } = eventSchema.parse(event);
  if (RequestType === 'Delete') return answer;
  const text: unknown = JSON.parse(await assets.read(ResourceProperties.bucket, ResourceProperties.key));
  const published = await publishCatalog(keeper, parseCompiledCatalog(text));
  keeper.log.info('The catalog is published', { ...published });
  return answer;
}
