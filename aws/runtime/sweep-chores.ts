import type { FunctionEnvironment } from '../../core/environment/function-environment.ts';
import type { Meter } from '../../core/environment/meter.ts';
import { createVersionSweep } from './function-versions.ts';
import type { RecordKeeper } from './platform.ts';
import { createSubscriptionCheck } from './subscriptions.ts';

/** What a sweep does for Perennial itself, beside the fleet: old function versions, and subscriptions that do not stand. */
export function createChores(keeper: RecordKeeper, environment: FunctionEnvironment<'sweep'>, meter: Meter): () => Promise<void> {
  const sweepVersions = createVersionSweep(keeper, environment);
  const checkSubscriptions = createSubscriptionCheck(keeper, environment, meter);
  return async () => {
    await sweepVersions();
    await checkSubscriptions();
  };
}
