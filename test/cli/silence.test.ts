import { beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { silenceEndedSchema, silencesSchema } from '../../cli/schemas.ts';
import { createDesk, type Desk, type as typeWords, typeJson } from './terminal.ts';

let desk: Desk;
beforeEach(async () => {
  desk = await createDesk();
});

const type = (...words: readonly string[]) => typeWords(words, desk.target);
const list = async (...words: readonly string[]) => z.parse(silencesSchema, (await typeJson(['silence', 'list', ...words], desk.target)).json);

describe('silence', () => {
  it('is added with an author, a reason and an end, listed and ended', async () => {
    const { exitCode, out } = await type(
      'silence',
      'add',
      '--system',
      'shop-*',
      '--severity',
      'warning,high',
      '--for',
      '2h',
      '--reason',
      'ask kim@example.com',
    );
    expect(exitCode).toBe(0);
    expect(out).toContain('Silenced until 2026-11-21 11:00:00Z: system shop-*, severity warning or high');
    expect(out).toContain('No open incident matches it now.');
    const [silence] = await list();
    expect(silence).toMatchObject({
      state: 'active',
      author: 'kim',
      reason: 'ask [e-mail]',
      endsAt: '2026-11-21T11:00:00.000Z',
      matchers: { severities: ['warning', 'high'] },
    });
    expect((await type('silence', 'list')).out).toContain('system shop-*, severity warning or high');
    desk.world.clock.advance(60);
    const ended = await typeJson(['silence', 'end', silence?.id ?? ''], desk.target);
    expect(z.parse(silenceEndedSchema, ended.json)).toMatchObject({ state: 'expired', isChanged: true, endedBy: 'kim' });
    expect(z.parse(silenceEndedSchema, (await typeJson(['silence', 'end', silence?.id ?? ''], desk.target)).json)).toMatchObject({ isChanged: false });
    expect(await list()).toEqual([]);
    expect(await list('--all')).toHaveLength(1);
    expect((await type('silence', 'list')).out).toContain('Nothing is silenced.');
  });

  it('recurs by schedule or by time of day', async () => {
    await type(
      'silence',
      'add',
      '--system',
      'shop-web',
      '--for',
      '30d',
      '--cron',
      '0 2 * * 6',
      '--duration',
      '2h',
      '--timezone',
      'Asia/Seoul',
      '--reason',
      'vacuum',
    );
    await type('silence', 'add', '--rule', 'x', '--for', '30d', '--between', '08:00-10:00', '--on', 'sat,sun', '--days=-31:-1', '--reason', 'batch');
    expect((await list()).toSorted((left, right) => (left.state < right.state ? -1 : 1)).map(({ state, recurring }) => [state, recurring])).toEqual([
      ['active', { timeZone: 'Etc/UTC', times: [{ start: '08:00', end: '10:00' }], weekdays: ['saturday', 'sunday'], daysOfMonth: [{ from: -31, to: -1 }] }],
      ['resting', { schedule: '0 2 * * 6', timeZone: 'Asia/Seoul', durationMinutes: 120 }],
    ]);
  });

  it.each([
    [['--system', 'x', '--reason', 'r'], 'one end'],
    [['--system', 'x', '--reason', 'r', '--for', '1h', '--until', '2026-11-22T00:00:00Z'], 'one end'],
    [['--reason', 'r', '--for', '1h'], 'must say what is silenced'],
    [['--system', 'x', '--reason', ' ', '--for', '1h'], 'needs a reason'],
    [['--system', 'x', '--reason', 'r', '--for', '31d'], '30 days at most'],
    [['--system', 'x', '--reason', 'r', '--for', 'ever'], 'no duration'],
    [['--system', 'x', '--reason', 'r', '--until', 'tomorrow'], 'no moment'],
    [['--severity', 'loud', '--reason', 'r', '--for', '1h'], 'names no severities'],
    [['--system', 'x', '--reason', 'r', '--for', '1h', '--cron', '0 2 * * 6'], 'A schedule needs its length'],
    [['--system', 'x', '--reason', 'r', '--for', '1h', '--between', '17:31-17:31'], 'must end after it starts'],
    [['--system', 'x', '--reason', 'r', '--for', '1h', '--on', 'someday'], 'no weekday'],
  ])('%s is refused in words, and nothing is silenced', async (words, text) => {
    const { exitCode, error } = await type('silence', 'add', ...words);
    expect(exitCode).toBe(1);
    expect(error).toContain(text);
    expect(await list('--all')).toEqual([]);
  });

  it('that does not exist cannot be ended', async () => {
    expect(await type('silence', 'end', 'sil-none')).toMatchObject({ exitCode: 1 });
  });
});
