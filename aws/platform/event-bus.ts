import { type EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import type { DeployEventBus, DeployEventDetail, DeployEventType } from '../../core/deployments/ports.ts';
import { PermanentError, RetryableError } from '../../core/environment/errors.ts';
import { callAws, isRetryableCode } from './aws-errors.ts';

/** Puts deploy events on our own bus. */
export class EventBridgeDeployEventBus implements DeployEventBus {
  readonly #client: EventBridgeClient;
  readonly #eventBusName: string;

  constructor(client: EventBridgeClient, eventBusName: string) {
    this.#client = client;
    this.#eventBusName = eventBusName;
  }

  async announce(type: DeployEventType, detail: DeployEventDetail): Promise<{ readonly eventId: string }> {
    const action = `put "${type}" of ${detail.system} on the bus ${this.#eventBusName}`;
    const entry = {
      EventBusName: this.#eventBusName,
      Source: 'perennial',
      DetailType: type,
      Detail: JSON.stringify(detail),
      Time: new Date(detail.at),
    };
    const answer = await callAws(action, () => this.#client.send(new PutEventsCommand({ Entries: [entry] })));
    // A refused entry is no error of the call (https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html).
    const result = answer.Entries?.[0];
    if (result?.EventId !== undefined) return { eventId: result.EventId };
    const code = result?.ErrorCode ?? 'no answer';
    const text = `Could not ${action} (${code}): ${result?.ErrorMessage ?? 'EventBridge gave no reason'}`;
    throw isRetryableCode(code) ? new RetryableError(text) : new PermanentError(text);
  }
}
