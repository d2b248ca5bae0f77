import { createFleetClients } from '../aws/fleet/clients.ts';
import { createTerminator } from '../aws/fleet/instance-terminator.ts';
import { readEnvironment } from '../aws/runtime/environment.ts';
import { createPlatform } from '../aws/runtime/platform.ts';
import { reap } from '../core/remediation/reap.ts';

const platform = createPlatform('reap', readEnvironment('reap'));
const terminator = createTerminator(createFleetClients().ec2);

/** Ends expired quarantines; the only function that may terminate. */
export async function handler(): Promise<{ readonly decisions: number }> {
  const decisions = await reap({ ...platform, terminator });
  return { decisions: decisions.length };
}
