import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../core/environment/time.ts';
import { composeDigest, digestDueAt, digestOf, readDigest, sendDigest } from '../../../core/incidents/digest.ts';
import type { NotificationMessage } from '../../../core/incidents/ports.ts';
import { keys } from '../../../core/records/keys.ts';
import { createRecord } from '../../../core/records/record-type.ts';
import { type Remediation, remediationType } from '../../../core/remediation/record.ts';
import { VirtualClock } from '../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../sim/memory-record-store.ts';
import { remediationOf } from '../remediation/builders.ts';
import { testScope } from '../remediation/world.ts';

/** A Wednesday. */
const NOW = '2026-11-18T10:00:00.000Z';
const LAST_WEEK = '2026-11-12T10:00:00.000Z';

async function world(remediations: readonly Remediation[]) {
  const clock = new VirtualClock(NOW);
  const store = new MemoryRecordStore(clock);
  for (const record of remediations) await createRecord(store, remediationType, keys.remediation(testScope, record.id), record);
  const sent: NotificationMessage[] = [];
  const publisher = {
    publish: async (message: NotificationMessage) => {
      sent.push(message);
      return { messageId: String(sent.length) };
    },
  };
  return { clock, sent, ports: { store, scope: testScope, clock, publisher } };
}

const succeeded = remediationOf({ id: 'rem-20261112T100000-a', at: LAST_WEEK }, { state: 'succeeded', recoverySeconds: 150, isRtoMet: true });
const vetoed = remediationOf(
  { id: 'rem-20261112T110000-b', at: LAST_WEEK },
  { state: 'vetoed', failure: { phase: 'guard', reason: 'r', guardrail: 'retry cap' } },
);
const dry = remediationOf({ id: 'rem-20261112T120000-c', at: LAST_WEEK }, { state: 'would-have' });
const today = remediationOf({ id: 'rem-20261118T090000-d', at: addSeconds(NOW, -3600) }, { state: 'succeeded', recoverySeconds: 9, isRtoMet: true });

const vetoedBy = (guardrail: string) => remediationOf({}, { state: 'vetoed', failure: { phase: 'guard', reason: 'r', guardrail } });

describe('the weekly digest', () => {
  it.each([
    ['2026-11-16T06:00:00.000Z', '2026-11-16T06:00:00.000Z'],
    ['2026-11-16T05:59:59.000Z', '2026-11-09T06:00:00.000Z'],
    ['2026-11-22T23:00:00.000Z', '2026-11-16T06:00:00.000Z'],
    ['2027-01-01T00:00:00.000Z', '2026-12-28T06:00:00.000Z'],
  ])('at %s is that of %s', (now, due) => {
    expect(digestDueAt(now)).toBe(due);
  });

  it('tells the week that ended, not today: recoveries, vetoes, dry runs in hindsight', async () => {
    const { ports } = await world([succeeded, vetoed, dry, today]);
    const digest = await readDigest(ports);
    expect(digest).toMatchObject({
      from: '2026-11-09T06:00:00.000Z',
      to: '2026-11-16T06:00:00.000Z',
      recoveries: [{ system: 'shop-web', runs: 1, p50Seconds: 150 }],
      vetoes: [{ guardrail: 'retry cap', count: 1 }],
      wouldHave: [{ remediationId: dry.id, verdict: 'open' }],
    });
    const { text, sms, subject } = composeDigest(digest, testScope);
    expect(subject.length).toBeLessThanOrEqual(100);
    expect(sms.length).toBeLessThanOrEqual(160);
    expect(text).toContain('shop-web: 1 recovered, 0 failed; median 2 min 30 s, 95 % within 2 min 30 s, RTO of 10 min met in 100 %');
    expect(text).toContain('Vetoes: retry cap 1');
    expect(text).toContain('cannot be judged yet');
  });

  it('is sent once, however often the sweep runs, and again the next week', async () => {
    const { ports, sent, clock } = await world([succeeded]);
    expect(await sendDigest(ports)).toMatchObject([{ kind: 'sent', id: 'digest:2026-11-16' }]);
    expect(await sendDigest(ports)).toMatchObject([{ kind: 'already-sent' }]);
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({ severity: 'info', channels: ['https', 'email'] });
    clock.advance(7 * 86_400);
    expect(await sendDigest(ports)).toEqual([]);
  });

  it('sums up vetoes by guardrail, the most frequent first', () => {
    expect(digestOf([vetoedBy('pause'), vetoedBy('retry cap'), vetoedBy('retry cap')], [], NOW).vetoes).toEqual([
      { guardrail: 'retry cap', count: 2 },
      { guardrail: 'pause', count: 1 },
    ]);
  });
});
