import { beforeEach, describe, expect, it } from 'vitest';
import { systemSchema } from '../../../../core/catalog/schema.ts';
import { addSeconds } from '../../../../core/environment/time.ts';
import { readTimeline } from '../../../../core/incidents/incidents.ts';
import type { NotificationMessage } from '../../../../core/incidents/ports.ts';
import { type Incident, incidentPlaceType, incidentType, notificationType } from '../../../../core/incidents/record.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord, readRecord, updateRecord } from '../../../../core/records/record-type.ts';
import { createJournal, type JournalPorts, tellPeople } from '../../../../core/remediation/driver/journal.ts';
import { groupType, type PhaseName, type Remediation } from '../../../../core/remediation/record.ts';
import { captureType } from '../../../../core/remediation/surroundings/capture.ts';
import { VirtualClock } from '../../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../../sim/memory-record-store.ts';
import { incidentOf } from '../../incidents/world.ts';
import { groupOf, NOW, remediationOf } from '../builders.ts';
import { createWorld, OLD, testHasher, testScope, webSystem } from '../world.ts';

const END = addSeconds(NOW, 90);
let clock: VirtualClock;
let store: MemoryRecordStore;
let sent: NotificationMessage[];

const shopApi = systemSchema.parse({
  ...webSystem(),
  metadata: { name: 'shop-api' },
  spec: { ...webSystem().spec, links: [{ to: 'shop-web', kind: 'service' }] },
});

const ports = (systems = [webSystem()]): JournalPorts => ({
  store,
  scope: testScope,
  clock,
  hasher: testHasher,
  publisher: {
    publish: async (message) => {
      sent.push(message);
      return { messageId: `m-${sent.length}` };
    },
  },
  catalog: async () => ({ systems }),
});
const journal = () => createJournal(ports());

async function withIncident(changes: Partial<Incident> = {}): Promise<void> {
  const body = incidentOf({ id: 'inc-1', place: 'shop-web/1', remediationIds: ['rem-1'], ...changes });
  await updateRecord(store, incidentType, keys.incident(testScope, 'inc-1'), () => body);
  await updateRecord(store, incidentPlaceType, keys.incidentPlace(testScope, 'shop-web/1'), () => ({ place: 'shop-web/1', incidentId: 'inc-1' }));
}

const incident = async () => (await readRecord(store, incidentType, keys.incident(testScope, 'inc-1')))?.body;
/** What the timeline says, without what was sent. */
const timeline = async () =>
  (await readTimeline(store, testScope, 'inc-1')).filter(({ kind }) => kind !== 'notification').map(({ at, kind, text }) => [at, kind, text]);
const ids = () => sent.map(({ notificationId, step }) => [notificationId, step]);

beforeEach(async () => {
  clock = new VirtualClock(END);
  store = new MemoryRecordStore(clock);
  sent = [];
  await withIncident();
});

const ended = (name: PhaseName, outcome: 'done' | 'failed' | 'vetoed' | 'skipped', reason: string) => ({ name, startedAt: NOW, endedAt: END, outcome, reason });
const approval = { requestedAt: NOW, expiresAt: addSeconds(NOW, 600), findings: [], plan: { phases: [], kept: [], cannotKeep: [] } };

const phaseTold = async (before: Partial<Remediation>, after: Partial<Remediation>): Promise<void> => {
  const record = remediationOf({}, before);
  await journal().phaseEnded(record, { ...record, ...after });
};

describe('the end of a phase', () => {
  it('is one line of the timeline, however often it is told', async () => {
    const phases = [ended('launch', 'failed', 'no capacity')];
    await phaseTold({ phase: 'launch' }, { phases });
    await phaseTold({ phase: 'launch' }, { phases });
    expect(await timeline()).toEqual([[END, 'remediation', 'Launch the replacement from the approved image: failed. no capacity']]);
    await phaseTold({ phase: 'launch' }, { phases: [...phases, ...phases] });
    expect(await timeline()).toHaveLength(2);
    expect([sent, (await incident())?.state]).toEqual([[], 'open']);
  });

  it('of what is done on the way begins nothing anew', async () => {
    await phaseTold({ phase: 'capture' }, { phase: 'evidence', phases: [ended('capture', 'done', 'captured')] });
    expect([(await incident())?.state, sent]).toEqual(['open', []]);
  });

  it('is nothing where none has ended', async () => {
    await phaseTold({}, {});
    expect(await timeline()).toEqual([]);
  });

  it('that lets the repair begin says so to people, and the incident is being repaired', async () => {
    await phaseTold({ phase: 'guard' }, { phase: 'preflight', phases: [ended('guard', 'done', 'all pass')] });
    expect(await timeline()).toEqual([
      [END, 'remediation', 'Ask every guardrail, in order: done. all pass'],
      [END, 'state', 'Incident open → repairing: Replacing i-0000000000000001'],
    ]);
    expect([(await incident())?.state, ids()]).toEqual(['repairing', [['rem-1:replacing', 'replacing']]]);
  });

  it.each(['vetoed', 'failed', 'skipped'] as const)('whose guardrails have %s it begins nothing', async (outcome) => {
    await phaseTold({ phase: 'guard' }, { phase: 'finish', phases: [ended('guard', outcome, 'no')] });
    expect([(await incident())?.state, sent]).toEqual(['open', []]);
  });

  it('that asks a person says so, and nothing is being repaired yet', async () => {
    await phaseTold({ phase: 'guard' }, { phase: 'await-approval', approval, phases: [ended('guard', 'done', 'a person is asked')] });
    expect([(await incident())?.state, ids()]).toEqual(['open', [['rem-1:approval-needed', 'approval-needed']]]);
  });

  it('that has the yes already begins the repair', async () => {
    const granted = { ...approval, granted: { by: 'kim', at: NOW } };
    await phaseTold({ phase: 'guard' }, { phase: 'await-approval', approval: granted, phases: [ended('guard', 'done', 'x')] });
    expect([(await incident())?.state, ids()]).toEqual(['repairing', [['rem-1:replacing', 'replacing']]]);
  });

  it.each([
    ['a drill, of which nobody is told until it is over', { isDrill: true }, 'The drill begins', []],
    ['a way back', { revertOf: 'rem-0' }, 'Taking rem-0 back: i-0000000000000001 returns', [['rem-1:replacing', 'replacing']]],
    ['a gentler path', { path: 'reboot' }, 'Rebooting i-0000000000000001', [['rem-1:replacing', 'replacing']]],
  ] as const)('names %s', async (_what, changes, text, messages) => {
    await phaseTold({ phase: 'guard', ...changes }, { phase: 'preflight', phases: [ended('guard', 'done', 'x')] });
    expect((await timeline()).at(-1)?.[2]).toBe(`Incident open → repairing: ${text}`);
    expect(ids()).toEqual(messages);
  });
});

const over = (state: Exclude<Remediation['state'], 'running'>, changes: Partial<Remediation> = {}): Remediation =>
  remediationOf({}, { state, reason: 'because', timing: { detectedAt: NOW, decidedAt: NOW, endedAt: END }, ...changes });
const failure = (guardrail: string) => ({ phase: 'guard' as const, reason: 'because', guardrail });
const request = { by: 'kim', reason: 'odd noises', at: NOW };

describe('the end of a remediation', () => {
  beforeEach(() => withIncident({ state: 'repairing' }));

  it.each([
    ['succeeded', 'resolved', 'recovered'],
    ['failed', 'open', 'needs-person'],
    ['vetoed', 'open', 'needs-person'],
    ['stood-down', 'open', 'needs-person'],
    ['would-have', 'open', 'would-have'],
  ] as const)('as %s leaves its incident %s, and says "%s" once', async (state, incidentState, step) => {
    await journal().finished(over(state));
    await journal().finished(over(state));
    expect([(await incident())?.state, ids()]).toEqual([incidentState, [[`rem-1:${step}`, step]]]);
    expect((await timeline())[0]).toEqual([END, 'remediation', `Remediation ${state}: because`]);
  });

  it('has the time of now where nobody noted it', async () => {
    const record = over('failed');
    clock.advance(5);
    await journal().finished({ ...record, timing: { detectedAt: NOW, decidedAt: NOW } });
    expect((await timeline())[0]?.[0]).toBe(addSeconds(END, 5));
  });

  it('is nothing while it runs', async () => {
    await journal().finished(remediationOf());
    expect([await timeline(), sent]).toEqual([[], []]);
  });

  it.each(['succeeded', 'failed'] as const)('of a drill that %s is told as such, and its incident is over', async (state) => {
    await journal().finished(over(state, { isDrill: true }));
    expect([(await incident())?.state, ids()]).toEqual(['resolved', [['rem-1:drill-ended', 'drill-ended']]]);
  });

  it('needs nobody once its incident is over, however it ended', async () => {
    await withIncident({ state: 'resolved' });
    await journal().finished(over('failed'));
    expect(ids()).toEqual([['rem-1:recovered', 'recovered']]);
  });

  it('is told to who asked by hand, also when its incident is over', async () => {
    await withIncident({ state: 'resolved' });
    await journal().finished(over('failed', { request }));
    expect(ids()).toEqual([['rem-1:needs-person', 'needs-person']]);
  });

  it.each([
    ['its trouble was over, or it was left alone on purpose', { failure: failure('pending duration') }, {}, []],
    ['any other guardrail said no', { failure: failure('retry cap') }, {}, [['rem-1:needs-person', 'needs-person']]],
    ['nobody knows which guardrail said no', {}, {}, [['rem-1:needs-person', 'needs-person']]],
    ['who asked waits for an answer', { failure: failure('pending duration'), request }, {}, [['rem-1:needs-person', 'needs-person']]],
    ['it was calm by then', {}, { state: 'stable', signals: { f1: { state: 'resolved', rule: 'shop-web-unhealthy', at: NOW } } }, []],
  ] satisfies readonly (readonly [string, Partial<Remediation>, Partial<Incident>, readonly (readonly string[])[]])[])(
    'by a veto: who is told, when %s',
    async (_what, changes, incidentChanges, messages) => {
      await withIncident({ state: 'repairing', ...incidentChanges });
      await journal().finished(over('vetoed', changes));
      expect(ids()).toEqual(messages);
    },
  );

  it('that failed on "pending duration" is told all the same: only a veto is quiet', async () => {
    await journal().finished(over('failed', { failure: failure('pending duration') }));
    expect(ids()).toEqual([['rem-1:needs-person', 'needs-person']]);
  });

  it('by what an open breaker stops is one page for all of them', async () => {
    const breaker = { state: 'open', since: NOW, isProbeFailed: false } as const;
    await createRecord(store, groupType, keys.group(testScope, 'shop-web/web'), groupOf({ breaker }));
    await journal().finished(over('vetoed', { failure: failure('circuit breaker') }));
    await journal().finished(over('vetoed', { id: 'rem-2', failure: failure('circuit breaker') }));
    expect(ids()).toEqual([[`breaker:shop-web/web:${NOW}`, 'needs-person']]);
    // What has failed is no veto: a page of its own.
    await journal().finished(over('failed', { id: 'rem-3', failure: failure('circuit breaker') }));
    expect(ids().at(-1)).toEqual(['rem-3:needs-person', 'needs-person']);
  });

  it('of an incident that is not on record tells nobody, and fails at nothing', async () => {
    await journal().finished(over('failed', { incidentId: 'inc-9' }));
    expect(sent).toEqual([]);
  });

  it('of what a person asked for answers the request: it is no open signal any more', async () => {
    const trigger = { kind: 'instance.replace-requested', rule: 'replace-requested', fingerprint: 'f-ask', at: NOW, summary: 'kim asks' };
    await withIncident({ signals: { 'f-ask': { state: 'firing', rule: 'replace-requested', at: NOW } } });
    await journal().finished(over('vetoed', { request, trigger, failure: failure('pause') }));
    expect((await incident())?.signals['f-ask']).toEqual({ state: 'resolved', rule: 'replace-requested', at: END });
    expect((await timeline()).filter(([, kind]) => kind === 'signal')).toEqual([[END, 'signal', 'because']]);
  });

  it('of what nobody asked for leaves its signals to those who sent them', async () => {
    await journal().finished(over('failed'));
    expect((await incident())?.signals).toEqual(incidentOf().signals);
  });
});

const drift = () => sent.filter(({ step }) => step === 'drift');

describe('who describes an instance as code', () => {
  const success = (changes: Partial<Remediation> = {}) => over('succeeded', { oldInstanceId: OLD, newInstanceId: 'i-new', ...changes });

  beforeEach(async () => {
    const world = createWorld();
    const capture = await world.region.captures.capture(OLD, ['shop-web'], NOW);
    if (capture === undefined) throw new Error('no capture');
    const codeOwner = { tool: 'Terraform', reference: 'workspace prod, aws_instance.web' } as const;
    await createRecord(store, captureType, keys.capture(testScope, OLD), { ...capture, codeOwner });
  });

  it('hears of the new id once, with what to do before the next apply', async () => {
    await journal().finished(success());
    await journal().finished(success());
    expect(drift()).toMatchObject([
      {
        notificationId: 'rem-1:drift',
        severity: 'info',
        roles: ['operators', 'owner', 'developers', 'team-shop'],
        data: { oldInstanceId: OLD, newInstanceId: 'i-new', incidentId: 'inc-1', remediationId: 'rem-1' },
      },
    ]);
    expect(drift()[0]?.text).toContain('Described by: Terraform, workspace prod, aws_instance.web');
  });

  it.each([
    ['a drill', success({ isDrill: true })],
    ['the same instance', success({ newInstanceId: OLD })],
    ['no new instance', over('succeeded', { oldInstanceId: OLD })],
    ['an instance that nothing describes', success({ oldInstanceId: 'i-plain' })],
    ['a failure', success({ state: 'failed' })],
  ] as const)('hears nothing of %s', async (_what, record) => {
    await journal().finished(record);
    expect(drift()).toEqual([]);
  });
});

describe('a freeze and the armed page', () => {
  const frozen = { at: NOW, target: 'global', by: 'kim', reason: 'odd' };

  it('are one line of the timeline each: when it stands still, and when it goes on', async () => {
    const record = remediationOf({}, { frozen, reason: 'Frozen' });
    const after = remediationOf({}, { reason: 'It goes on' });
    for (let time = 0; time < 2; time += 1) {
      await journal().frozen(record);
      await journal().thawed(record, after);
    }
    expect(await timeline()).toEqual([
      [END, 'remediation', 'Frozen'],
      [END, 'remediation', 'It goes on'],
    ]);
    await journal().frozen({ ...record, frozen: { ...frozen, at: addSeconds(NOW, 60) } });
    await journal().thawed({ ...record, frozen: { ...frozen, at: addSeconds(NOW, 60) } }, after);
    expect(await timeline()).toHaveLength(4);
    expect(sent).toEqual([]);
  });

  it('page a person, each freeze once', async () => {
    const record = remediationOf({}, { frozen });
    await journal().frozenTooLong(record);
    await journal().frozenTooLong(record);
    expect(ids()).toEqual([[`rem-1:frozen:${NOW}`, 'needs-person']]);
  });

  it.each([
    ['a person', {}, 'needs-person'],
    ['who has not answered', { phase: 'await-approval', approval }, 'approval-needed'],
    ['a person, when somebody said yes', { phase: 'await-approval', approval: { ...approval, granted: { by: 'kim', at: NOW } } }, 'needs-person'],
    ['a person, when it is over', { phase: 'await-approval', approval, state: 'vetoed' }, 'needs-person'],
    ['a person, when it has gone on', { phase: 'launch', approval }, 'needs-person'],
  ] satisfies readonly (readonly [string, Partial<Remediation>, string])[])('ask %s when the page comes due', async (_what, changes, step) => {
    await journal().pageAnyway(remediationOf({}, changes));
    expect(ids()).toEqual([['rem-1:page-anyway', step]]);
  });
});

const telling = (changes: Partial<Incident> = {}) => ({ incident: incidentOf({ id: 'inc-1', ...changes }), step: 'needs-person', id: 'n-1' }) as const;

describe('a message to people', () => {
  it('is written once, however often it is asked for', async () => {
    await tellPeople(ports(), telling());
    await tellPeople(ports(), { ...telling(), reason: 'another one' });
    expect(ids()).toEqual([['n-1', 'needs-person']]);
  });

  it('is for those whom its step concerns, by the names that the system gives them', async () => {
    await tellPeople(ports(), telling());
    expect(sent[0]).toMatchObject({ severity: 'high', system: 'shop-web', roles: ['operators', 'owner', 'developers', 'business', 'team-shop'] });
  });

  it('is for whom somebody else has chosen, on the channels they chose', async () => {
    await tellPeople(ports(), { ...telling(), to: { roles: ['owner', 'night-desk'], channels: ['sms'] } });
    expect(sent[0]).toMatchObject({ roles: ['owner', 'night-desk', 'team-shop'], channels: ['sms'] });
  });

  it('names its remediation, and the systems that need the failing one', async () => {
    await tellPeople(ports([webSystem(), shopApi]), { ...telling(), remediation: over('failed') });
    expect((await readRecord(store, notificationType, keys.notification(testScope, 'n-1')))?.body.remediationId).toBe('rem-1');
    expect(sent[0]?.data).toMatchObject({ remediation: { id: 'rem-1' }, inventory: { 'Needed by': 'shop-api' } });
    expect(sent.map(({ notificationId }) => notificationId)).toEqual(['n-1', 'inc-1:upstream']);
  });

  it('says why there is no repair', async () => {
    await tellPeople(ports(), { ...telling(), reason: 'Nothing declares how to repair it' });
    expect(sent[0]?.text).toContain('Nothing declares how to repair it');
  });

  it('about what belongs to no system is for the roles alone', async () => {
    await tellPeople(ports(), telling({ system: undefined }));
    expect(sent[0]?.roles).toEqual(['operators', 'owner', 'developers', 'business']);
    expect(sent[0]).not.toHaveProperty('system');
  });
});
