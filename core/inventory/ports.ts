import type { InstanceFacts, InstanceStatus } from '../remediation/ports.ts';

/**
 * Lists the fleet page by page. A page that fails throws (`RetryableError`, `PermanentError`): what was listed until then is a part,
 * and nobody may conclude from a part that an instance is gone.
 */
export interface InventoryReader {
  /** Every instance that is not terminated, at most 1,000 a page. */
  listInstances(): AsyncIterable<readonly InstanceFacts[]>;
  /** The status checks of every running instance, at most 1,000 a page. */
  listStatuses(): AsyncIterable<readonly InstanceStatus[]>;
}
