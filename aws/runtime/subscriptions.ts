import { SNSClient } from '@aws-sdk/client-sns';
import type { FunctionEnvironment } from '../../core/environment/function-environment.ts';
import { PermanentError, RetryableError } from '../../core/environment/errors.ts';
import type { Meter } from '../../core/environment/meter.ts';
import { findSubscriptionGaps } from '../../core/incidents/fan-out/subscriptions.ts';
import { boundedClientOptions } from '../platform/client-options.ts';
import { SnsSubscriptions } from '../platform/subscription-reader.ts';
import type { RecordKeeper } from './platform.ts';

type TopicVariables = 'TOPIC_CRITICAL_ARN' | 'TOPIC_HIGH_ARN' | 'TOPIC_WARNING_ARN' | 'TOPIC_INFO_ARN' | 'TOPIC_PLATFORM_ARN';

/**
 * Counts the subscriptions of the catalog that wait for their confirmation or are gone, for the alarm `subscriptions-missing`. A check that
 * could not be made is logged and counts nothing; it does not end the sweep.
 */
export function createSubscriptionCheck(
  { catalog, log }: RecordKeeper,
  environment: Pick<FunctionEnvironment<'sweep'>, TopicVariables>,
  meter: Meter,
): () => Promise<void> {
  const reader = new SnsSubscriptions(new SNSClient(boundedClientOptions));
  const topicArns = {
    critical: environment.TOPIC_CRITICAL_ARN,
    high: environment.TOPIC_HIGH_ARN,
    warning: environment.TOPIC_WARNING_ARN,
    info: environment.TOPIC_INFO_ARN,
    platform: environment.TOPIC_PLATFORM_ARN,
  };
  return async () => {
    try {
      const findings = await findSubscriptionGaps(reader, topicArns, await catalog());
      if (findings.length > 0) log.warn('Subscriptions do not stand as the catalog says', { findings });
      meter.count('SubscriptionsMissing', findings.length);
    } catch (error) {
      if (!(error instanceof RetryableError || error instanceof PermanentError)) throw error;
      log.error('The subscriptions could not be compared with the catalog', { error });
    }
  };
}
