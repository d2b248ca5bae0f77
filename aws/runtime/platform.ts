import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SNSClient } from '@aws-sdk/client-sns';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { createCatalogCache } from '../../core/catalog/cached.ts';
import { readDocument, readPointer } from '../../core/catalog/published.ts';
import type { CompiledCatalog } from '../../core/catalog/schema.ts';
import type { Clock, Hasher, Scope } from '../../core/environment/ports.ts';
import { smsLimitsOf } from '../../core/incidents/fan-out/flush-bundles.ts';
import { limitPublisher } from '../../core/incidents/fan-out/limited-publisher.ts';
import type { NotificationPublisher } from '../../core/incidents/ports.ts';
import type { SmsLimits } from '../../core/incidents/fan-out/sms-bundles.ts';
import type { RecordStore } from '../../core/records/store.ts';
import { createJournal, type RemediationJournal } from '../../core/remediation/driver/journal.ts';
import { boundedClientOptions } from '../platform/client-options.ts';
import { DynamoRecordStore } from '../platform/dynamo-record-store.ts';
import { SnsNotificationPublisher } from '../platform/notification-publisher.ts';
import { scopeOf } from './environment.ts';
import { createLog, type FunctionLog } from './logger.ts';
import { sleepMilliseconds, systemClock, systemHasher, systemIds, systemRandomness } from './system.ts';

/** What every function has: its records, its log, the catalog in force. */
export interface RecordKeeper {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
  readonly hasher: Hasher;
  readonly log: FunctionLog;
  /** The one in force at the moment of the call; a deploy is seen by the next call. */
  readonly catalog: () => Promise<CompiledCatalog>;
}

interface RecordsEnvironment {
  readonly TABLE_NAME: string;
  readonly ACCOUNT_ID: string;
  readonly AWS_REGION: string;
}

/** Composed once per cold start. */
export function createRecordKeeper(serviceName: string, environment: RecordsEnvironment): RecordKeeper {
  const client = DynamoDBDocumentClient.from(new DynamoDBClient(boundedClientOptions), { marshallOptions: { removeUndefinedValues: true } });
  const store = new DynamoRecordStore({
    client,
    tableName: environment.TABLE_NAME,
    clock: systemClock,
    ids: systemIds,
    randomness: systemRandomness,
    sleepMilliseconds,
  });
  const scope = scopeOf(environment);
  const catalog = createCatalogCache({ readPointer: () => readPointer(store, scope), readDocument: (hash) => readDocument(store, scope, hash) });
  return { store, scope, clock: systemClock, hasher: systemHasher, log: createLog(serviceName), catalog };
}

interface TopicsEnvironment extends RecordsEnvironment {
  readonly TOPIC_CRITICAL_ARN: string;
  readonly TOPIC_HIGH_ARN: string;
  readonly TOPIC_WARNING_ARN: string;
  readonly TOPIC_INFO_ARN: string;
  readonly CONSOLE_DOCUMENTS?: string | undefined;
}

/** A record keeper that can also tell people. */
export interface Platform extends RecordKeeper {
  /** With the limits of each channel. */
  readonly publisher: NotificationPublisher;
  readonly smsLimits: () => Promise<SmsLimits>;
  readonly consoleDocuments: readonly string[];
  readonly journal: RemediationJournal;
}

export function createPlatform(serviceName: string, environment: TopicsEnvironment): Platform {
  const keeper = createRecordKeeper(serviceName, environment);
  const unlimited = new SnsNotificationPublisher({
    client: new SNSClient(boundedClientOptions),
    topicArns: {
      critical: environment.TOPIC_CRITICAL_ARN,
      high: environment.TOPIC_HIGH_ARN,
      warning: environment.TOPIC_WARNING_ARN,
      info: environment.TOPIC_INFO_ARN,
    },
  });
  const smsLimits = async () => smsLimitsOf(await keeper.catalog());
  const publisher = limitPublisher({ ...keeper, publisher: unlimited, smsLimits });
  const consoleDocuments = environment.CONSOLE_DOCUMENTS?.split(',') ?? [];
  return { ...keeper, publisher, smsLimits, consoleDocuments, journal: createJournal({ ...keeper, publisher, consoleDocuments }) };
}
