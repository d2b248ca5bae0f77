import { beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { doctorSchema, subscriptionConfirmedSchema, subscriptionsSchema } from '../../cli/schemas.ts';
import { publishCatalog } from '../../core/catalog/published.ts';
import { MemorySubscriptions } from '../core/incidents/memory-subscriptions.ts';
import { routeOf } from '../core/incidents/routes.ts';
import { catalogOf } from '../core/inventory/world.ts';
import { testScope } from '../core/remediation/world.ts';
import { containing, createDesk, type Desk, type, typeJson } from './terminal.ts';

const topicArn = (name: string) => `arn:aws:sns:eu-central-1:111122223333:${name}`;
const outputs = {
  CriticalTopicArn: topicArn('critical'),
  HighTopicArn: topicArn('high'),
  WarningTopicArn: topicArn('warning'),
  InfoTopicArn: topicArn('info'),
  PlatformTopicArn: topicArn('platform'),
};

let desk: Desk;
let subscriptions: MemorySubscriptions;

beforeEach(async () => {
  subscriptions = new MemorySubscriptions();
  desk = await createDesk({ subscriptions });
  desk = { ...desk, target: { ...desk.target, outputs: { ...desk.target.outputs, ...outputs } } };
  const { store, clock, system, policy } = desk.world;
  const routes = [routeOf('operators', 'operators', { severities: ['high'] })];
  await publishCatalog({ store, scope: testScope, clock }, { ...catalogOf([system], [policy], 'b'.repeat(64)), routes });
});

const linkOf = (topic: string, token: string) => `https://sns.eu-central-1.amazonaws.com/confirmation.html?TopicArn=${topicArn(topic)}&Token=${token}`;

function subscribeAll(): readonly string[] {
  return ['high', 'platform'].map((topic) =>
    subscriptions.subscribe(topicArn(topic), { protocol: 'email', endpoint: 'operators@example.com', state: 'pending' }),
  );
}

describe('subscriptions list', () => {
  it('says of every subscription of the catalog whether it stands; exit 2 while one does not', async () => {
    const { exitCode, json } = await typeJson(['subscriptions', 'list'], desk.target);
    expect(exitCode).toBe(2);
    expect(z.parse(subscriptionsSchema, json)).toMatchObject([
      { id: 'high/email/operators', state: 'vanished', roles: ['operators'], reason: containing('is gone') },
      { id: 'platform/email/operators', state: 'vanished', roles: null },
    ]);
    expect((await type(['subscriptions', 'list'], desk.target)).out).not.toContain('operators@example.com');
  });

  it('follows a confirmation, and so does doctor', async () => {
    const [high = '', platform = ''] = subscribeAll();
    expect((await type(['subscriptions', 'list'], desk.target)).out).toContain('pending');
    const { exitCode, json } = await typeJson(['subscriptions', 'confirm', linkOf('high', high)], desk.target);
    expect([exitCode, z.parse(subscriptionConfirmedSchema, json)]).toEqual([0, { topic: 'high', topicArn: topicArn('high'), isProtected: true }]);
    expect((await type(['subscriptions', 'confirm', linkOf('platform', platform)], desk.target)).out).toContain('only this account can end it');
    expect((await type(['subscriptions', 'list'], desk.target)).exitCode).toBe(0);
    const findings = z.parse(doctorSchema, (await typeJson(['doctor'], desk.target)).json);
    expect(findings.find(({ id }) => id === 'subscriptions')).toMatchObject({ state: 'ok' });
  });
});

describe('doctor', () => {
  it('names what does not stand, although SNS counts all as confirmed', async () => {
    subscriptions.subscribe(topicArn('high'), { protocol: 'email', endpoint: 'operators@example.com', state: 'confirmed' });
    const findings = z.parse(doctorSchema, (await typeJson(['doctor'], desk.target)).json);
    expect(findings.find(({ id }) => id === 'subscriptions')).toMatchObject({ state: 'problem', reason: containing('can be ended by whoever reads') });
  });
});

describe('subscriptions confirm', () => {
  it.each([
    ['https://evil.example/?TopicArn=x&Token=y', 'That is no confirmation link of SNS'],
    [linkOf('elsewhere', 'f'.repeat(64)), 'which is no topic of the stack Perennial'],
    [linkOf('high', 'f'.repeat(64)), 'Invalid token'],
  ])('refuses %s', async (link, reason) => {
    subscribeAll();
    expect(await type(['subscriptions', 'confirm', link], desk.target)).toMatchObject({ exitCode: 1, error: containing(reason) });
    expect((await subscriptions.list(topicArn('high'))).every(({ state }) => state === 'pending')).toBe(true);
  });
});
