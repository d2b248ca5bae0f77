import { describe, expect, it } from 'vitest';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord } from '../../../../core/records/record-type.ts';
import { emptyPlatform } from '../../../../core/remediation/admission/claim.ts';
import { type Group, groupType, type Platform, platformType, type Remediation } from '../../../../core/remediation/record.ts';
import { vetoPageOf } from '../../../../core/remediation/guardrails/veto-page.ts';
import { VirtualClock } from '../../../../sim/deterministic.ts';
import { SharedRecordStore } from '../../../../sim/shared-record-store.ts';
import { groupOf, NOW, remediationOf } from '../builders.ts';
import { testScope } from '../world.ts';

const since = '2026-11-21T08:00:00.000Z';
const openBreaker = { state: 'open', since, isProbeFailed: false } as const;

async function pageOf(guardrail: string, group: Partial<Group> = {}, platform: Partial<Platform> = {}, changes: Partial<Remediation> = {}) {
  const store = new SharedRecordStore(new VirtualClock(NOW));
  await createRecord(store, groupType, keys.group(testScope, 'shop-web/web'), groupOf(group));
  await createRecord(store, platformType, keys.platform(testScope), { ...emptyPlatform, ...platform });
  const record = remediationOf({}, { state: 'vetoed', failure: { phase: 'guard', reason: 'r', guardrail }, ...changes });
  return vetoPageOf({ store, scope: testScope }, record);
}

describe('the page of a veto', () => {
  it.each(['circuit breaker', 'one at a time', 'platform caps'])('by "%s" is shared by everything that an open breaker stops', async (guardrail) => {
    expect(await pageOf(guardrail, { breaker: openBreaker })).toEqual({ kind: 'shared', id: `breaker:shop-web/web:${since}` });
    expect(await pageOf(guardrail, {}, { breaker: { state: 'open', since } })).toEqual({ kind: 'shared', id: `breaker:platform:${since}` });
  });

  it('is held while another repair of the group runs, and its own where none does', async () => {
    expect(await pageOf('one at a time', { inFlight: ['rem-other'] })).toEqual({ kind: 'held' });
    expect(await pageOf('one at a time', { inFlight: ['rem-1'] })).toEqual({ kind: 'own' });
    expect(await pageOf('platform caps', { inFlight: ['rem-other'] })).toEqual({ kind: 'own' });
  });

  it('of any other guardrail is its own, also while a breaker is open; and who asked by hand gets an answer', async () => {
    for (const guardrail of ['retry cap', 'allow-list', 'image choice', 'pause'])
      expect(await pageOf(guardrail, { breaker: openBreaker })).toEqual({ kind: 'own' });
    expect(await pageOf('circuit breaker', { breaker: openBreaker }, {}, { isDrill: true })).toEqual({ kind: 'own' });
    expect(await pageOf('circuit breaker', { breaker: openBreaker }, {}, { request: { by: 'kim', reason: 'odd', at: NOW } })).toEqual({ kind: 'own' });
    expect(await pageOf('circuit breaker', { breaker: openBreaker }, {}, { failure: undefined })).toEqual({ kind: 'own' });
  });

  it('is that of the cause where several groups fail together, of the group first', async () => {
    const platform: Partial<Platform> = {
      breaker: { state: 'open', since },
      troubles: [{ slotId: 'shop-web/1', groupId: 'shop-web/web', groupMembers: 3, incidentId: 'inc-1', at: NOW, causes: ['zone:eu-central-1a'] }],
      causeBreakers: [{ cause: 'zone:eu-central-1a', since: NOW, isProbeFailed: false }],
    };
    expect(await pageOf('circuit breaker', {}, platform)).toEqual({ kind: 'shared', id: `breaker:zone:eu-central-1a:${NOW}` });
    expect(await pageOf('circuit breaker', { breaker: openBreaker }, platform)).toEqual({ kind: 'shared', id: `breaker:shop-web/web:${since}` });
  });

  it('has a fixed id also where nobody knows since when the breaker is open', async () => {
    expect(await pageOf('circuit breaker', { breaker: { state: 'open', isProbeFailed: false } })).toEqual({ kind: 'shared', id: 'breaker:shop-web/web:' });
    expect(await pageOf('platform caps', {}, { breaker: { state: 'open' } })).toEqual({ kind: 'shared', id: 'breaker:platform:' });
  });

  it('is held behind another repair also when its own is still counted', async () => {
    expect(await pageOf('one at a time', { inFlight: ['rem-1', 'rem-other'] })).toEqual({ kind: 'held' });
  });

  it('is its own where no record of the group or of the platform exists', async () => {
    const store = new SharedRecordStore(new VirtualClock(NOW));
    const record = remediationOf({}, { state: 'vetoed', failure: { phase: 'guard', reason: 'r', guardrail: 'one at a time' } });
    expect(await vetoPageOf({ store, scope: testScope }, record)).toEqual({ kind: 'own' });
  });
});
