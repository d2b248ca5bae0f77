import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { createSignalIntake } from '../aws/runtime/signal-intake.ts';
import { readEnvironment } from '../aws/runtime/environment.ts';
import { createPlatform } from '../aws/runtime/platform.ts';

const environment = readEnvironment('signals');
const intake = createSignalIntake(createPlatform('signals', environment), environment);

/** Takes a batch of signals in; what may work later goes back to the queue, what never will is kept as a dead letter. */
export function handler(event: SQSEvent): Promise<SQSBatchResponse> {
  return intake(event);
}
