import { type CancellationReason, ConditionalCheckFailedException, TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import {
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  type PutCommandInput,
  QueryCommand,
  type QueryCommandInput,
  TransactWriteCommand,
} from '@aws-sdk/lib-dynamodb';
import * as z from 'zod/mini';
import { PermanentError, RetryableError } from '../../core/environment/errors.ts';
import type { Clock, IdSource, Randomness } from '../../core/environment/ports.ts';
import { toEpochSeconds } from '../../core/environment/time.ts';
import { type CheckedWrite, checkPage, checkWrites, nameOf } from '../../core/records/limits.ts';
import {
  type PageRequest,
  RecordConflictError,
  type RecordKey,
  type RecordPage,
  type RecordStore,
  type RecordWrite,
  type StoredRecord,
} from '../../core/records/store.ts';
import { callAws, toPortError } from './aws-errors.ts';
import { type ItemAttributes, itemSchema, LISTS_INDEX, tableAttributes } from './dynamo-table.ts';

export interface DynamoRecordStoreOptions {
  /** Made with `marshallOptions: { removeUndefinedValues: true }`. */
  readonly client: DynamoDBDocumentClient;
  readonly tableName: string;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly randomness: Randomness;
  readonly sleepMilliseconds: (milliseconds: number) => Promise<void>;
}

const WRITE_ATTEMPTS = 3;
const BACKOFF_MILLISECONDS = 50;

/** `RecordStore` on DynamoDB; the table is described in `dynamo-table.ts`. */
export class DynamoRecordStore implements RecordStore {
  readonly #options: DynamoRecordStoreOptions;

  constructor(options: DynamoRecordStoreOptions) {
    this.#options = options;
  }

  async get(key: RecordKey): Promise<StoredRecord | undefined> {
    const answer = await callAws(`read the record ${nameOf(key)}`, () =>
      this.#options.client.send(new GetCommand({ TableName: this.#options.tableName, Key: { pk: key.partition, sk: key.sort }, ConsistentRead: true })),
    );
    if (answer.Item === undefined) return undefined;
    return this.#unlessExpired(parseItem(answer.Item)).at(0);
  }

  async write(writes: readonly RecordWrite[]): Promise<void> {
    const checked = checkWrites(writes);
    // One id and one "now" for all attempts: a repeated transaction must be word for word the same to count as the same.
    const writeId = this.#options.ids.next('w');
    const puts = checked.map((one) => this.#putOf(one, writeId));
    let busy: RetryableError | undefined;
    for (let attempt = 1; attempt <= WRITE_ATTEMPTS; attempt += 1) {
      busy = await this.#attempt(puts, writeId);
      if (busy === undefined) return;
      if (attempt < WRITE_ATTEMPTS) await this.#options.sleepMilliseconds(this.#backoffMilliseconds(attempt));
    }
    throw busy ?? new RetryableError(`Could not write ${namesOf(puts)}.`);
  }

  query(partition: string, sortPrefix: string, page: PageRequest): Promise<RecordPage> {
    // An empty text is no valid operand of begins_with.
    const hasPrefix = sortPrefix.length > 0;
    return this.#page(page, {
      ConsistentRead: true,
      KeyConditionExpression: hasPrefix ? 'pk = :partition AND begins_with(sk, :prefix)' : 'pk = :partition',
      ExpressionAttributeValues: { ':partition': partition, ...(hasPrefix ? { ':prefix': sortPrefix } : {}) },
    });
  }

  list(list: string, page: PageRequest): Promise<RecordPage> {
    // An index has no consistent reads.
    return this.#page(page, {
      IndexName: LISTS_INDEX,
      KeyConditionExpression: 'listPk = :list',
      ExpressionAttributeValues: { ':list': list },
    });
  }

  async #page(page: PageRequest, input: Omit<QueryCommandInput, 'TableName'>): Promise<RecordPage> {
    checkPage(page);
    const query: QueryCommandInput = {
      TableName: this.#options.tableName,
      ...input,
      Limit: page.limit,
      ScanIndexForward: page.newestFirst !== true,
      ...(page.next === undefined ? {} : { ExclusiveStartKey: decodePosition(page.next) }),
    };
    const answer = await callAws('read a page of records', () => this.#options.client.send(new QueryCommand(query)));
    const records = (answer.Items ?? []).flatMap((item) => this.#unlessExpired(parseItem(item)));
    return { records, ...(answer.LastEvaluatedKey === undefined ? {} : { next: encodePosition(answer.LastEvaluatedKey) }) };
  }

  #unlessExpired(item: ItemAttributes): readonly StoredRecord[] {
    const isExpired = item.expiresAt !== undefined && item.expiresAt <= toEpochSeconds(this.#options.clock.now());
    return isExpired ? [] : [recordOf(item)];
  }

  #putOf({ write, json }: CheckedWrite, writeId: string): PutCommandInput {
    const body: unknown = JSON.parse(json);
    const item: ItemAttributes = {
      pk: write.key.partition,
      sk: write.key.sort,
      version: write.expectedVersion + 1,
      writeId,
      body,
      ...(write.listing === undefined ? {} : { listPk: write.listing.list, listSk: write.listing.order }),
      ...(write.expiresAt === undefined ? {} : { expiresAt: toEpochSeconds(write.expiresAt) }),
    };
    return {
      TableName: this.#options.tableName,
      Item: item,
      ...conditionOf(write.expectedVersion, toEpochSeconds(this.#options.clock.now())),
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    };
  }

  /** Writes once: nothing when it is written, the error when the same write may be tried again at once. Throws all other errors of the port. */
  async #attempt(puts: readonly PutCommandInput[], writeId: string): Promise<RetryableError | undefined> {
    try {
      await this.#send(puts, writeId);
      return undefined;
    } catch (error) {
      // The SDK repeats a call whose answer was lost; our own first write then fails the condition of the second.
      if (error instanceof ConditionalCheckFailedException && error.Item?.['writeId']?.S === writeId) return undefined;
      const mapped = errorOfWrite(error, namesOf(puts));
      if (mapped instanceof RetryableError) return mapped;
      throw mapped;
    }
  }

  async #send(puts: readonly PutCommandInput[], writeId: string): Promise<void> {
    const [first] = puts;
    if (puts.length === 1 && first !== undefined) {
      await this.#options.client.send(new PutCommand(first));
      return;
    }
    await this.#options.client.send(new TransactWriteCommand({ ClientRequestToken: writeId, TransactItems: puts.map((put) => ({ Put: put })) }));
  }

  /** Doubles, with full jitter, so that those who collided do not collide again. */
  #backoffMilliseconds(attempt: number): number {
    return Math.ceil(this.#options.randomness.next() * BACKOFF_MILLISECONDS * 2 ** attempt);
  }
}

/**
 * Version 0 expects no record, and an expired one is none although it may still be there: TTL deletes within days
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ttl-expired-items.html). For the same reason any
 * other version expects one that has not expired, so that the answer never depends on how fast the clean-up is.
 */
function conditionOf(
  expectedVersion: number,
  nowSeconds: number,
): Pick<PutCommandInput, 'ConditionExpression' | 'ExpressionAttributeNames' | 'ExpressionAttributeValues'> {
  if (expectedVersion === 0) {
    return {
      ConditionExpression: 'attribute_not_exists(pk) OR expiresAt <= :now',
      ExpressionAttributeValues: { ':now': nowSeconds },
    };
  }
  return {
    ConditionExpression: '#version = :version AND (attribute_not_exists(expiresAt) OR expiresAt > :now)',
    ExpressionAttributeNames: { '#version': 'version' },
    ExpressionAttributeValues: { ':version': expectedVersion, ':now': nowSeconds },
  };
}

/** Why DynamoDB cancels: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html. */
const BUSY_REASONS: ReadonlySet<string> = new Set(['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded', 'RequestLimitExceeded']);

function errorOfWrite(error: unknown, names: string): unknown {
  if (error instanceof ConditionalCheckFailedException) return conflictOf(names, error);
  if (!(error instanceof TransactionCanceledException)) return toPortError(error, `write ${names}`);
  const codes = (error.CancellationReasons ?? []).map((reason: CancellationReason) => reason.Code ?? 'None').filter((code) => code !== 'None');
  // One failed condition is final, whatever befell the other writes.
  if (codes.includes('ConditionalCheckFailed')) return conflictOf(names, error);
  if (codes.length > 0 && codes.every((code) => BUSY_REASONS.has(code))) {
    return new RetryableError(`Could not write ${names} together just now (${codes.join(', ')}); nothing was written.`, { cause: error });
  }
  return new PermanentError(`Could not write ${names} together (${codes.join(', ') || 'no reason given'}): ${error.message}`, { cause: error });
}

function conflictOf(names: string, cause: Error): RecordConflictError {
  return new RecordConflictError(`Not at the expected version any more: ${names}. Read again and decide again.`, { cause });
}

function namesOf(puts: readonly PutCommandInput[]): string {
  return puts.map(({ Item }) => `${String(Item?.['pk'])}/${String(Item?.['sk'])}`).join(', ');
}

function parseItem(item: unknown): ItemAttributes {
  const parsed = z.safeParse(itemSchema, item);
  if (parsed.success) return parsed.data;
  throw new PermanentError(`An item of the table is not one that Perennial wrote: ${z.prettifyError(parsed.error)}. Correct it by hand or delete it.`);
}

function recordOf(item: ItemAttributes): StoredRecord {
  const { listPk, listSk, expiresAt } = item;
  return {
    key: { partition: item.pk, sort: item.sk },
    version: item.version,
    body: item.body,
    ...(listPk === undefined || listSk === undefined ? {} : { listing: { list: listPk, order: listSk } }),
    ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt * 1000).toISOString() }),
  };
}

/** Only texts of our own key attributes: a position that somebody made up fails here, not in DynamoDB. */
const positionSchema = z.partialRecord(z.enum(tableAttributes), z.string());

function encodePosition(key: unknown): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

function decodePosition(next: string): Record<string, string> {
  try {
    const position: unknown = JSON.parse(Buffer.from(next, 'base64url').toString('utf8'));
    const parsed = z.safeParse(positionSchema, position);
    if (parsed.success && parsed.data.pk !== undefined) return parsed.data;
  } catch {
    // Not JSON: refused below like any other text that we did not give out.
  }
  throw new PermanentError('The page to continue from is not one that this store gave out: start again from the first page.');
}
