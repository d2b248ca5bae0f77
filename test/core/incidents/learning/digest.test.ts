import { describe, expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import { digestDueAt, digestOf, type DigestSources, readDigest, rolesFor, sendDigest } from '../../../../core/incidents/learning/digest.ts';
import { composeDigest, digestRoles } from '../../../../core/incidents/learning/digest-text.ts';
import { addAction, newPostMortem, type PostMortem } from '../../../../core/incidents/learning/post-mortem.ts';
import { listOpenPostMortems } from '../../../../core/incidents/learning/post-mortem-reading.ts';
import type { NotificationMessage } from '../../../../core/incidents/ports.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord } from '../../../../core/records/record-type.ts';
import { type Remediation, remediationType } from '../../../../core/remediation/record.ts';
import type { Deployment } from '../../../../core/deployments/record.ts';
import { incidentType } from '../../../../core/incidents/record.ts';
import { incidentOf, shopWeb } from '../world.ts';
import { VirtualClock } from '../../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../../sim/memory-record-store.ts';
import { remediationOf } from '../../remediation/builders.ts';
import { testScope } from '../../remediation/world.ts';

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

const containing = (part: string): unknown => expect.stringContaining(part);

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

  it('is sent once to each role, however often the sweep runs, and again the next week', async () => {
    const { ports, sent, clock } = await world([succeeded]);
    const ids = ['digest:2026-11-16:operators', 'digest:2026-11-16:developers', 'digest:2026-11-16:business'];
    expect((await sendDigest(ports)).map(({ kind, id }) => [kind, id])).toEqual(ids.map((id) => ['sent', id]));
    expect((await sendDigest(ports)).map(({ kind }) => kind)).toEqual(ids.map(() => 'already-sent'));
    expect(sent).toHaveLength(3);
    expect(sent[0]).toMatchObject({ severity: 'info', channels: ['https', 'email'], roles: ['operators', 'owner'], data: { role: 'operators' } });
    expect(sent[2]).toMatchObject({ roles: ['business'], data: { role: 'business' } });
    clock.advance(7 * 86_400);
    expect(await sendDigest(ports)).toEqual([]);
  });

  it('sends the rest when the first try died half-way, and repeats nothing', async () => {
    const { ports, sent } = await world([succeeded]);
    const dying = {
      ...ports,
      publisher: {
        publish: async (message: NotificationMessage) => (sent.length === 1 ? Promise.reject(new Error('died')) : ports.publisher.publish(message)),
      },
    };
    await expect(sendDigest(dying)).rejects.toThrow('died');
    expect((await sendDigest(ports)).map(({ kind }) => kind)).toEqual(['already-sent', 'left-to-resend', 'sent']);
    expect(sent.map(({ notificationId }) => notificationId)).toEqual(['digest:2026-11-16:operators', 'digest:2026-11-16:business']);
  });

  it('looks once at a week in which nothing happened, too', async () => {
    const { ports } = await world([]);
    let queries = 0;
    const { store } = ports;
    const counting = {
      get: store.get.bind(store),
      write: store.write.bind(store),
      list: store.list.bind(store),
      query: (...asked: Parameters<typeof store.query>) => {
        queries += 1;
        return store.query(...asked);
      },
    };
    expect(await sendDigest({ ...ports, store: counting })).toEqual([]);
    expect(queries).toBeGreaterThan(0);
    queries = 0;
    expect(await sendDigest({ ...ports, store: counting })).toEqual([]);
    expect(queries).toBe(0);
  });

  it('sums up vetoes by guardrail, the most frequent first', () => {
    expect(digestOf({ ...nothing, remediations: [vetoedBy('pause'), vetoedBy('retry cap'), vetoedBy('retry cap')] }, NOW).vetoes).toEqual([
      { guardrail: 'retry cap', count: 2 },
      { guardrail: 'pause', count: 1 },
    ]);
  });
});

const nothing: DigestSources = {
  remediations: [],
  wouldHave: [],
  past: { from: LAST_WEEK, to: NOW, incidents: [], remediations: [], postMortems: [], isCut: false },
  deployments: [],
  budgets: [],
  postMortems: [],
};

const costly = incidentOf({
  id: 'inc-20261112T100000-1',
  severity: 'critical',
  state: 'resolved',
  openedAt: LAST_WEEK,
  resolvedAt: addSeconds(LAST_WEEK, 900),
  budgetShare: { objective: 'shop-web-availability', badSeconds: 900, share: 0.35 },
});

function withAction(dueOn: string): PostMortem {
  const begun = newPostMortem(incidentOf({ id: 'inc-20261101T090000-9' }), 'It was critical and needed a person.', '2026-11-01T10:00:00.000Z');
  const answer = addAction(
    begun,
    { text: 'Reserve capacity in two zones', type: 'prevent', owner: 'team-shop', dueOn },
    { by: 'kim', at: '2026-11-02T10:00:00.000Z' },
  );
  if (answer.kind === 'refused') throw new Error(answer.reason);
  return answer.postMortem;
}

const deploy: Deployment = {
  id: 'd',
  ...testScope,
  system: 'shop-web',
  version: '5.2.1',
  commit: '',
  previousVersion: '',
  deployer: 'kim',
  databaseChange: false,
  rollbackTested: true,
  state: 'rolled-back',
  startedAt: addSeconds(LAST_WEEK, -900),
  changedAt: addSeconds(LAST_WEEK, -600),
  findings: [],
  eventIds: [],
};

const acknowledged = {
  at: addSeconds(LAST_WEEK, 300),
  eventId: 'acknowledged:1',
  incidentId: costly.id,
  kind: 'acknowledged',
  text: 'Acknowledged by kim until 10:30:00 UTC',
};
const full: DigestSources = {
  ...nothing,
  remediations: [succeeded, vetoed],
  past: {
    ...nothing.past,
    incidents: [
      { incident: costly, timeline: [acknowledged] },
      {
        incident: incidentOf({ id: 'inc-20261113T100000-2', severity: 'warning', state: 'closed', openedAt: LAST_WEEK, resolvedAt: addSeconds(LAST_WEEK, 60) }),
        timeline: [],
      },
    ],
  },
  deployments: [deploy],
  budgets: [
    { objective: 'shop-web-availability', system: 'shop-web', budgetSeconds: 2592, consumedSeconds: 1800, remainingRatio: 0.31, sli: 0.99931, at: NOW },
  ],
  postMortems: [withAction('2026-11-10')],
};

describe('the digest of a role', () => {
  const digest = digestOf(full, '2026-11-16T06:00:00.000Z');
  it('of operators and owners has everything', () => {
    expect(`\n${composeDigest(digest, testScope).text}\n`).toMatchInlineSnapshot(`
      "
      Week to 2026-11-16: 1 recovered by the machine, 0 failed.
      Account 111122223333, Region eu-central-1, from 2026-11-09 to 2026-11-16. For: operators and owners.

      Recovery times:
        shop-web: 1 recovered, 0 failed; median 2 min 30 s, 95 % within 2 min 30 s, RTO of 10 min met in 100 %

      Vetoes: retry cap 1

      Incidents: 2
        inc-20261112T100000-1 [critical] shop-web: lasted 15 min, 35 % of a budget. Alarm shop-web-unhealthy went off: 1 unhealthy host for 1 minute.
        inc-20261113T100000-2 [warning] shop-web: lasted 1 min. Alarm shop-web-unhealthy went off: 1 unhealthy host for 1 minute.

      Error budgets now:
        shop-web-availability (shop-web): 99.931 % good, 31 % of the budget left

      Deploys:
        shop-web: 1 deploy, 0 failed, 1 rolled back

      Post-mortems due:
        inc-20261101T090000-9 shop-web, for 14 days: It was critical and needed a person.
          npm run -s perennial -- postmortem show inc-20261101T090000-9 --region eu-central-1
        inc-20261112T100000-1 shop-web, for 3 days: It used 35 % of the error budget of shop-web-availability; more than 20 % asks for a post-mortem.
          npm run -s perennial -- postmortem show inc-20261112T100000-1 --region eu-central-1

      Open actions of post-mortems:
        OVERDUE inc-20261101T090000-9 a1 (prevent, team-shop, due 2026-11-10, open for 13 days): Reserve capacity in two zones

      Work by hand: 1 intervention, 10 minutes until the trouble was over
        shop-web, shop-web-unhealthy: 1 acknowledge in 1 incident

      Alarms:
        1 incident led to no action. Most often: shop-web-unhealthy 1
        acknowledged after 5 min on average

      Look closer:
        npm run -s perennial -- remediations --region eu-central-1
        npm run -s perennial -- toil --region eu-central-1
        npm run -s perennial -- noise --region eu-central-1
      "
    `);
  });

  it('of developers has deploys, what came after them, and what is left to do (S3-26)', () => {
    expect(`\n${composeDigest(digest, testScope, 'developers').text}\n`).toMatchInlineSnapshot(`
      "
      Week to 2026-11-16: 1 deploy, 2 incidents soon after one.
      Account 111122223333, Region eu-central-1, from 2026-11-09 to 2026-11-16. For: developers.

      Deploys:
        shop-web: 1 deploy, 0 failed, 1 rolled back

      Incidents that began within an hour after a deploy of their system:
        inc-20261112T100000-1 shop-web: 10 min after version 5.2.1 was rolled back; lasted 15 min, 35 % of a budget
        inc-20261113T100000-2 shop-web: 10 min after version 5.2.1 was rolled back; lasted 1 min

      Post-mortems due:
        inc-20261101T090000-9 shop-web, for 14 days: It was critical and needed a person.
          npm run -s perennial -- postmortem show inc-20261101T090000-9 --region eu-central-1
        inc-20261112T100000-1 shop-web, for 3 days: It used 35 % of the error budget of shop-web-availability; more than 20 % asks for a post-mortem.
          npm run -s perennial -- postmortem show inc-20261112T100000-1 --region eu-central-1

      Open actions of post-mortems:
        OVERDUE inc-20261101T090000-9 a1 (prevent, team-shop, due 2026-11-10, open for 13 days): Reserve capacity in two zones

      Error budgets now:
        shop-web-availability (shop-web): 99.931 % good, 31 % of the budget left

      Look closer:
        npm run -s perennial -- incidents --region eu-central-1
      "
    `);
  });

  it('of the business is in plain words', () => {
    const { text } = composeDigest(digest, testScope, 'business');
    expect(`\n${text}\n`).toMatchInlineSnapshot(`
      "
      Week to 2026-11-16: 1 incident that customers may have noticed.
      Account 111122223333, Region eu-central-1, from 2026-11-09 to 2026-11-16. For: business.

      What happened, newest first:
        shop-web, 2026-11-12 10:00:00 UTC, lasted 15 min, used 35 % of the trouble that is allowed: Customers cannot order.

      How well it works, and how much trouble is still allowed:
        shop-web (shop-web-availability): 99.931 % good; 31 % of the budget left

      So that it does not come back: 1 improvement under way, 1 overdue; 2 reviews still to be written.
      "
    `);
    expect(text).not.toMatch(/inc-|rem-|i-0|guardrail|SLI/);
  });

  it('tells the business that nothing happened, too', () => {
    expect(composeDigest(digestOf(nothing, NOW), testScope, 'business').text).toContain('No incident touched what customers see.');
  });

  it('puts what took more than a fifth of a quarter on the plan, for who can do it', () => {
    const reason = 'shop-web-unhealthy took 31 % of the quarter of shop-web-availability';
    const planned = {
      objective: 'shop-web-availability',
      system: 'shop-web',
      kind: 'rule',
      cause: 'shop-web-unhealthy',
      badSeconds: 2400,
      share: 0.31,
      incidents: 3,
      reason,
    } as const;
    const found = digestOf({ ...nothing, plannedWork: [planned] }, NOW);
    for (const role of ['operators', 'developers'] as const)
      expect(composeDigest(found, testScope, role).text).toContain(`For the plan of the next quarter:\n  ${reason}.`);
    expect(composeDigest(found, testScope, 'business').text).not.toContain('next quarter');
  });

  it.each(digestRoles)('of %s stays bounded with any amount', (role) => {
    const many = Array.from({ length: 400 }, (_, index) => ({
      incident: incidentOf({
        id: `inc-${index}`,
        title: 'x'.repeat(200),
        impact: 'y'.repeat(1000),
        state: 'closed',
        resolvedAt: NOW,
        signals: { f: { state: 'resolved' as const, rule: `rule-${index}`, at: NOW } },
      }),
      timeline: [acknowledged],
    }));
    const actions = Array.from({ length: 300 }, () => withAction('2026-11-10'));
    const message = composeDigest(digestOf({ ...full, past: { ...full.past, incidents: many }, postMortems: actions }, NOW), testScope, role);
    expect(message.text.length + JSON.stringify(message.data).length).toBeLessThan(150_000);
    expect(message.text).not.toContain('undefined');
    expect(message.subject.length).toBeLessThanOrEqual(100);
    expect(message.sms.length).toBeLessThanOrEqual(160);
  });

  it('begins the post-mortem that nobody has begun, so that it goes on ageing', async () => {
    const { ports } = await world([]);
    await createRecord(ports.store, incidentType, keys.incident(testScope, costly.id), costly);
    await sendDigest(ports);
    expect(await listOpenPostMortems(ports)).toMatchObject([{ incidentId: costly.id, state: 'draft', dueBecause: containing('35 %') }]);
    expect((await readDigest(ports)).postMortems).toMatchObject([{ incidentId: costly.id }]);
  });

  it('goes to the teams that the catalog gives the role; who gets everything gets nothing twice', () => {
    expect(rolesFor('operators', [shopWeb])).toEqual(['operators', 'owner', 'team-shop', 'ops']);
    expect(rolesFor('developers', [shopWeb])).toEqual(['developers']);
    expect(rolesFor('business', [shopWeb])).toEqual(['business', 'sales']);
  });
});
