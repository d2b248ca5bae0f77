import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import { draftPostMortem, type PostMortemFacts } from '../../../../core/incidents/learning/post-mortem-draft.ts';
import { postMortemMarkdown } from '../../../../core/incidents/learning/post-mortem-markdown.ts';
import { addAction, addNote, newPostMortem, type PostMortem, type PostMortemChange } from '../../../../core/incidents/learning/post-mortem.ts';
import { blamingWords } from '../../../../core/incidents/learning/post-mortem-wording.ts';
import type { TimelineEvent } from '../../../../core/incidents/record.ts';
import { incidentOf, opening, remediationOf } from '../world.ts';

const at = (seconds: number) => addSeconds(opening, seconds);
const event = (seconds: number, eventId: string, kind: string, text: string): TimelineEvent => ({ at: at(seconds), eventId, incidentId: 'inc', kind, text });

const incident = incidentOf({
  severity: 'critical',
  state: 'post-mortem-due',
  resolvedAt: at(3300),
  resolution: 'The alarm shop-web-unhealthy is OK again.',
  budgetShare: { objective: 'shop-web-availability', badSeconds: 1500, share: 0.58 },
  remediationIds: ['rem-20261121T090000-0123456789'],
});

const failed = remediationOf({
  state: 'failed',
  reason: 'No capacity in eu-central-1a; the old instance stays.',
  phases: [
    { name: 'guard', startedAt: opening, endedAt: opening, outcome: 'done', reason: 'ok' },
    { name: 'launch', startedAt: opening, endedAt: opening, outcome: 'failed', reason: 'No capacity' },
  ],
});

const timeline = [
  event(0, 'signal:f1', 'signal', 'Alarm shop-web-unhealthy went off: 1 unhealthy host for 1 minute.'),
  event(9, 'notification:x:detected', 'notification', 'Told by https, email, sms: [critical] shop-web: trouble detected'),
  event(65, 'notification:r:needs-person', 'notification', 'Told by sms: [critical] shop-web: person needed: the repair failed'),
  event(1200, 'acknowledged:1', 'acknowledged', 'Acknowledged by Kim Lee until 09:50:00 UTC'),
];

const facts: PostMortemFacts = {
  incident,
  timeline,
  remediations: [failed],
  changes: [{ at: at(-720), kind: 'deploy', system: 'shop-web', isOfLinked: false, secondsBefore: 720, text: 'deploy of version 5.2.1 finished' }],
  similar: [
    {
      id: 'inc-old',
      openedAt: at(-86_400),
      secondsAgo: 86_400,
      score: 12,
      shared: ['rule', 'system'],
      isRecurrence: true,
      fixedBy: 'replacing i-1 by i-2',
      durationSeconds: 60,
    },
  ],
  dueBecause: 'It was critical and needed a person.',
  now: at(5 * 86_400),
};

function after(change: PostMortemChange): PostMortem {
  if (change.kind === 'refused') throw new Error(change.reason);
  return change.postMortem;
}

function filled(): PostMortem {
  const author = { by: 'kim', at: at(7200) };
  const begun = newPostMortem(incident, facts.dueBecause, at(4000));
  const noted = after(addNote({ ...begun, beganAt: at(-300) }, { section: 'factor', text: 'The operator should have had a | runbook <b>article</b>' }, author));
  return after(addAction(noted, { text: 'Reserve capacity in two zones', type: 'prevent', owner: 'team-shop', dueOn: '2026-11-24' }, author));
}

describe('the draft of a post-mortem', () => {
  it('is a whole document (S3-12, S4-42, S4-43, S4-44)', () => {
    expect(postMortemMarkdown(draftPostMortem({ ...facts, postMortem: filled() }))).toMatchInlineSnapshot(`
      "# Post-mortem: Alarm shop-web-unhealthy went off: 1 unhealthy host for 1 minute.

      |  |  |
      | --- | --- |
      | Incident | inc-20261121T090000-0a1b2c3d |
      | Where | account 111122223333, Region eu-central-1, system shop-web |
      | Severity | critical |
      | Owner | team-shop |
      | State | due |
      | Asked for because | It was critical and needed a person. |
      | Seen before in | inc-old |

      ## Summary

      shop-web had trouble for 55 min from 2026-11-21 09:00:00 UTC. It ended so: The alarm shop-web-unhealthy is OK again.

      ## Impact

      - On the business: Customers cannot order
      - Lasted: 55 min
      - Error budget used: 25 min, 58 % of the budget of shop-web-availability
      - Customers and revenue, in numbers: _To be filled in._

      ## How did we learn of it?

      - Source: a machine noticed it (alarm, status check or event)
      - The trouble began: 2026-11-21 08:55:00 UTC
      - Detected: 2026-11-21 09:00:00 UTC
      - Time to detect: 5 min
      - First message after: 9 s
      - Acknowledged after: 20 min

      ## Timeline

      All times on 2026-11-21, UTC.

      | time | from | what |
      | --- | --- | --- |
      | 09:00:00 | signal | Alarm shop-web-unhealthy went off: 1 unhealthy host for 1 minute. |
      | 09:00:09 | notification | Told by https, email, sms: \\[critical\\] shop-web: trouble detected |
      | 09:01:05 | notification | Told by sms: \\[critical\\] shop-web: person needed: the repair failed |
      | 09:20:00 | acknowledged | Acknowledged by a person until 09:50:00 UTC |

      ## What was automatic

      - Repair rem-20261121T090000-0123456789: replacing i-0aaa, 1 of 2 phases done; it did not work: No capacity in eu-central-1a; the old instance stays.
      - Perennial sent 2 messages about it.

      ## What people did

      - 2026-11-21 09:20:00 UTC: somebody acknowledged it, 20 min after detection.

      ## Contributing factors

      - Did this take part? shop-web, 12 min before: deploy of version 5.2.1 finished.
      - The same cause, most likely, as inc-old, which ended by replacing i-1 by i-2.
      - The operator should have had a \\| runbook \\<b\\>article\\</b\\>

      ## What went well

      - A machine noticed it; nobody had to tell us.
      - People were told 9 s after detection.
      - _To be filled in._

      ## What went poorly

      - A repair did not work.
      - It took 20 min until somebody had it.
      - One incident used 58 % of a budget.
      - _To be filled in._

      ## Where we were lucky

      - _To be filled in._

      ## Actions

      |  | action | type | owner | due | state |
      | --- | --- | --- | --- | --- | --- |
      | a1 | Reserve capacity in two zones | prevent | team-shop | 2026-11-24 | open for 4 days, overdue |

      To think about:

      - prevent: Strengthen a test case so that this is found before it is deployed; closing asks for its link.
      - investigate: It has happened before: find what both have in common.

      ## Test

      Which test now covers it? It cannot be closed without a link, or a reason why there is none.

      ## Wording to look at

      - “should have”: Say what was known at that moment and what made the decision seem right; hindsight teaches nothing.
      "
    `);
  });

  it('says how it was learned of, and how long that took (S4-43)', () => {
    expect(draftPostMortem({ ...facts, postMortem: filled() }).detection).toEqual({
      source: 'alarm',
      beganAt: at(-300),
      detectedAt: opening,
      timeToDetectSeconds: 300,
      firstToldAt: at(9),
      timeToTellSeconds: 9,
      timeToAcknowledgeSeconds: 1200,
    });
  });

  it.each([
    ['what whoever opened it said', { detectedBy: 'customer' as const }, 'customer'],
    ['a check', { subject: { type: 'check', id: 'orders' } }, 'canary'],
    ['no signal at all', { signals: {} }, 'person'],
    ['a replacement asked for by hand', { signals: { f: { state: 'firing' as const, rule: 'replace-requested', at: opening } } }, 'person'],
    ['an alarm', {}, 'alarm'],
  ])('takes the source from %s', (_what, change, source) => {
    expect(draftPostMortem({ ...facts, incident: { ...incident, ...change } }).detection.source).toBe(source);
  });

  it('tells what was automatic when nobody did anything', () => {
    const repaired = remediationOf({ state: 'succeeded', newInstanceId: 'i-0new', recoverySeconds: 112, isRtoMet: true });
    const { budgetShare: _budgetShare, ...cheap } = incident;
    const draft = draftPostMortem({ ...facts, incident: cheap, remediations: [repaired], timeline: timeline.slice(0, 2), similar: [], changes: [] });
    expect(draft.byHand).toEqual([]);
    expect(draft.summary).toEqual([
      'shop-web had trouble for 55 min from 2026-11-21 09:00:00 UTC.',
      'Perennial ended it after 1 min 52 s by replacing i-0aaa by i-0new.',
    ]);
    expect(draft.lessons.well.derived).toContain('It was repaired without anybody doing anything.');
    expect(draft.lessons.poorly.derived).toEqual([]);
  });

  it('says where an empty impact is a finding (S3-04)', () => {
    const draft = draftPostMortem({ ...facts, incident: { ...incident, impact: '' } });
    expect(draft.impact.text).toContain('Not stated in the catalog');
    expect(draft.suggestions.map(({ text }) => text)).toContain('Add "impact" to the system in the catalog.');
  });

  it('names nobody and blames nobody by itself (S3-23)', () => {
    const text = postMortemMarkdown(draftPostMortem(facts));
    expect(text).not.toMatch(/kim/i);
    expect(blamingWords(text, ['Kim Lee'])).toEqual([]);
  });

  it('shows what people wrote that blames, beside it', () => {
    expect(draftPostMortem({ ...facts, postMortem: filled() }).wording.map(({ words }) => words)).toEqual(['should have']);
  });

  it('ages open actions, and marks those that are late', () => {
    expect(draftPostMortem({ ...facts, postMortem: filled() }).actions).toMatchObject([{ id: 'a1', ageDays: 4, isOverdue: true }]);
    expect(draftPostMortem({ ...facts, postMortem: filled(), now: '2026-11-24T23:00:00.000Z' }).actions).toMatchObject([{ isOverdue: false }]);
  });

  it('stays whole and short with any text in it: no HTML, no broken table, no address', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 300 }), { maxLength: 200 }), fc.string(), (texts, title) => {
        const long = texts.map((text, index) => event(index, `e${index}`, 'signal', `${text} ops@example.com <script>`));
        const markdown = postMortemMarkdown(draftPostMortem({ ...facts, timeline: long, incident: { ...incident, title } }));
        expect(markdown).not.toContain('ops@example.com');
        expect(markdown).not.toMatch(/(?<!\\)<(?!\/?>)/);
        const rows =
          markdown
            .split('\n## Timeline\n')[1]
            ?.split('\n## ')[0]
            ?.split('\n')
            .filter((line) => line.startsWith('|')) ?? [];
        expect(rows.length).toBeLessThanOrEqual(83);
        for (const row of rows)
          expect(
            row
              .replaceAll(/\\\\/g, '')
              .replaceAll(String.raw`\|`, '')
              .split('|'),
          ).toHaveLength(5);
      }),
      { numRuns: 60 },
    );
  });
});
