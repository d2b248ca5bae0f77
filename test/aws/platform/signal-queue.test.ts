import { SQSClient } from '@aws-sdk/client-sqs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { SqsRejectedQueue, SqsSignalQueue } from '../../../aws/platform/signal-queue.ts';
import { PermanentError } from '../../../core/environment/errors.ts';
import { serviceError, stubClient, stubOptions } from './stub-client.ts';

const inputSchema = z.object({ Entries: z.array(z.object({ Id: z.string(), MessageBody: z.string(), DelaySeconds: z.number().optional() })) });

function queueThat(answer: (call: number) => unknown) {
  const client = new SQSClient(stubOptions);
  const calls = stubClient(client, (_input, call) => answer(call));
  const batches = () => calls.map(({ input }) => inputSchema.parse(input).Entries);
  return {
    queue: new SqsSignalQueue(client, 'https://queue.example/signals'),
    rejected: new SqsRejectedQueue(client, 'https://queue.example/rejected'),
    batches,
  };
}

describe('SqsSignalQueue', () => {
  it('sends every message once, in order, in batches of at most ten and 1 MiB', async () => {
    const bodies = fc.array(fc.integer({ min: 1, max: 400_000 }), { maxLength: 30 });
    const property = fc.asyncProperty(bodies, async (sizes) => {
      const { queue, batches } = queueThat(() => ({}));
      const messages = sizes.map((size, index) => ({ body: `${index}:`.padEnd(size, 'x') }));
      expect(await queue.send(messages)).toEqual([]);
      expect(
        batches()
          .flat()
          .map(({ MessageBody }) => MessageBody),
      ).toEqual(messages.map(({ body }) => body));
      for (const batch of batches()) {
        expect(batch.length).toBeGreaterThan(0);
        expect(batch.length).toBeLessThanOrEqual(10);
        expect(batch.reduce((sum, { MessageBody }) => sum + MessageBody.length, 0)).toBeLessThanOrEqual(1_048_576);
      }
    });
    await fc.assert(property, { numRuns: 50 });
  });

  it('names each failed message by its position, and says whose fault it was', async () => {
    const { queue } = queueThat((call) => {
      if (call === 1) return { Failed: [{ Id: '3', Code: 'InternalError', Message: 'try again', SenderFault: false }] };
      return { Failed: [{ Id: '10', Code: 'InvalidMessageContents', SenderFault: true }] };
    });
    const failures = await queue.send(Array.from({ length: 12 }, (_, index) => ({ body: `m${index}` })));
    expect(failures).toEqual([
      { index: 3, reason: 'InternalError: try again', isRetryable: true },
      { index: 10, reason: 'InvalidMessageContents', isRetryable: false },
    ]);
  });

  it('goes on with the next batch when one is lost, and reports all of the lost one', async () => {
    const { queue, batches } = queueThat((call) => {
      if (call === 1) throw serviceError('ThrottlingException');
      return {};
    });
    const failures = await queue.send(Array.from({ length: 11 }, (_, index) => ({ body: `m${index}` })));
    expect(failures.map(({ index, isRetryable }) => [index, isRetryable])).toEqual(Array.from({ length: 10 }, (_, index) => [index, true]));
    expect(batches()[1]?.map(({ MessageBody }) => MessageBody)).toEqual(['m10']);
  });

  it('lets a bug surface as a bug', async () => {
    const { queue } = queueThat(() => {
      throw new TypeError('a bug');
    });
    await expect(queue.send([{ body: 'm' }])).rejects.toBeInstanceOf(TypeError);
  });

  it('delays up to 15 minutes and refuses what it can not do', async () => {
    const { queue, batches } = queueThat(() => ({}));
    await queue.send([{ body: 'm', delaySeconds: 900 }]);
    expect(batches()[0]).toEqual([{ Id: '0', MessageBody: 'm', DelaySeconds: 900 }]);
    await expect(queue.send([{ body: 'm', delaySeconds: 901 }])).rejects.toBeInstanceOf(PermanentError);
    await expect(queue.send(Array.from({ length: 101 }, () => ({ body: 'm' })))).rejects.toBeInstanceOf(PermanentError);
  });

  it('sends rejected events unmodified', async () => {
    const { rejected, batches } = queueThat(() => ({}));
    const body = ' {"broken": \n';
    await rejected.send([body]);
    expect(batches()[0]?.[0]?.MessageBody).toBe(body);
  });
});
