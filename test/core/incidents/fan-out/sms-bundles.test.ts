import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import {
  dueBundles,
  planSms,
  rolesWithinLimit,
  type SmsMonth,
  smsMonthOf,
  type SmsWindows,
  usedUpRoles,
  withoutBundle,
  withSent,
} from '../../../../core/incidents/fan-out/sms-bundles.ts';

const start = '2026-11-21T09:00:00.000Z';
const at = (seconds: number) => addSeconds(start, seconds);

function play(pages: readonly (readonly [seconds: number, name: string, roles: readonly string[]])[]) {
  let windows: SmsWindows = {};
  const rung = pages.map(([seconds, name, roles]) => {
    const plan = planSms(windows, roles, name, at(seconds));
    windows = plan.windows;
    return plan.now;
  });
  return { windows, rung };
}

describe('SMS of one phone', () => {
  it('the first of a quiet time goes at once, those of the next 120 s become one', () => {
    const { windows, rung } = play([
      [0, 'web', ['ops']],
      [1, 'db', ['ops']],
      [119, 'cache', ['ops']],
    ]);
    expect(rung).toEqual([['ops'], [], []]);
    expect(dueBundles(windows, at(119))).toEqual([]);
    expect(dueBundles(windows, at(120))).toEqual([{ roles: ['ops'], window: { openedAt: start, count: 2, names: ['db', 'cache'] } }]);
  });

  it('a page after 120 s of quiet rings again', () => {
    expect(
      play([
        [0, 'web', ['ops']],
        [120, 'db', ['ops']],
      ]).rung,
    ).toEqual([['ops'], ['ops']]);
  });

  it('after a bundle the quiet time begins anew, and what came meanwhile waits for the next', () => {
    const { windows } = play([
      [0, 'web', ['ops']],
      [10, 'db', ['ops']],
    ]);
    const [bundle] = dueBundles(windows, at(125));
    const joined = planSms(windows, ['ops'], 'late', at(126)).windows;
    expect(joined['ops']?.count).toBe(2);
    const left = bundle === undefined ? {} : withoutBundle(joined, bundle, at(127));
    expect(left).toEqual({ ops: { openedAt: at(127), count: 1, names: ['late'] } });
    expect(planSms(left, ['ops'], 'next', at(200)).now).toEqual([]);
  });

  it('one team is not kept waiting by the page of another, and teams with the same pages share a bundle', () => {
    const { windows, rung } = play([
      [0, 'web', ['ops', 'team-web']],
      [5, 'db', ['ops', 'team-db']],
      [6, 'db2', ['ops', 'team-db']],
    ]);
    expect(rung).toEqual([['ops', 'team-web'], ['team-db'], []]);
    expect(dueBundles(windows, at(200)).map(({ roles, window }) => [roles, window.names])).toEqual([
      [['ops'], ['db', 'db2']],
      [['team-db'], ['db2']],
    ]);
    const together = play([
      [0, 'a', ['ops', 'owner']],
      [1, 'b', ['ops', 'owner']],
    ]).windows;
    expect(dueBundles(together, at(120)).map(({ roles }) => roles)).toEqual([['ops', 'owner']]);
  });

  it('a tick that never comes keeps no page', () => {
    const { rung } = play([
      [0, 'web', ['ops']],
      [10, 'db', ['ops']],
      [299, 'x', ['ops']],
      [300, 'y', ['ops']],
    ]);
    expect(rung).toEqual([['ops'], [], [], ['ops']]);
  });

  it('the record is bounded in names and roles; what is beyond rings at once', () => {
    const many = Array.from({ length: 300 }, (_, index) => `team-${index}`);
    const plan = planSms({}, many, 'web', start);
    expect([plan.now.length, Object.keys(plan.windows).length]).toEqual([300, 0]);
    const pages = Array.from({ length: 100 }, (_, index) => [1, `system-${index}`, ['ops']] as const);
    const { windows } = play([[0, 'web', ['ops']], ...pages]);
    expect([windows['ops']?.count, windows['ops']?.names.length]).toEqual([100, 8]);
  });

  it('a role may have the name of something that every object has', () => {
    expect(
      play([
        [0, 'a', ['constructor']],
        [1, 'b', ['constructor']],
      ]).rung,
    ).toEqual([['constructor'], []]);
    expect(rolesWithinLimit(smsMonthOf(undefined, start), ['constructor', 'valueof'], {})).toEqual(['constructor', 'valueof']);
  });
});

describe('SMS of one month', () => {
  const spent: SmsMonth = { month: '2026-11', sent: { ops: 3, dev: 1 }, warned: [] };

  it('are counted for each role, up to its limit', () => {
    expect(rolesWithinLimit(spent, ['ops', 'dev', 'new'], { ops: 3, dev: 2 })).toEqual(['dev', 'new']);
    expect(withSent(spent, ['dev', 'new']).sent).toEqual({ ops: 3, dev: 2, new: 1 });
    expect(rolesWithinLimit({ ...spent, sent: { ops: 200 } }, ['ops'], {})).toEqual([]);
    expect(rolesWithinLimit(spent, ['ops'], { ops: 0 })).toEqual([]);
  });

  it('are given anew with the month, not by a clock that goes back', () => {
    expect(smsMonthOf(spent, '2026-12-01T00:00:00.000Z')).toEqual({ month: '2026-12', sent: {}, warned: [] });
    expect(smsMonthOf(spent, '2026-10-31T23:59:59.000Z')).toBe(spent);
  });

  it('one warning, to who has a phone', () => {
    expect(usedUpRoles(spent, { ops: 3, dev: 2 })).toEqual(['ops']);
    expect(usedUpRoles({ ...spent, warned: ['ops'] }, { ops: 3 })).toEqual([]);
    expect(usedUpRoles(spent, {})).toEqual([]);
  });
});
