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

/** A measured repair of a system with this objective. */
const runOf = (system: string, recoverySeconds: number, rtoSeconds: number) =>
  remediationOf({}, { system, state: 'succeeded', recoverySeconds, rtoSeconds, isRtoMet: true });

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
    expect(recoveryTimes([remediationOf({}, { state: 'failed', recoverySeconds: 50, isRtoMet: true })])).toEqual([
      { system: 'shop-web', runs: 0, failed: 1, meanSeconds: null, p50Seconds: null, p95Seconds: null, rtoSeconds: 600, rtoMetRatio: null },
    ]);
  });

  it('have one row a system, by name, with the objective of its newest repair and a mean in whole seconds', () => {
    const row = { runs: 1, failed: 0, rtoMetRatio: 1 };
    expect(recoveryTimes([runOf('billing', 20, 900), runOf('web', 10, 300), runOf('web', 11, 600), runOf('alpha', 30, 60)])).toEqual([
      { ...row, system: 'alpha', meanSeconds: 30, p50Seconds: 30, p95Seconds: 30, rtoSeconds: 60 },
      { ...row, system: 'billing', meanSeconds: 20, p50Seconds: 20, p95Seconds: 20, rtoSeconds: 900 },
      { ...row, system: 'web', runs: 2, meanSeconds: 11, p50Seconds: 10, p95Seconds: 11, rtoSeconds: 300 },
    ]);
  });

  it('count a success that nobody measured neither as a run nor against the objective', () => {
    const unmeasured = remediationOf({}, { state: 'succeeded', isRtoMet: true });
    const late = remediationOf({}, { state: 'succeeded', recoverySeconds: 700, isRtoMet: false });
    expect(recoveryTimes([unmeasured, late])).toMatchObject([{ runs: 1, meanSeconds: 700, rtoMetRatio: 0 }]);
  });
});

describe('a dry run in hindsight', () => {
  const remediation = remediationOf({ at: NOW }, { state: 'would-have' });

  const judged = { remediationId: 'rem-1', system: 'shop-web', at: NOW };

  it.each([
    ['right', { resolvedAt: later(3000) }, 5000, 2700, 'The trouble lasted 3000 s; a repair takes about 300 s'],
    ['right', { resolvedAt: later(300.6) }, 5000, 1, 'The trouble lasted 301 s; a repair takes about 300 s'],
    ['right', {}, 1000, 700, 'The trouble still lasts after 1000 s; a repair takes about 300 s'],
    ['needless', { resolvedAt: later(200) }, 5000, 0, 'It was over after 200 s, sooner than a repair of about 300 s'],
    ['needless', { resolvedAt: later(300) }, 5000, 0, 'It was over after 300 s, sooner than a repair of about 300 s'],
    ['needless', { resolvedAt: later(-5) }, 5000, 0, 'It was over after 0 s, sooner than a repair of about 300 s'],
    ['open', {}, 200, 0, 'The trouble has lasted 200 s so far'],
  ] as const)('was %s when the incident says %j after %d s', (verdict, changes, nowSeconds, savedSeconds, reason) => {
    expect(judgeWouldHave(remediation, incident(changes), 300, later(nowSeconds))).toEqual({ ...judged, verdict, savedSeconds, reason });
  });

  it('is measured against ten minutes where nothing was measured (S4-16)', () => {
    expect(judgeWouldHave(remediation, incident({ resolvedAt: later(601) }), undefined, later(9000))).toEqual({
      ...judged,
      verdict: 'right',
      savedSeconds: 1,
      reason: 'The trouble lasted 601 s; a repair takes about 600 s',
    });
  });

  it('is not judged without its incident', () => {
    expect(judgeWouldHave(remediation, undefined, 300, later(9000))).toEqual({
      ...judged,
      verdict: 'open',
      savedSeconds: 0,
      reason: 'Its incident is not recorded any more',
    });
  });

  it('began when the trouble was detected, and is listed by when it was decided', () => {
    const late = { ...remediation, timing: { detectedAt: later(-100), decidedAt: later(60) } };
    expect(judgeWouldHave(late, incident({ resolvedAt: later(250) }), 300, later(9000))).toEqual({
      ...judged,
      at: later(60),
      verdict: 'right',
      savedSeconds: 50,
      reason: 'The trouble lasted 350 s; a repair takes about 300 s',
    });
  });
});
