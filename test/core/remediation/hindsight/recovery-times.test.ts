import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import type { Incident } from '../../../../core/incidents/record.ts';
import { recoveryTimes } from '../../../../core/remediation/hindsight/recovery-times.ts';
import { judgeWouldHave } from '../../../../core/remediation/hindsight/would-have.ts';
import { NOW, remediationOf } from '../builders.ts';

const incident = (changes: Partial<Incident>): Incident => ({
  id: 'inc-1',
  accountId: '111122223333',
  region: 'eu-central-1',
  place: 'shop-web/1',
  severity: 'high',
  state: 'open',
  title: 't',
  impact: '',
  owner: 'o',
  openedAt: NOW,
  updatedAt: NOW,
  signals: {},
  remediationIds: [],
  subject: { type: 'instance', id: 'i-1' },
  wasInInventory: true,
  ...changes,
});

const later = (seconds: number): string => addSeconds(NOW, seconds);

describe('recovery times (S0-19, S4-16)', () => {
  it('are measured ones: mean, median, 95th percentile, share within the RTO', () => {
    const runs = [100, 200, 300, 700].map((recoverySeconds, index) =>
      remediationOf({ id: `rem-${index}` }, { state: 'succeeded', recoverySeconds, isRtoMet: recoverySeconds <= 600 }),
    );
    const failed = remediationOf({ id: 'rem-f' }, { state: 'failed' });
    expect(recoveryTimes([...runs, failed])).toEqual([
      { system: 'shop-web', runs: 4, failed: 1, meanSeconds: 325, p50Seconds: 200, p95Seconds: 700, rtoSeconds: 600, rtoMetRatio: 0.75 },
    ]);
  });

  it('leave drills, vetoes and dry runs out (S3-19)', () => {
    const drill = remediationOf({ id: 'rem-d' }, { state: 'succeeded', recoverySeconds: 1, isDrill: true });
    expect(recoveryTimes([drill, remediationOf({}, { state: 'vetoed' }), remediationOf({}, { state: 'would-have' })])).toEqual([]);
  });

  it('say nothing about a system whose repairs all failed but that they did', () => {
    expect(recoveryTimes([remediationOf({}, { state: 'failed' })])).toMatchObject([
      { runs: 0, failed: 1, p50Seconds: null, meanSeconds: null, rtoMetRatio: null },
    ]);
  });
});

describe('a dry run in hindsight', () => {
  const remediation = remediationOf({ at: NOW }, { state: 'would-have' });

  it.each([
    ['right', { resolvedAt: later(3000) }, 5000, 2700],
    ['right', {}, 1000, 700],
    ['needless', { resolvedAt: later(200) }, 5000, 0],
    ['needless', { resolvedAt: later(300) }, 5000, 0],
    ['open', {}, 200, 0],
  ] as const)('was %s when the incident says %j after %d s', (verdict, changes, nowSeconds, savedSeconds) => {
    expect(judgeWouldHave(remediation, incident(changes), 300, later(nowSeconds))).toMatchObject({ verdict, savedSeconds, system: 'shop-web' });
  });

  it('is measured against ten minutes where nothing was measured (S4-16), and not judged without its incident', () => {
    expect(judgeWouldHave(remediation, incident({ resolvedAt: later(601) }), undefined, later(9000))).toMatchObject({ verdict: 'right', savedSeconds: 1 });
    expect(judgeWouldHave(remediation, undefined, 300, later(9000))).toMatchObject({ verdict: 'open' });
  });
});
