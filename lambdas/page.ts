import * as z from 'zod/mini';
import { readEnvironment } from '../aws/runtime/environment.ts';
import { createPlatform } from '../aws/runtime/platform.ts';
import { pageUnlessRecovered } from '../core/remediation/driver/page.ts';

const platform = createPlatform('page', readEnvironment('page'));
const eventSchema = z.object({ remediationId: z.string() });

/** Called once by the timer that was armed before a repair began: pages unless the record says that it succeeded. */
export async function handler(event: unknown): Promise<{ readonly paged: boolean }> {
  const { remediationId } = eventSchema.parse(event);
  platform.log.correlate(remediationId);
  const paged = await pageUnlessRecovered({ ...platform, journal: platform.journal }, remediationId);
  platform.log.info('The page timer has fired', { remediationId, paged });
  return { paged };
}
