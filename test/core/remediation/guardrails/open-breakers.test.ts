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
      inFlight: ['rem-1'],
      breaker: { state: 'open', since },
      causeBreakers: [
        { cause: 'zone:eu-central-1a', since, isProbeFailed: false, probeRemediationId: 'rem-1' },
        { cause: 'image:ami-1', since, isProbeFailed: true },
      ],
    });
    const open = { state: 'open', since, isProbeFailed: false, probeRemediationId: 'rem-over' } as const;
    for (const group of [groupOf({ id: 'shop-web/web', breaker: open }), groupOf({ id: 'shop-db/db' })])
      await createRecord(store, groupType, keys.group(testScope, group.id), group);
    expect((await listOpenBreakers(store, testScope)).map(({ id, state, system }) => [id, state, system])).toEqual([
      ['platform', 'open', null],
      ['zone:eu-central-1a', 'probing', null],
      ['image:ami-1', 'waiting-for-person', null],
      ['group:shop-web/web', 'open', 'shop-web'],
    ]);
  });
});
