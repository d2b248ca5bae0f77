import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import {
  changePostMortem,
  listOpenPostMortems,
  listPostMortems,
  openPostMortem,
  readPostMortem,
} from '../../../../core/incidents/learning/post-mortem-reading.ts';
import {
  addAction,
  addNote,
  closePostMortem,
  correctFacts,
  endAction,
  type NewAction,
  newPostMortem,
  type PostMortem,
  type PostMortemChange,
  postMortemReason,
  postMortemSchema,
} from '../../../../core/incidents/learning/post-mortem.ts';
import { readTimeline } from '../../../../core/incidents/incidents.ts';
import { type Incident, incidentType, type TimelineEvent } from '../../../../core/incidents/record.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord, readRecord } from '../../../../core/records/record-type.ts';
import { createWorld, incidentOf, opening, scope } from '../world.ts';

const author = { by: 'kim', at: addSeconds(opening, 7200) };
const share = (part: number) => ({ budgetShare: { objective: 'shop-web-availability', badSeconds: 100, share: part } });
const told = (eventId: string, text = 'Told by email'): TimelineEvent => ({ at: opening, eventId, incidentId: 'i', kind: 'notification', text });

const due = newPostMortem(incidentOf(), 'It was critical and needed a person.', opening);
const free = newPostMortem(incidentOf(), undefined, opening);
const action: NewAction = { text: 'Reserve capacity', type: 'prevent', owner: 'team-shop', dueOn: '2026-12-01' };

function after(change: PostMortemChange): PostMortem {
  if (change.kind === 'refused') throw new Error(change.reason);
  return change.postMortem;
}

describe('when a post-mortem is asked for', () => {
  it.each<[string, Partial<Incident>, readonly TimelineEvent[], boolean]>([
    ['more than 20 % of a budget', share(0.2001), [], true],
    ['exactly 20 %', share(0.2), [], false],
    ['critical, and a person was asked', { severity: 'critical' }, [told('notification:rem-1:needs-person')], true],
    ['critical, and an approval was asked for', { severity: 'critical' }, [told('notification:rem-1:approval-needed')], true],
    ['critical, and one page for many', { severity: 'critical' }, [told('notification:breaker:x', 'Told by sms: shop-web: person needed: a guardrail')], true],
    ['critical, and somebody acknowledged', { severity: 'critical', acknowledged: { by: 'kim', at: opening, until: opening } }, [], true],
    ['critical, and it was escalated', { severity: 'critical', escalation: { round: 1, level: 1, at: opening, firstRound: 1 } }, [], true],
    ['critical, but repaired without anybody', { severity: 'critical' }, [told('notification:rem-1:replacing')], false],
    ['high, and a person was asked', {}, [told('notification:rem-1:needs-person')], false],
    ['a drill', { ...share(0.9), subject: { type: 'check', id: 'drill-of-shop-web' } }, [], false],
  ])('%s', (_what, change, timeline, isDue) => {
    const incident = incidentOf(change);
    expect(postMortemReason(incident, timeline) !== undefined).toBe(isDue);
  });

  it('is decided by the share alone, strictly above 20 %', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 5, noNaN: true }), (part) => {
        expect(postMortemReason(incidentOf(share(part))) !== undefined).toBe(part > 0.2);
      }),
    );
  });
});

describe('what people add', () => {
  it('keeps notes masked, bounded and each once', () => {
    const noted = after(addNote(free, { section: 'factor', text: 'ask ops@example.com\nwhy' }, author));
    expect(noted.notes).toEqual([{ id: 'n1', section: 'factor', text: 'ask [e-mail] why', ...author }]);
    expect(addNote(noted, { section: 'factor', text: 'ask ops@example.com why' }, author).kind).toBe('already');
    expect(addNote(free, { section: 'well', text: '  ' }, author).kind).toBe('refused');
    const full = { ...free, notes: Array.from({ length: 100 }, (_, index) => ({ id: `n${index}`, section: 'well' as const, text: String(index), ...author })) };
    expect(addNote(full, { section: 'well', text: 'more' }, author).kind).toBe('refused');
  });

  it('keeps actions with type, owner and day; the same one once; done once', () => {
    const added = after(addAction(free, action, author));
    expect(added.actions).toMatchObject([{ id: 'a1', type: 'prevent', owner: 'team-shop', dueOn: '2026-12-01', state: 'open', addedBy: 'kim' }]);
    expect(addAction(added, action, author).kind).toBe('already');
    expect(addAction(free, { ...action, owner: ' ' }, author).kind).toBe('refused');
    const done = after(endAction(added, 'a1', author));
    expect(done.actions[0]).toMatchObject({ state: 'done', doneAt: author.at, doneBy: 'kim' });
    expect(endAction(done, 'a1', author).kind).toBe('already');
    expect(endAction(added, 'a7', author)).toMatchObject({ kind: 'refused', reason: 'There is no action a7; there are: a1.' });
  });

  it.each(['tomorrow', '2026-13-01', '2026-02-30', '2026-12-1', ''])('refuses the day "%s"', (dueOn) => {
    expect(addAction(free, { ...action, dueOn }, author).kind).toBe('refused');
  });

  it('corrects the beginning and the source', () => {
    const corrected = after(correctFacts(free, { beganAt: opening, detectedBy: 'customer' }, author));
    expect(corrected).toMatchObject({ beganAt: opening, detectedBy: 'customer' });
    expect(correctFacts(corrected, { detectedBy: 'customer' }, author).kind).toBe('already');
    expect(correctFacts(corrected, { detectedBy: 'canary' }, author).kind).toBe('changed');
  });

  it('never loses an earlier entry, and always writes what can be read again', () => {
    const deed = fc.oneof(
      fc
        .record({ section: fc.constantFrom('factor' as const, 'well' as const), text: fc.string() })
        .map((note) => (body: PostMortem) => addNote(body, note, author)),
      fc.string().map((text) => (body: PostMortem) => addAction(body, { ...action, text }, author)),
      fc.constantFrom('a1', 'a2').map((id) => (body: PostMortem) => endAction(body, id, author)),
      fc.constantFrom(undefined, { noTestReason: 'none fits' }).map((test) => (body: PostMortem) => closePostMortem(body, test, author)),
    );
    fc.assert(
      fc.property(fc.array(deed, { maxLength: 20 }), (deeds) => {
        let body = due;
        for (const change of deeds) {
          const answer = change(body);
          if (answer.kind !== 'changed') continue;
          expect(answer.postMortem.notes.slice(0, body.notes.length)).toEqual(body.notes);
          expect(answer.postMortem.actions.map(({ id }) => id).slice(0, body.actions.length)).toEqual(body.actions.map(({ id }) => id));
          // A closed one was closed with a test or a reason, and with a factor (S4-42, S3-12).
          if (answer.postMortem.state === 'closed') {
            expect(answer.postMortem.test).toBeDefined();
            expect(answer.postMortem.notes.some(({ section }) => section === 'factor')).toBe(true);
          }
          body = answer.postMortem;
        }
        expect(postMortemSchema.parse(structuredClone(body))).toEqual(body);
      }),
    );
  });
});

describe('closing (S4-42)', () => {
  const filled = after(addNote(due, { section: 'factor', text: 'The zone had no capacity.' }, author));

  it.each([
    ['nothing', undefined],
    ['an empty reason', { noTestReason: '  ' }],
    ['a link that is none', { link: 'we have tests' }],
  ])('is refused with %s', (_what, test) => {
    expect(closePostMortem(filled, test, author)).toMatchObject({ kind: 'refused' });
  });

  it('stays due until somebody has written down a contributing factor (S3-12)', () => {
    expect(closePostMortem(due, { link: 'https://git.example.com/1' }, author)).toMatchObject({ kind: 'refused' });
    expect(closePostMortem(free, { link: 'https://git.example.com/1' }, author)).toMatchObject({ kind: 'changed' });
  });

  it.each([[{ link: 'https://git.example.com/1' }], [{ noTestReason: 'No test can stop a whole zone.' }]])('goes through with %o', (test) => {
    const closed = after(closePostMortem(filled, test, author));
    expect(closed).toMatchObject({ state: 'closed', test, closedAt: author.at, closedBy: 'kim' });
    expect(closePostMortem(closed, test, author).kind).toBe('already');
    expect(addNote(closed, { section: 'well', text: 'late' }, author).kind).toBe('refused');
    expect(addAction(closed, action, author).kind).toBe('changed');
  });
});

async function world(change: Partial<Incident> = {}) {
  const { memory, clock, ports } = createWorld();
  const incident = incidentOf({
    state: 'post-mortem-due',
    resolvedAt: addSeconds(opening, 600),
    postMortem: { state: 'due', because: 'It was costly.' },
    ...change,
  });
  await createRecord(memory, incidentType, keys.incident(scope, incident.id), incident);
  const read = async () => (await readRecord(memory, incidentType, keys.incident(scope, incident.id)))?.body;
  return { ports: { ...ports, store: memory }, clock, incident, read };
}

describe('stored', () => {
  it('begins once, and is on the list until it is closed and its actions are done', async () => {
    const { ports, incident, read } = await world();
    await openPostMortem(ports, incident, 'It was costly.');
    const first = await readPostMortem(ports, incident.id);
    expect(await openPostMortem(ports, incident, 'Another reason.')).toEqual(first);
    expect(await listOpenPostMortems(ports)).toMatchObject([{ incidentId: incident.id, dueBecause: 'It was costly.' }]);
    const change = (deed: (body: PostMortem) => PostMortemChange) => changePostMortem(ports, incident.id, deed);
    await change((body) => addNote(body, { section: 'factor', text: 'No capacity.' }, author));
    await change((body) => addAction(body, action, author));
    await change((body) => closePostMortem(body, { noTestReason: 'none fits' }, author));
    expect(await read()).toMatchObject({ state: 'closed', closedAt: author.at, closedBy: 'kim', postMortem: { state: 'done', because: 'It was costly.' } });
    expect((await readTimeline(ports.store, scope, incident.id)).map(({ text }) => text)).toEqual(['The post-mortem is closed; no test: none fits.']);
    expect(await listOpenPostMortems(ports)).toHaveLength(1);
    await change((body) => endAction(body, 'a1', author));
    expect(await listOpenPostMortems(ports)).toEqual([]);
    expect(await listPostMortems(ports)).toHaveLength(1);
  });

  it('closes the incident also when the first try died after the post-mortem was written', async () => {
    const { ports, incident, read } = await world();
    const close = () =>
      changePostMortem(ports, incident.id, (body) =>
        closePostMortem(after(addNote(body, { section: 'factor', text: 'x' }, author)), { noTestReason: 'n' }, author),
      );
    const dying = { ...ports, store: dyingAfter(ports.store, 1) };
    await expect(
      changePostMortem(dying, incident.id, (body) =>
        closePostMortem(after(addNote(body, { section: 'factor', text: 'x' }, author)), { noTestReason: 'n' }, author),
      ),
    ).rejects.toThrow('died');
    expect((await read())?.state).toBe('post-mortem-due');
    await changePostMortem(ports, incident.id, (body) => closePostMortem(body, { noTestReason: 'n' }, author));
    expect((await read())?.state).toBe('closed');
    await expect(close()).rejects.toThrow('closed at');
  });

  it('knows no post-mortem of an incident that is not there', async () => {
    const { ports } = await world();
    expect(await changePostMortem(ports, 'inc-none', (body) => addAction(body, action, author))).toBeUndefined();
  });
});

/** Dies before the write after so many. */
function dyingAfter(inner: ReturnType<typeof createWorld>['memory'], writes: number) {
  let count = 0;
  return {
    get: inner.get.bind(inner),
    query: inner.query.bind(inner),
    list: inner.list.bind(inner),
    write: async (batch: Parameters<typeof inner.write>[0]) => {
      count += 1;
      if (count > writes) throw new Error('died');
      await inner.write(batch);
    },
  };
}
