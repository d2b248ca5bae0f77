import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import { closedBreaker, groupLimit, isBreakerOpen, nextBreaker, nextPlatform, openedOnSight } from '../../../../core/remediation/guardrails/breaker.ts';
import { emptyPlatform } from '../../../../core/remediation/admission/claim.ts';
import type { Group, Platform } from '../../../../core/remediation/record.ts';

const NOW = '2026-11-21T09:00:00.000Z';
const rule = { maxUnhealthyPercent: 50, cooldownSeconds: 600 };
const open: Group['breaker'] = { state: 'open', since: NOW, isProbeFailed: false };

describe('groupLimit', () => {
  it.each([
    [3, 50, 1],
    [2, 50, 1],
    [1, 50, 1],
    [4, 50, 2],
    [5, 50, 2],
    [30, 10, 3],
    [29, 10, 2],
    [9, 10, 1],
    [0, 50, 1],
    [10, 100, 10],
  ])('of %i members at %i %% is %i', (members, percent, limit) => {
    expect(groupLimit(members, percent)).toBe(limit);
  });

  it('is a whole number of at least 1, never more than the share unless that is below 1', () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.integer({ min: 1, max: 100 }), (members, percent) => {
        const limit = groupLimit(members, percent);
        const share = (members * percent) / 100;
        expect(Number.isInteger(limit) && limit >= 1 && (limit <= share || limit === 1) && limit > share - 1).toBe(true);
      }),
    );
  });
});

describe('the circuit breaker of a group', () => {
  it('stays closed at the limit and opens above it: 1 of 3 may fail, 2 of 3 open it', () => {
    expect(nextBreaker(closedBreaker, { members: 3, unhealthy: 1 }, rule, NOW)).toBe(closedBreaker);
    expect(nextBreaker(closedBreaker, { members: 3, unhealthy: 2 }, rule, NOW)).toEqual(open);
  });

  it('never opens for a group of one: rounding freezes nobody', () => {
    expect(isBreakerOpen(nextBreaker(closedBreaker, { members: 1, unhealthy: 1 }, rule, NOW))).toBe(false);
  });

  it('closes only when the count has stayed under the limit for the whole cool-down', () => {
    const calm = nextBreaker(open, { members: 3, unhealthy: 1 }, rule, NOW);
    expect(calm).toEqual({ ...open, calmSince: NOW });
    const early = nextBreaker(calm, { members: 3, unhealthy: 0 }, rule, addSeconds(NOW, 599.999));
    expect(early).toBe(calm);
    expect(nextBreaker(early, { members: 3, unhealthy: 0 }, rule, addSeconds(NOW, 600))).toEqual(closedBreaker);
  });

  it('starts the cool-down afresh when the trouble comes back, and keeps since when it is open', () => {
    const calm = nextBreaker(open, { members: 3, unhealthy: 1 }, rule, NOW);
    const again = nextBreaker(calm, { members: 3, unhealthy: 2 }, rule, addSeconds(NOW, 300));
    expect(again).toEqual(open);
    expect(isBreakerOpen(nextBreaker(again, { members: 3, unhealthy: 0 }, rule, addSeconds(NOW, 900)))).toBe(true);
  });

  it('keeps the probe and its failure while it is open, and remembers the failure when it closes and opens again', () => {
    const failed: Group['breaker'] = { ...open, probeRemediationId: 'rem-1', isProbeFailed: true };
    const calm = nextBreaker(failed, { members: 3, unhealthy: 0 }, rule, NOW);
    expect(calm).toMatchObject({ probeRemediationId: 'rem-1', isProbeFailed: true });
    const closed = nextBreaker(calm, { members: 3, unhealthy: 0 }, rule, addSeconds(NOW, 600));
    expect(closed).toEqual({ state: 'closed', isProbeFailed: true });
    // Who was refused in a freeze is not heard of: the look of the next repair opens it again, and no second probe may pass.
    expect(openedOnSight(closed, addSeconds(NOW, 900))).toMatchObject({ state: 'open', isProbeFailed: true });
    expect(nextBreaker(closed, { members: 3, unhealthy: 3 }, rule, addSeconds(NOW, 900))).toMatchObject({ state: 'open', isProbeFailed: true });
  });

  it('agrees with a plain model over any history of counts', () => {
    const step = fc.record({ unhealthy: fc.integer({ min: 0, max: 4 }), seconds: fc.integer({ min: 1, max: 700 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (history) => {
        let breaker: Group['breaker'] = closedBreaker;
        let now = NOW;
        let isOpen = false;
        let calmSeconds: number | undefined;
        for (const { unhealthy, seconds } of history) {
          now = addSeconds(now, seconds);
          breaker = nextBreaker(breaker, { members: 4, unhealthy }, rule, now);
          if (unhealthy > 2) {
            isOpen = true;
            calmSeconds = undefined;
          } else if (isOpen) {
            calmSeconds = calmSeconds === undefined ? 0 : calmSeconds + seconds;
            if (calmSeconds >= 600) {
              isOpen = false;
              calmSeconds = undefined;
            }
          }
          expect(isBreakerOpen(breaker)).toBe(isOpen);
        }
      }),
    );
  });
});

const withSystems = (count: number, systemsInCatalog: number, secondsBetweenThem = 0): Platform => {
  let platform = emptyPlatform;
  for (let index = 0; index < count; index += 1)
    platform = nextPlatform(platform, systemsInCatalog, `system-${index}`, 5, addSeconds(NOW, index * secondsBetweenThem));
  return platform;
};

describe('the breaker of the platform', () => {
  it('opens at more than 5 distinct systems within 5 minutes, not at 5', () => {
    expect(withSystems(5, 10).breaker.state).toBe('closed');
    expect(withSystems(6, 10).breaker).toEqual({ state: 'open', since: NOW });
  });

  it('allows 10 % of the systems where that is more than 5, rounded down', () => {
    expect(withSystems(20, 209).breaker.state).toBe('closed');
    expect(withSystems(21, 209).breaker.state).toBe('open');
  });

  it('opens at the 51st of 500 single-machine systems that fail at once', () => {
    expect(withSystems(50, 500).breaker.state).toBe('closed');
    expect(withSystems(51, 500).breaker.state).toBe('open');
    expect(withSystems(500, 500).breaker.state).toBe('open');
  });

  it('counts a system once, however often it speaks', () => {
    let platform = emptyPlatform;
    for (let index = 0; index < 100; index += 1) platform = nextPlatform(platform, 10, 'shop-web', 5, addSeconds(NOW, index));
    expect(platform.unhealthySystems).toEqual([{ system: 'shop-web', at: addSeconds(NOW, 99) }]);
    expect(platform.breaker.state).toBe('closed');
  });

  it('forgets what is 5 minutes old: one system a minute never opens it', () => {
    const platform = withSystems(60, 10, 60);
    expect(platform.breaker.state).toBe('closed');
    expect(platform.unhealthySystems.map((entry) => entry.system)).toEqual(['system-55', 'system-56', 'system-57', 'system-58', 'system-59']);
  });

  it('closes after 30 minutes below, not a moment before, and a relapse starts them afresh', () => {
    const opened = withSystems(6, 10);
    const calm = nextPlatform(opened, 10, undefined, 5, addSeconds(NOW, 300));
    expect(calm.breaker).toEqual({ state: 'open', since: NOW, calmSince: addSeconds(NOW, 300) });
    expect(nextPlatform(calm, 10, undefined, 5, addSeconds(NOW, 300 + 1799)).breaker.state).toBe('open');
    expect(nextPlatform(calm, 10, undefined, 5, addSeconds(NOW, 300 + 1800)).breaker).toEqual({ state: 'closed' });
    let relapsed = calm;
    for (let index = 0; index < 6; index += 1) relapsed = nextPlatform(relapsed, 10, `again-${index}`, 5, addSeconds(NOW, 400));
    expect(relapsed.breaker).toEqual({ state: 'open', since: NOW });
  });
});
