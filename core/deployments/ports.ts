import type { Timestamp } from '../environment/time.ts';

/** The detail-types of deploy events (design section 6); their source is `perennial`. */
export type DeployEventType = 'Deployment Started' | 'Deployment Finished' | 'Deployment Failed' | 'Deployment Rolled Back';

/** What a deploy event says (design section 6). */
export interface DeployEventDetail {
  readonly system: string;
  readonly version: string;
  readonly configVersion?: string;
  readonly commit: string;
  readonly previousVersion: string;
  readonly deployer: string;
  readonly approver?: string;
  readonly databaseChange: boolean;
  readonly rollbackTested: boolean;
  readonly at: Timestamp;
}

/** Announces deploys on our own bus. Errors: `RetryableError`, `PermanentError` (no such bus, no permission). */
export interface DeployEventBus {
  /** At least once: an event may arrive twice, which readers must not mind. */
  announce(type: DeployEventType, detail: DeployEventDetail): Promise<{ readonly eventId: string }>;
}
