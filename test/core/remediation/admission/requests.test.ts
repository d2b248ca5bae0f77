import { beforeEach, describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import { incidentType } from '../../../../core/incidents/record.ts';
import { readTimeline } from '../../../../core/incidents/incidents.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord, readRecord } from '../../../../core/records/record-type.ts';
import { abortRemediation, approveRemediation, decideAbort, decideApproval, safePointText } from '../../../../core/remediation/admission/requests.ts';
import { type Remediation, remediationType } from '../../../../core/remediation/record.ts';
import { VirtualClock } from '../../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../../sim/memory-record-store.ts';
import { incidentOf } from '../../incidents/world.ts';
import { dump, NOW, remediationOf } from '../builders.ts';
import { testScope } from '../world.ts';

const EXPIRES = addSeconds(NOW, 600);
const approval = { requestedAt: NOW, expiresAt: EXPIRES, findings: [], plan: { phases: [], kept: [], cannotKeep: [] } };
const asking = (changes: Partial<Remediation> = {}): Remediation => remediationOf({}, { phase: 'await-approval', approval, ...changes });
const frozen = { at: NOW, target: 'global', by: 'lee', reason: 'odd' };
const inTime = addSeconds(NOW, 599.999);

describe('a yes', () => {
  it('in time is noted with who and when, and nothing else changes', () => {
    const body = { ...asking(), approval: { ...approval, granted: { by: 'kim', at: inTime } } };
    expect(decideApproval(asking(), 'kim', inTime)).toEqual({
      body,
      answer: { kind: 'accepted', remediation: body, reason: 'Approved rem-1. Its guardrails are asked once more, then it goes on.' },
    });
  });

  it('that was given already is answered by the first', () => {
    const granted = asking({ approval: { ...approval, granted: { by: 'lee', at: NOW } } });
    const answer = { kind: 'already', remediation: granted, reason: `lee approved rem-1 at ${NOW} already.` };
    expect(decideApproval(granted, 'kim', inTime)).toEqual({ body: granted, answer });
    // Also when it has gone on since.
    const later = { ...granted, phase: 'launch' as const };
    expect(decideApproval(later, 'kim', inTime)).toEqual({ body: later, answer: { ...answer, remediation: later } });
  });

  const tooLate = `Too late: the time to approve rem-1 ended at ${EXPIRES}. Nothing was touched; a new alarm, or a replacement by hand, starts a new one.`;

  it.each([
    [
      'of what is over',
      asking({ state: 'vetoed', reason: 'Too late' }),
      inTime,
      'rem-1 is over (vetoed: Too late); there is nothing to approve, and nothing was touched.',
    ],
    ['of what asks for nothing', remediationOf(), inTime, 'rem-1 asks for no approval: it is in the phase confirm. Nothing was changed.'],
    ['of what asks for nothing any more', asking({ phase: 'launch' }), inTime, 'rem-1 asks for no approval: it is in the phase launch. Nothing was changed.'],
    [
      'of what has asked nobody',
      asking({ approval: undefined }),
      inTime,
      'rem-1 asks for no approval: it is in the phase await-approval. Nothing was changed.',
    ],
    ['that comes at the very end', asking(), EXPIRES, tooLate],
    ['that comes too late', asking(), addSeconds(EXPIRES, 60), tooLate],
  ] as const)('%s is refused, and changes nothing', (_what, record, at, reason) => {
    expect(decideApproval(record, 'kim', at)).toEqual({ body: record, answer: { kind: 'refused', reason } });
  });

  it('is not too late while the repair is frozen: its time stands still', () => {
    expect(decideApproval(asking({ frozen }), 'kim', addSeconds(EXPIRES, 60)).answer.kind).toBe('accepted');
  });
});

describe('an abort', () => {
  it('is noted with who, why and when, and says what becomes of the repair', () => {
    const record = remediationOf();
    const body = { ...record, abort: { by: 'kim', reason: 'wrong host', at: NOW } };
    expect(decideAbort(record, 'kim', 'wrong host', NOW)).toEqual({
      body,
      answer: { kind: 'accepted', remediation: body, reason: 'rem-1 is before the drain (confirm): what it has done is undone.' },
    });
  });

  it('that was asked for already is answered by the first', () => {
    const record = remediationOf({}, { abort: { by: 'lee', reason: 'wrong host', at: NOW } });
    expect(decideAbort(record, 'kim', 'again', inTime)).toEqual({
      body: record,
      answer: { kind: 'already', remediation: record, reason: `lee asked for the end of rem-1 at ${NOW} already: wrong host` },
    });
  });

  it('of what is over is refused, and changes nothing', () => {
    const record = remediationOf({}, { state: 'failed', reason: 'no capacity' });
    expect(decideAbort(record, 'kim', 'wrong host', NOW)).toEqual({
      body: record,
      answer: { kind: 'refused', reason: 'rem-1 is over (failed: no capacity); there is nothing to abort, and nothing was touched.' },
    });
  });

  const failure = { phase: 'launch', reason: 'no capacity' } as const;

  it.each([
    ['before the drain', { phase: 'launch' }, 'rem-1 is before the drain (launch): what it has done is undone.'],
    [
      'before the drain, frozen',
      { phase: 'launch', frozen },
      'rem-1 is before the drain (launch): what it has done is undone. It is frozen: that happens once it is resumed.',
    ],
    ['after the drain', { phase: 'quarantine' }, 'rem-1 is past its last safe point to go back (quarantine): it is finished, not undone.'],
    [
      'after the drain, frozen',
      { phase: 'quarantine', frozen },
      'rem-1 is past its last safe point to go back (quarantine): it is finished, not undone. It is frozen: that happens once it is resumed.',
    ],
    ['after a failure', { phase: 'launch', failure }, 'rem-1 is undoing or taking back already (launch) and will end that.'],
    ['on its way back', { phase: 'deregister-new' }, 'rem-1 is undoing or taking back already (deregister-new) and will end that.'],
    [
      'on its way back, frozen',
      { phase: 'deregister-new', failure, frozen },
      'rem-1 is undoing or taking back already (deregister-new) and will end that. It is frozen: that happens once it is resumed.',
    ],
  ] satisfies readonly (readonly [string, Partial<Remediation>, string])[])('%s leads there', (_what, changes, text) => {
    expect(safePointText(remediationOf({}, changes))).toBe(text);
  });
});

let clock: VirtualClock;
let store: MemoryRecordStore;
const ports = () => ({ store, scope: testScope, clock });
const record = async () => (await readRecord(store, remediationType, keys.remediation(testScope, 'rem-1')))?.body;
const timeline = async () => (await readTimeline(store, testScope, 'inc-1')).map(({ at, eventId, kind, text }) => [at, eventId, kind, text]);

beforeEach(async () => {
  clock = new VirtualClock(NOW);
  store = new MemoryRecordStore(clock);
  await createRecord(store, incidentType, keys.incident(testScope, 'inc-1'), { ...incidentOf(), id: 'inc-1' });
});

const stored = (body: Remediation) => createRecord(store, remediationType, keys.remediation(testScope, 'rem-1'), body);

describe('what a person tells a stored repair', () => {
  it('is on its record and once on the timeline: a yes', async () => {
    await stored(asking());
    clock.advance(60);
    const at = addSeconds(NOW, 60);
    expect(await approveRemediation(ports(), 'rem-1', 'kim')).toMatchObject({ kind: 'accepted' });
    expect((await record())?.approval?.granted).toEqual({ by: 'kim', at });
    clock.advance(60);
    expect(await approveRemediation(ports(), 'rem-1', 'lee')).toMatchObject({ kind: 'already', reason: `kim approved rem-1 at ${at} already.` });
    expect((await record())?.approval?.granted).toEqual({ by: 'kim', at });
    expect(await timeline()).toEqual([[at, 'rem-1:approved', 'decision', 'Approved by kim']]);
  });

  it('is on its record and once on the timeline: an abort', async () => {
    await stored(remediationOf());
    clock.advance(60);
    const at = addSeconds(NOW, 60);
    expect(await abortRemediation(ports(), 'rem-1', 'kim', 'wrong host')).toMatchObject({ kind: 'accepted' });
    expect((await record())?.abort).toEqual({ by: 'kim', reason: 'wrong host', at });
    clock.advance(60);
    expect(await abortRemediation(ports(), 'rem-1', 'lee', 'me too')).toMatchObject({ kind: 'already' });
    expect(await timeline()).toEqual([
      [at, 'rem-1:abort', 'decision', 'kim asks for its end: wrong host. rem-1 is before the drain (confirm): what it has done is undone.'],
    ]);
  });

  it.each([
    ['a yes', () => approveRemediation(ports(), 'rem-1', 'kim')],
    ['an abort', () => abortRemediation(ports(), 'rem-1', 'kim', 'wrong host')],
  ] as const)('is refused of an unknown one, and writes nothing: %s', async (_what, ask) => {
    const before = dump(store);
    expect(await ask()).toEqual({ kind: 'refused', reason: 'There is no remediation rem-1 in 111122223333/eu-central-1. Nothing was changed.' });
    expect(dump(store)).toEqual(before);
  });

  it.each([
    ['a yes', () => approveRemediation(ports(), 'rem-1', 'kim')],
    ['an abort', () => abortRemediation(ports(), 'rem-1', 'kim', 'wrong host')],
  ] as const)('is refused of one that is over, and writes nothing: %s', async (_what, ask) => {
    await stored(remediationOf({}, { state: 'succeeded', reason: 'it serves' }));
    const before = dump(store);
    expect((await ask()).kind).toBe('refused');
    expect(dump(store)).toEqual(before);
  });
});
