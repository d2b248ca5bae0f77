import { describe, expect, it } from 'vitest';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord } from '../../../../core/records/record-type.ts';
import { emptyPlatform } from '../../../../core/remediation/admission/claim.ts';
import { listOpenBreakers } from '../../../../core/remediation/guardrails/open-breakers.ts';
import { groupType, platformType } from '../../../../core/remediation/record.ts';
import { VirtualClock } from '../../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../../sim/memory-record-store.ts';
import { groupOf, NOW } from '../builders.ts';
import { testScope } from '../world.ts';

const since = '2026-11-21T08:00:00.000Z';

describe('open circuit breakers', () => {
  it('are none in a new account', async () => {
    expect(await listOpenBreakers(new MemoryRecordStore(new VirtualClock(NOW)), testScope)).toEqual([]);
  });

  it('are those of the platform, of shared causes and of groups, with what each waits for', async () => {
    const store = new MemoryRecordStore(new VirtualClock(NOW));
    await createRecord(store, platformType, keys.platform(testScope), {
      ...emptyPlatform,
      inFlight: ['rem-0', 'rem-1'],
      unhealthySystems: [{ system: 'shop-web', at: since }],
      breaker: { state: 'open', since },
      causeBreakers: [
        { cause: 'zone:eu-central-1a', since, isProbeFailed: false, probeRemediationId: 'rem-1' },
        { cause: 'image:ami-1', since, isProbeFailed: true },
      ],
    });
    const open = { state: 'open', since, isProbeFailed: false, probeRemediationId: 'rem-over' } as const;
    const unhealthy = [1, 2].map((slot) => ({ slotId: `shop-web/${slot}`, at: since }));
    for (const group of [groupOf({ id: 'shop-web/web', breaker: open, unhealthy, inFlight: ['rem-1'] }), groupOf({ id: 'shop-db/db' })])
      await createRecord(store, groupType, keys.group(testScope, group.id), group);
    expect(await listOpenBreakers(store, testScope)).toEqual([
      { id: 'platform', system: null, since, state: 'open', reason: '1 systems became unhealthy within 5 minutes' },
      { id: 'zone:eu-central-1a', system: null, since, state: 'probing', reason: 'Many fail together that share the zone eu-central-1a' },
      { id: 'image:ami-1', system: null, since, state: 'waiting-for-person', reason: 'Many fail together that share the image ami-1' },
      { id: 'group:shop-web/web', system: 'shop-web', since, state: 'open', reason: '2 unhealthy in shop-web/web' },
    ]);
  });

  it('that have never had a probe are open, also beside repairs that run; and none says since when it does not know', async () => {
    const store = new MemoryRecordStore(new VirtualClock(NOW));
    await createRecord(store, platformType, keys.platform(testScope), { ...emptyPlatform, breaker: { state: 'open' } });
    const group = groupOf({ inFlight: ['rem-1'], breaker: { state: 'open', isProbeFailed: false } });
    await createRecord(store, groupType, keys.group(testScope, group.id), group);
    expect(await listOpenBreakers(store, testScope)).toEqual([
      { id: 'platform', system: null, since: null, state: 'open', reason: '0 systems became unhealthy within 5 minutes' },
      { id: 'group:shop-web/web', system: 'shop-web', since: null, state: 'open', reason: '0 unhealthy in shop-web/web' },
    ]);
  });

  it('are none where the platform is closed and nothing is shared', async () => {
    const store = new MemoryRecordStore(new VirtualClock(NOW));
    await createRecord(store, platformType, keys.platform(testScope), emptyPlatform);
    expect(await listOpenBreakers(store, testScope)).toEqual([]);
  });
});
