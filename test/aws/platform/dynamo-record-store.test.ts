import { ConditionalCheckFailedException, DynamoDBClient, TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { describe, expect, it } from 'vitest';
import { DynamoRecordStore } from '../../../aws/platform/dynamo-record-store.ts';
import { PermanentError, RetryableError } from '../../../core/environment/errors.ts';
import { RecordConflictError, type RecordWrite } from '../../../core/records/store.ts';
import { SeededRandomness, SequentialIdSource, VirtualClock } from '../../../sim/deterministic.ts';
import { fieldOf, serviceError, stubClient, stubOptions } from './stub-client.ts';

const write = (sort: string): RecordWrite => ({ key: { partition: 'p', sort }, expectedVersion: 0, body: { sort } });

function storeThat(answer: (input: unknown, call: number) => unknown) {
  const client = new DynamoDBClient(stubOptions);
  const calls = stubClient(client, answer);
  const clock = new VirtualClock();
  const sleeps: number[] = [];
  const store = new DynamoRecordStore({
    client: DynamoDBDocumentClient.from(client),
    tableName: 'table',
    clock,
    ids: new SequentialIdSource(clock),
    randomness: new SeededRandomness(1),
    sleepMilliseconds: (milliseconds) => {
      sleeps.push(milliseconds);
      return Promise.resolve();
    },
  });
  return { store, calls, sleeps };
}

function cancelled(...codes: readonly string[]): TransactionCanceledException {
  return new TransactionCanceledException({ message: 'cancelled', Message: 'cancelled', CancellationReasons: codes.map((Code) => ({ Code })), $metadata: {} });
}

/** A second delivery of the same Put finds the item of the first. */
function conditionFailed(writeId: string): ConditionalCheckFailedException {
  return new ConditionalCheckFailedException({ message: 'failed', Item: { writeId: { S: writeId } }, $metadata: {} });
}

describe('DynamoRecordStore', () => {
  it.each(['ThrottlingException', 'ProvisionedThroughputExceededException', 'RequestLimitExceeded', 'InternalServerError'])(
    'never takes %s for "not found"',
    async (name) => {
      const { store } = storeThat(() => {
        throw serviceError(name);
      });
      await expect(store.get({ partition: 'p', sort: 's' })).rejects.toBeInstanceOf(RetryableError);
      await expect(store.query('p', '', { limit: 1 })).rejects.toBeInstanceOf(RetryableError);
      await expect(store.list('l', { limit: 1 })).rejects.toBeInstanceOf(RetryableError);
    },
  );

  it('reads consistently, except from the index, which can not', async () => {
    const { store, calls } = storeThat(() => ({}));
    await store.get({ partition: 'p', sort: 's' });
    await store.query('p', '', { limit: 1 });
    await store.list('l', { limit: 1 });
    expect(calls.map(({ input }) => fieldOf(input, 'ConsistentRead'))).toEqual([true, true, undefined]);
  });

  it.each(['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded'])('writes again after %s, word for word', async (code) => {
    const { store, calls, sleeps } = storeThat((_input, call) => {
      if (call < 3) throw cancelled('None', code);
      return {};
    });
    await store.write([write('a'), write('b')]);
    expect(calls).toHaveLength(3);
    expect(calls[2]).toEqual(calls[0]);
    expect(sleeps).toHaveLength(2);
    expect(Math.max(...sleeps)).toBeLessThanOrEqual(200);
  });

  it('gives up after three attempts, retryable', async () => {
    const { store, calls } = storeThat(() => {
      throw cancelled('TransactionConflict', 'None');
    });
    await expect(store.write([write('a'), write('b')])).rejects.toBeInstanceOf(RetryableError);
    expect(calls).toHaveLength(3);
  });

  it('takes one failed condition as final, whatever befell the other writes', async () => {
    const { store, calls } = storeThat(() => {
      throw cancelled('TransactionConflict', 'ConditionalCheckFailed');
    });
    await expect(store.write([write('a'), write('b')])).rejects.toBeInstanceOf(RecordConflictError);
    expect(calls).toHaveLength(1);
  });

  it('does not repeat a transaction that is wrong in itself', async () => {
    const { store, calls } = storeThat(() => {
      throw cancelled('ValidationError', 'None');
    });
    await expect(store.write([write('a'), write('b')])).rejects.toBeInstanceOf(PermanentError);
    expect(calls).toHaveLength(1);
  });

  it('knows its own write again when only the answer was lost', async () => {
    const { store, calls } = storeThat((input, call) => {
      if (call === 1) throw serviceError('TimeoutError', 0);
      throw conditionFailed(String(fieldOf(fieldOf(input, 'Item'), 'writeId')));
    });
    await expect(store.write([write('a')])).resolves.toBeUndefined();
    expect(calls).toHaveLength(2);
  });

  it('does not take the write of another for its own', async () => {
    const { store } = storeThat(() => {
      throw conditionFailed('w-of-another');
    });
    await expect(store.write([write('a')])).rejects.toBeInstanceOf(RecordConflictError);
  });

  it('refuses an item that Perennial did not write', async () => {
    const { store } = storeThat(() => ({ Item: { pk: { S: 'p' }, sk: { S: 's' } } }));
    await expect(store.get({ partition: 'p', sort: 's' })).rejects.toBeInstanceOf(PermanentError);
  });
});
