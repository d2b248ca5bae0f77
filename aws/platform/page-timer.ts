import { ConflictException, CreateScheduleCommand, DeleteScheduleCommand, ResourceNotFoundException, type SchedulerClient } from '@aws-sdk/client-scheduler';
import type { Clock, Hasher } from '../../core/environment/ports.ts';
import { addSeconds, secondsBetween, type Timestamp } from '../../core/environment/time.ts';
import type { PageTimer } from '../../core/remediation/ports.ts';
import { callAws } from './aws-errors.ts';

export interface SchedulerPageTimerOptions {
  readonly client: SchedulerClient;
  readonly clock: Clock;
  readonly hasher: Hasher;
  readonly groupName: string;
  /** The function that re-reads the record and pages. */
  readonly pageFunctionArn: string;
  /** What the scheduler may invoke it with. */
  readonly roleArn: string;
  readonly deadLetterArn: string;
}

/** A time that has passed is refused; the scheduler's precision is a minute anyway (https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html). */
const MIN_LEAD_SECONDS = 60;

/** Arms the page that comes when a repair does not report success: one one-time schedule per remediation, which deletes itself. */
export class SchedulerPageTimer implements PageTimer {
  readonly #options: SchedulerPageTimerOptions;

  constructor(options: SchedulerPageTimerOptions) {
    this.#options = options;
  }

  /** A timer that is armed already stays as it is. */
  async arm(remediationId: string, at: Timestamp): Promise<void> {
    const { client, groupName } = this.#options;
    const command = new CreateScheduleCommand({
      Name: this.#nameOf(remediationId),
      GroupName: groupName,
      Description: `Pages unless remediation ${remediationId} has succeeded by then`.slice(0, 512),
      ScheduleExpression: `at(${this.#momentOf(at)})`,
      ScheduleExpressionTimezone: 'UTC',
      FlexibleTimeWindow: { Mode: 'OFF' },
      ActionAfterCompletion: 'DELETE',
      Target: this.#targetOf(remediationId),
    });
    await callAws(`arm the page for remediation ${remediationId}`, async () => {
      try {
        await client.send(command);
      } catch (error) {
        if (!(error instanceof ConflictException)) throw error;
      }
    });
  }

  /** A timer that has fired, or never was, is disarmed. */
  async disarm(remediationId: string): Promise<void> {
    const { client, groupName } = this.#options;
    await callAws(`disarm the page for remediation ${remediationId}`, async () => {
      try {
        await client.send(new DeleteScheduleCommand({ Name: this.#nameOf(remediationId), GroupName: groupName }));
      } catch (error) {
        if (!(error instanceof ResourceNotFoundException)) throw error;
      }
    });
  }

  /** 55 characters of at most 64, whatever the id holds; `perennial-` is what our roles' permissions name. */
  #nameOf(remediationId: string): string {
    return `perennial-page-${this.#options.hasher.sha256(remediationId).slice(0, 40)}`;
  }

  /** `2026-11-21T09:00:00`, rounded up so that it never pages early. */
  #momentOf(at: Timestamp): string {
    const soonest = addSeconds(this.#options.clock.now(), MIN_LEAD_SECONDS);
    const moment = secondsBetween(soonest, at) > 0 ? at : soonest;
    return addSeconds(moment, 0.999).slice(0, 19);
  }

  #targetOf(remediationId: string) {
    return {
      Arn: this.#options.pageFunctionArn,
      RoleArn: this.#options.roleArn,
      Input: JSON.stringify({ remediationId }),
      // A page that is an hour late is still wanted; after that the dead-letter queue's alarm is the page.
      RetryPolicy: { MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 60 },
      DeadLetterConfig: { Arn: this.#options.deadLetterArn },
    };
  }
}
