import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareSubscriptions,
  findSubscriptionGaps,
  type FoundSubscription,
  readConfirmationLink,
  wantedSubscriptions,
} from '../../../../core/incidents/fan-out/subscriptions.ts';
import { MemorySubscriptions } from '../memory-subscriptions.ts';
import { routeOf } from '../routes.ts';
import { shopWeb } from '../world.ts';

const phone = { smsParameter: '/perennial/contacts/ops-phone' };
const mail = { email: 'ops@example.com' };
const hook = { https: 'https://chat.example.com/hook' };
const catalog = { systems: [shopWeb], routes: [routeOf('operators', 'operators', { to: [mail, phone, hook] })] };
const standing: readonly FoundSubscription[] = [
  { protocol: 'email', endpoint: 'ops@example.com', state: 'confirmed' },
  { protocol: 'sms', endpoint: '+4915100000000', state: 'confirmed' },
  { protocol: 'https', endpoint: 'https://chat.example.com/hook', state: 'confirmed' },
];
const wanted = wantedSubscriptions(catalog).filter(({ topic }) => topic === 'high');

describe('the subscriptions of a catalog', () => {
  it('are one for each topic and address; routes with the same address share it and its roles', () => {
    const routes = [routeOf('a', 'operators', { to: [mail] }), routeOf('b', 'team-shop', { to: [mail], severities: ['high', 'info'] })];
    const shared = wantedSubscriptions({ systems: [shopWeb], routes });
    expect(shared.map(({ topic, routes: names, roles }) => [topic, names, roles])).toEqual([
      ['critical', ['a'], ['operators']],
      ['high', ['a', 'b'], ['operators', 'team-shop']],
      ['info', ['b'], ['team-shop']],
      ['platform', ['a', 'b'], undefined],
    ]);
    const [everything] = wantedSubscriptions({ systems: [shopWeb], routes: [...routes, routeOf('c', 'nobody', { to: [mail] })] });
    expect(everything?.roles).toBeUndefined();
  });

  it('filter no more values than SNS takes', () => {
    const routes = Array.from({ length: 151 }, (_, index) => routeOf(`r${index}`, `team-${index}`, { to: [mail] }));
    const owners = { ...shopWeb.spec.owners, operators: routes.map(({ spec }) => spec.role).slice(0, 50) };
    const systems = [0, 50, 100, 150].map((start) => ({
      ...shopWeb,
      spec: { ...shopWeb.spec, owners: { ...owners, operators: routes.slice(start, start + 50).map(({ spec }) => spec.role) } },
    }));
    expect(wantedSubscriptions({ systems, routes: routes.slice(0, 150) })[0]?.roles).toHaveLength(150);
    expect(wantedSubscriptions({ systems, routes })[0]?.roles).toBeUndefined();
  });
});

describe('compared with what SNS has (S4-14, S4-15)', () => {
  it('finds nothing when all stand, whatever else is subscribed', () => {
    const others: FoundSubscription = { protocol: 'sqs', endpoint: 'arn:aws:sqs:x', state: 'pending' };
    expect(compareSubscriptions(wanted, [...standing, others])).toEqual([]);
    const [first, ...rest] = standing;
    expect(compareSubscriptions(wanted, [...rest, { ...(first ?? others), endpoint: 'OPS@Example.com' }])).toEqual([]);
  });

  it.each([
    ['pending', 'pending'],
    ['deleted', 'vanished'],
  ] as const)('one that is %s is %s; the text says what to do and names no address', (state, kind) => {
    const found = standing.map((one) => (one.protocol === 'email' ? { ...one, state } : one));
    const findings = compareSubscriptions(wanted, found);
    expect(findings).toMatchObject([{ kind, topic: 'high', channel: 'email', routes: ['operators'] }]);
    expect(findings[0]?.text).toMatch(/^The email subscription of the route operators to the topic high .*\.$/);
    expect(findings[0]?.text).not.toContain('@');
  });

  it('one that anybody can end is said', () => {
    const found = standing.map((one) => (one.protocol === 'email' ? { ...one, isProtected: false } : one));
    expect(compareSubscriptions(wanted, found)).toMatchObject([{ kind: 'unprotected' }]);
    expect(
      compareSubscriptions(
        wanted,
        standing.map((one) => ({ ...one, isProtected: true })),
      ),
    ).toEqual([]);
  });

  it('phones are counted: the catalog knows no number', () => {
    expect(
      compareSubscriptions(
        wanted,
        standing.filter(({ protocol }) => protocol !== 'sms'),
      ),
    ).toMatchObject([{ kind: 'vanished', channel: 'sms' }]);
  });

  it('any that does not stand is found, and no other', () => {
    const broken = fc.subarray([...standing]);
    fc.assert(
      fc.property(broken, (left) => {
        const gone = standing.filter((one) => !left.includes(one)).map(({ protocol }) => protocol);
        expect(
          compareSubscriptions(wanted, left)
            .map(({ channel }) => channel)
            .toSorted(),
        ).toEqual(gone.toSorted());
      }),
    );
  });

  it('all topics, each by its own ARN; one that the stack has not is left out', async () => {
    const reader = new MemorySubscriptions();
    for (const topic of ['arn:critical', 'arn:high']) for (const one of standing) reader.subscribe(topic, one);
    const findings = await findSubscriptionGaps(reader, { critical: 'arn:critical', high: 'arn:high', warning: 'arn:warning' }, catalog);
    expect(findings).toEqual([]);
    expect(await findSubscriptionGaps(reader, { platform: 'arn:platform' }, catalog)).toHaveLength(3);
    expect(await findSubscriptionGaps(reader, { high: 'arn:high' }, catalog, true)).toMatchObject([{ kind: 'unprotected' }]);
  });
});

describe('a confirmation link', () => {
  const token = '2336412f37fb687f5d51e6e2425a8a5871e6dc6adc0d9cd2d3d6d5e6a1b2c3d4';
  const topicArn = 'arn:aws:sns:eu-central-1:111122223333:Perennial-TopicsHigh1A2B';

  it.each([
    `https://sns.eu-central-1.amazonaws.com/confirmation.html?TopicArn=${topicArn}&Token=${token}&Endpoint=ops@example.com`,
    `https://sns.eu-central-1.amazonaws.com/confirmation.html?TopicArn=${encodeURIComponent(topicArn)}&Token=${token}`,
    ` https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=${topicArn}&Token=${token} `,
    `https://sns.cn-north-1.amazonaws.com.cn/confirmation.html?Token=${token}&TopicArn=${topicArn}`,
  ])('is read: %s', (link) => {
    expect(readConfirmationLink(link)).toEqual({ topicArn, token });
  });

  it.each([
    '',
    token,
    `http://sns.eu-central-1.amazonaws.com/confirmation.html?TopicArn=${topicArn}&Token=${token}`,
    `https://sns.eu-central-1.amazonaws.com.evil.example/confirmation.html?TopicArn=${topicArn}&Token=${token}`,
    `https://evil.example/https://sns.eu-central-1.amazonaws.com/confirmation.html?TopicArn=${topicArn}&Token=${token}`,
    `https://sns.eu-central-1.amazonaws.com/confirmation.html?TopicArn=${topicArn}`,
    `https://sns.eu-central-1.amazonaws.com/confirmation.html?TopicArn=arn:aws:sqs:x&Token=${token}`,
    `https://sns.eu-central-1.amazonaws.com/confirmation.html?TopicArn=%E0%A4%A&Token=${token}`,
    'x'.repeat(100_000),
  ])('of another kind is refused: %.60s', (link) => {
    expect(readConfirmationLink(link)).toBeUndefined();
  });
});
