import { describe, expect, it } from 'vitest';
import { RetryableError } from '../../../../core/environment/errors.ts';
import { flushBundles, smsLimitsOf } from '../../../../core/incidents/fan-out/flush-bundles.ts';
import { limitPublisher } from '../../../../core/incidents/fan-out/limited-publisher.ts';
import { readTimeline } from '../../../../core/incidents/incidents.ts';
import { notify, sendDue } from '../../../../core/incidents/notify.ts';
import type { NotificationMessage } from '../../../../core/incidents/ports.ts';
import type { SmsLimits } from '../../../../core/incidents/fan-out/sms-bundles.ts';
import { routeOf } from '../routes.ts';
import { CrashError, createWorld, scope } from '../world.ts';

function createLimited(limits: SmsLimits = { operators: 200 }) {
  const world = createWorld();
  const smsLimits = async () => Promise.resolve(limits);
  const publisher = limitPublisher({ ...world.ports, smsLimits });
  return { ...world, limited: { ...world.ports, publisher, smsLimits } };
}

type Limited = ReturnType<typeof createLimited>;

/** A page: https, e-mail and SMS. */
function page({ limited }: Limited, id: string, roles: readonly string[] = ['operators']) {
  return notify(limited, {
    id,
    step: 'needs-person',
    severity: 'high',
    incidentId: `inc-${id}`,
    roles,
    message: { subject: `subject ${id}`, text: 'text', sms: `sms ${id}`, data: {}, system: `system-${id}` },
  });
}

const by = (channel: 'sms' | 'email' | 'https', delivered: readonly NotificationMessage[]) => delivered.filter(({ channels }) => channels.includes(channel));

describe('SMS pages (S4-14)', () => {
  it('the first goes at once with everything; more within 120 s are one message at their end, and HTTPS is never held', async () => {
    const world = createLimited();
    for (const id of ['a', 'b', 'c']) {
      await page(world, id);
      world.clock.advance(10);
    }
    expect(by('sms', world.publisher.delivered).map(({ notificationId }) => notificationId)).toEqual(['a']);
    expect(by('https', world.publisher.delivered)).toHaveLength(3);
    expect(by('email', world.publisher.delivered)).toHaveLength(3);
    expect(await flushBundles(world.limited)).toEqual([]);
    world.clock.advance(100);
    expect(await flushBundles(world.limited)).toMatchObject([{ kind: 'sent' }]);
    const bundle = world.publisher.delivered.at(-1);
    expect(bundle).toMatchObject({ channels: ['sms'], roles: ['operators'], severity: 'high', step: 'delivery' });
    expect(bundle?.sms).toBe('2 more pages: system-b, system-c. perennial status, eu-central-1.');
    expect(await flushBundles(world.limited)).toEqual([]);
  });

  it('says on the timeline what waits', async () => {
    const world = createLimited();
    await page(world, 'a');
    await page(world, 'b');
    const texts = (await readTimeline(world.memory, scope, 'inc-b')).map(({ text }) => text);
    expect(texts).toContain('Told by https, email, sms: subject b (the SMS of operators waits to become one with others)');
  });

  it('rings the phones of a team that was quiet, when those of others wait', async () => {
    const world = createLimited();
    await page(world, 'a', ['operators', 'team-a']);
    await page(world, 'b', ['operators', 'team-b']);
    expect(world.publisher.delivered.slice(1).map(({ channels, roles }) => [channels, roles])).toEqual([
      [
        ['https', 'email'],
        ['operators', 'team-b'],
      ],
      [['sms'], ['team-b']],
    ]);
  });

  it('a repetition is decided as the first attempt was: counted once, bundled once', async () => {
    const world = createLimited();
    await page(world, 'a');
    world.publisher.failure = new RetryableError('throttled');
    await page(world, 'b');
    world.publisher.failure = undefined;
    world.clock.advance(61);
    await sendDue(world.limited);
    expect(world.publisher.delivered.at(-1)).toMatchObject({ notificationId: 'b', isRepeat: true, channels: ['https', 'email'] });
    world.clock.advance(60);
    await flushBundles(world.limited);
    expect(world.publisher.delivered.at(-1)?.sms).toContain('1 more page: system-b');
  });

  it('a crash at any call of a flush costs at most one repeat and loses nothing', async () => {
    for (const moment of ['before', 'after'] as const) {
      for (let call = 1; call <= 6; call += 1) {
        const world = createLimited();
        await page(world, 'a');
        await page(world, 'b');
        world.clock.advance(130);
        world.crashes.dieAt(call, moment);
        await flushBundles(world.limited).catch((error: unknown) => {
          if (!(error instanceof CrashError)) throw error;
        });
        world.crashes.dieAt(0, 'before');
        world.clock.advance(70);
        await flushBundles(world.limited);
        await sendDue(world.limited);
        const bundles = world.publisher.delivered.filter(({ step, channels }) => step === 'delivery' && channels.includes('sms'));
        expect(new Set(bundles.map(({ notificationId }) => notificationId)).size, `${moment} ${call}`).toBe(1);
        expect(bundles.length, `${moment} ${call}`).toBeLessThanOrEqual(2);
        expect(bundles.slice(1).every(({ isRepeat }) => isRepeat)).toBe(true);
      }
    }
  });

  it('a month has its limit: beyond it pages go by mail and HTTPS, with one warning', async () => {
    const world = createLimited({ operators: 2 });
    for (const id of ['a', 'b', 'c', 'd']) {
      await page(world, id);
      world.clock.advance(300);
    }
    expect(by('sms', world.publisher.delivered).map(({ notificationId }) => notificationId)).toEqual(['a', 'b']);
    expect(by('email', world.publisher.delivered)).toHaveLength(4);
    expect((await readTimeline(world.memory, scope, 'inc-c')).at(-1)?.text).toContain('no SMS to operators: those of this month are used up');
    const warnings = [...(await flushBundles(world.limited)), ...(await flushBundles(world.limited))];
    expect(warnings).toMatchObject([{ kind: 'sent', id: 'sms-used-up:2026-11:operators' }]);
    expect(world.publisher.delivered.at(-1)).toMatchObject({ severity: 'warning', channels: ['https', 'email'] });
    world.clock.set('2026-12-01T00:00:01.000Z');
    await page(world, 'e');
    expect(by('sms', world.publisher.delivered).at(-1)?.notificationId).toBe('e');
  });

  it('what is beyond the limit is not bundled either', async () => {
    const world = createLimited({ operators: 1 });
    await page(world, 'a');
    world.clock.advance(1);
    await page(world, 'b');
    world.clock.advance(130);
    await flushBundles(world.limited);
    expect(by('sms', world.publisher.delivered)).toHaveLength(1);
  });

  it('the limits are those of the catalog; 200 where it says nothing', () => {
    const phone = { to: [{ smsParameter: '/perennial/contacts/ops-phone' }] };
    const routes = [
      routeOf('a', 'operators', phone),
      routeOf('b', 'team-b', { ...phone, smsPagesPerMonth: 30 }),
      routeOf('c', 'team-b', phone),
      routeOf('d', 'mail'),
    ];
    expect(smsLimitsOf({ routes })).toEqual({ operators: 200, 'team-b': 200 });
  });
});

describe('mail (S4-14)', () => {
  it('what comes faster than one a second is one mail later; programs had each at once', async () => {
    const world = createLimited();
    for (let index = 0; index < 20; index += 1) await page(world, `m${index}`);
    expect(by('https', world.publisher.delivered)).toHaveLength(20);
    expect(by('email', world.publisher.delivered)).toHaveLength(5);
    world.clock.advance(60);
    const sent = await flushBundles(world.limited);
    expect(sent.map(({ kind }) => kind)).toEqual(['sent']);
    const digest = world.publisher.delivered.at(-1);
    expect(digest).toMatchObject({ channels: ['email'], roles: ['operators'], subject: '[high] 15 messages in one mail (eu-central-1)' });
    for (let index = 5; index < 20; index += 1) expect(digest?.text).toContain(`subject m${index}`);
    expect(await flushBundles(world.limited)).toEqual([]);
  });
});

const down = async (): Promise<never> => Promise.reject(new RetryableError('throttled'));

describe('a limit costs no page', () => {
  it('without records everything goes out', async () => {
    const world = createLimited();
    const store = { get: down, write: down, query: down, list: down };
    const publisher = limitPublisher({ ...world.ports, store, smsLimits: async () => Promise.resolve({}) });
    const message = {
      notificationId: 'x',
      severity: 'high',
      channels: ['https', 'email', 'sms'],
      subject: '',
      text: '',
      sms: '',
      data: {},
      isRepeat: false,
    } as const;
    await publisher.publish(message);
    expect(world.publisher.delivered).toEqual([message]);
  });

  it('what goes to no phone and no mailbox is not looked at', async () => {
    const world = createLimited();
    const message = { notificationId: 'x', severity: 'high', channels: ['https'], subject: '', text: '', sms: '', data: {}, isRepeat: false } as const;
    await world.limited.publisher.publish(message);
    expect(world.crashes.calls).toBe(1);
  });
});
