import { CreateTableCommand, DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { DynamoRecordStore } from '../../aws/platform/dynamo-record-store.ts';
import { LISTS_INDEX, tableAttributes } from '../../aws/platform/dynamo-table.ts';
import { sleepMilliseconds, systemIds, systemRandomness } from '../../aws/runtime/system.ts';
import { VirtualClock } from '../../sim/deterministic.ts';
import { describeRecordStore } from './record-store.contract.ts';

const TABLE_NAME = systemIds.next('record-store-contract');

describe('on the local DynamoDB', () => {
  const { controlEndpoint, region } = inject('localAws');
  const client = new DynamoDBClient({ endpoint: controlEndpoint, region, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } });
  const document = DynamoDBDocumentClient.from(client);
  const clock = new VirtualClock();

  const open = () => new DynamoRecordStore({ client: document, tableName: TABLE_NAME, clock, ids: systemIds, randomness: systemRandomness, sleepMilliseconds });

  beforeAll(async () => {
    await client.send(
      new CreateTableCommand({
        TableName: TABLE_NAME,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: tableAttributes.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
        GlobalSecondaryIndexes: [
          {
            IndexName: LISTS_INDEX,
            KeySchema: [
              { AttributeName: 'listPk', KeyType: 'HASH' },
              { AttributeName: 'listSk', KeyType: 'RANGE' },
            ],
            Projection: { ProjectionType: 'ALL' },
          },
        ],
      }),
    );
  });

  afterAll(async () => {
    await client.send(new DeleteTableCommand({ TableName: TABLE_NAME }));
    client.destroy();
  });

  it('knows its own write again when the answer was lost, by the SDK\u2019s own repetition', async () => {
    const losing = new DynamoDBClient({ endpoint: controlEndpoint, region, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } });
    let calls = 0;
    const loseFirstAnswer =
      <Args, Answer>(next: (args: Args) => Promise<Answer>) =>
      async (args: Args): Promise<Answer> => {
        calls += 1;
        const answer = await next(args);
        if (calls === 1) throw Object.assign(new Error('the connection was reset'), { code: 'ECONNRESET' });
        return answer;
      };
    losing.middlewareStack.add(loseFirstAnswer, { step: 'finalizeRequest', priority: 'low', name: 'loseFirstAnswer' });
    const document2 = DynamoDBDocumentClient.from(losing);
    const store = new DynamoRecordStore({ client: document2, tableName: TABLE_NAME, clock, ids: systemIds, randomness: systemRandomness, sleepMilliseconds });
    const key = { partition: 'lost-answer', sort: 'a' };
    await store.write([{ key, expectedVersion: 0, body: { n: 1 } }]);
    expect(calls).toBe(2);
    expect((await store.get(key))?.version).toBe(1);
    losing.destroy();
  });

  describeRecordStore('DynamoRecordStore', () => ({ store: open(), clock, other: open() }), { propertyRuns: 10 });
});
