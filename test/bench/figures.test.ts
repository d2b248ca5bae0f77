import { describe, expect, it } from 'vitest';
import { columns, medianOf, verdictOf } from './figures.ts';
import { outcomeOf, type RecordedCall, recording } from './recorder.ts';

describe('the figures of the bench', () => {
  it('are medians: one slow run changes nothing', () => {
    expect([medianOf([3, 1, 900]), medianOf([1, 2, 3, 900]), medianOf([7])]).toEqual([3, 2.5, 7]);
    expect(() => medianOf([])).toThrow('no median');
  });

  it('say when a goal is missed', () => {
    expect([verdictOf(1.3, 1.3), verdictOf(1.301, 1.3)]).toEqual(['within', 'OVER']);
  });

  it('stand in columns', () => {
    expect(
      columns([
        ['a', 'size'],
        ['long', '7'],
      ]),
    ).toBe('a     size\nlong     7');
  });
});

class PingCommand {
  readonly input: { readonly value: number };

  constructor(input: { readonly value: number }) {
    this.input = input;
  }
}

class Client {
  readonly #pings: number[] = [];

  async send(command: PingCommand): Promise<number> {
    if (command.input.value < 0) throw new RangeError('negative');
    return this.#pings.push(command.input.value);
  }
}

describe('the recorder', () => {
  it('tells of every call, how it ended, and makes it again with another input', async () => {
    const calls: RecordedCall[] = [];
    const client = recording('ping', new Client(), (call) => void calls.push(call));
    expect(await client.send(new PingCommand({ value: 5 }))).toBe(1);
    await expect(client.send(new PingCommand({ value: -1 }))).rejects.toThrow('negative');
    expect(calls.map((call) => [call.service, call.command, call.input, call.outcome()])).toEqual([
      ['ping', 'PingCommand', { value: 5 }, 'ok'],
      ['ping', 'PingCommand', { value: -1 }, 'RangeError'],
    ]);
    expect(await calls[0]?.repeat({ value: 6 })).toBe(2);
    expect(await outcomeOf(async () => calls[0]?.repeat({ value: -2 }))).toEqual({ outcome: 'RangeError', answer: undefined });
  });
});
