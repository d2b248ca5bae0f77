import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PermanentError, RetryableError } from '../../../core/environment/errors.ts';
import { channelsOf } from '../../../core/incidents/fan-out/channels.ts';
import { readTimeline } from '../../../core/incidents/incidents.ts';
import { notify, type NotificationDraft, sendDue } from '../../../core/incidents/notify.ts';
import { notificationType } from '../../../core/incidents/record.ts';
import { keys, lists } from '../../../core/records/keys.ts';
import { readRecord } from '../../../core/records/record-type.ts';
import { CrashError, createWorld, scope } from './world.ts';

const draft: NotificationDraft = {
  id: 'rem-1:replacing',
  step: 'replacing',
  severity: 'high',
  incidentId: 'inc-1',
  remediationId: 'rem-1',
  message: { subject: 'shop-web: replacing', text: 'text', sms: 'sms', data: { step: 'replacing' }, system: 'shop-web' },
};

type World = ReturnType<typeof createWorld>;

async function pendingIds({ memory }: World): Promise<readonly string[]> {
  return (await memory.list(lists.pendingNotifications(scope), { limit: 200 })).records.map(({ key }) => key.sort);
}

/** Runs until it ends without a crash, as queues and schedules do. */
async function survive(run: () => Promise<unknown>): Promise<number> {
  for (let crashes = 0; crashes < 5; crashes += 1) {
    try {
      await run();
      return crashes;
    } catch (error) {
      if (!(error instanceof CrashError)) throw error;
    }
  }
  throw new Error('it never ended');
}

describe('notify', () => {
  it('publishes once, writes the outcome and the timeline', async () => {
    const world = createWorld();
    expect(await notify(world.ports, draft)).toMatchObject({ kind: 'sent' });
    expect(await notify(world.ports, draft)).toMatchObject({ kind: 'already-sent' });
    expect(world.publisher.delivered).toEqual([
      {
        notificationId: 'rem-1:replacing',
        severity: 'high',
        step: 'replacing',
        channels: ['https', 'email'],
        roles: ['operators', 'owner', 'developers'],
        system: 'shop-web',
        subject: 'shop-web: replacing',
        text: 'text',
        sms: 'sms',
        data: { step: 'replacing' },
        isRepeat: false,
      },
    ]);
    expect(await pendingIds(world)).toEqual([]);
    expect(await readTimeline(world.memory, scope, 'inc-1')).toMatchObject([{ kind: 'notification', text: 'Told by https, email: shop-web: replacing' }]);
    const stored = await readRecord(world.memory, notificationType, keys.notification(scope, draft.id));
    expect(stored?.body).toMatchObject({ outcome: 'sent', messageId: 'message-1', attempts: 1, isRepeat: false });
  });

  it('leaves a young intent of somebody else to the resend, which sends it', async () => {
    const world = createWorld();
    world.crashes.dieAt(2, 'before');
    await expect(notify(world.ports, draft)).rejects.toThrow(CrashError);
    expect(await notify(world.ports, draft)).toMatchObject({ kind: 'left-to-resend' });
    world.clock.advance(59);
    expect(await sendDue(world.ports)).toEqual([]);
    world.clock.advance(1);
    expect(await sendDue(world.ports)).toMatchObject([{ kind: 'sent', id: draft.id }]);
    expect(world.publisher.delivered).toMatchObject([{ notificationId: draft.id, isRepeat: true }]);
    world.clock.advance(3600);
    expect(await sendDue(world.ports)).toEqual([]);
  });

  it('is delivered at least once, at most once more per crash, and once without a crash, wherever it crashes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ call: fc.integer({ min: 1, max: 4 }), moment: fc.constantFrom('before' as const, 'after' as const) }), { maxLength: 3 }),
        async (plan) => {
          const world = createWorld();
          const queue = [...plan];
          let crashed = 0;
          const step = async (run: () => Promise<unknown>) => {
            const next = queue.shift();
            if (next === undefined) world.crashes.dieAt(0, 'before');
            else world.crashes.dieAt(next.call, next.moment);
            try {
              await run();
            } catch (error) {
              if (!(error instanceof CrashError)) throw error;
              crashed += 1;
            }
          };
          for (let round = 0; round < 6; round += 1) {
            if (round < 2) await step(() => notify(world.ports, draft));
            world.clock.advance(61);
            await step(() => sendDue(world.ports));
          }
          await survive(() => notify(world.ports, draft));
          expect(world.publisher.delivered.length).toBeGreaterThanOrEqual(1);
          expect(world.publisher.delivered.length).toBeLessThanOrEqual(1 + crashed);
          expect(world.publisher.delivered.filter(({ isRepeat }) => !isRepeat).length).toBeLessThanOrEqual(1);
          expect(new Set(world.publisher.delivered.map(({ notificationId }) => notificationId))).toEqual(new Set([draft.id]));
          expect(await pendingIds(world)).toEqual([]);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('sends one repeat when two sweeps run at once', async () => {
    const world = createWorld();
    world.crashes.dieAt(3, 'before');
    await expect(notify(world.ports, draft)).rejects.toThrow(CrashError);
    world.clock.advance(61);
    await Promise.all([sendDue(world.ports), sendDue(world.ports), notify(world.ports, draft)]);
    expect(world.publisher.delivered.map(({ isRepeat }) => isRepeat)).toEqual([false, true]);
  });

  it('stops nobody when the publisher fails, keeps the error and tries again', async () => {
    const world = createWorld();
    world.publisher.failure = new RetryableError('SNS is throttled');
    expect(await notify(world.ports, draft)).toMatchObject({ kind: 'failed', reason: 'Not known to be delivered, to be sent again: SNS is throttled' });
    expect(await pendingIds(world)).toEqual([draft.id]);
    world.clock.advance(61);
    world.publisher.failure = new PermanentError('no such topic');
    expect(await sendDue(world.ports)).toMatchObject([{ kind: 'failed' }]);
    world.clock.advance(61);
    world.publisher.failure = undefined;
    expect(await sendDue(world.ports)).toMatchObject([{ kind: 'sent' }]);
    expect(world.publisher.delivered).toMatchObject([{ isRepeat: true }]);
  });

  it('gives up after a day, and says so once', async () => {
    const world = createWorld();
    world.publisher.failure = new PermanentError('no such topic');
    await notify(world.ports, draft);
    world.clock.advance(86_400);
    expect(await sendDue(world.ports)).toMatchObject([{ kind: 'failed', reason: 'Given up after 1 attempts in 24 h. The last one: no such topic' }]);
    expect(await sendDue(world.ports)).toEqual([]);
  });

  it('lets a bug of the publisher surface', async () => {
    const world = createWorld();
    world.publisher.failure = new TypeError('bug');
    await expect(notify(world.ports, draft)).rejects.toThrow(TypeError);
  });

  it('sends at most 50 a run, those that wait longest first', async () => {
    const world = createWorld();
    world.publisher.failure = new RetryableError('down');
    for (let index = 0; index < 60; index += 1) {
      await notify(world.ports, { ...draft, id: `rem-${99 - index}:replacing` });
      world.clock.advance(1);
    }
    world.clock.advance(120);
    world.publisher.failure = undefined;
    expect((await sendDue(world.ports)).map(({ id }) => id).slice(0, 2)).toEqual(['rem-99:replacing', 'rem-98:replacing']);
    expect(world.publisher.delivered).toHaveLength(50);
    expect(await sendDue(world.ports)).toHaveLength(10);
  });

  it('raises what needs a person to a severity that reaches phones', async () => {
    const world = createWorld();
    await notify(world.ports, { ...draft, step: 'needs-person', severity: 'warning' });
    expect(world.publisher.delivered).toMatchObject([{ severity: 'high', channels: ['https', 'email', 'sms'] }]);
  });
});

describe('a failed deploy', () => {
  it('is a warning, also when its event was quiet (S3-29)', async () => {
    const world = createWorld();
    const { incidentId: _incidentId, remediationId: _remediationId, ...rest } = draft;
    await notify(world.ports, { ...rest, id: 'deploy:1', step: 'deploy-failed', severity: 'info' });
    await notify(world.ports, { ...rest, id: 'deploy:2', step: 'deploy-finished', severity: 'info' });
    expect(world.publisher.delivered.map(({ severity, channels }) => [severity, channels])).toEqual([
      ['warning', ['https', 'email']],
      ['info', ['https', 'email']],
    ]);
  });
});

describe('channelsOf', () => {
  it('sends SMS only when a person is needed (S0-22, S3-22)', () => {
    expect(channelsOf('replacing', 'critical')).toEqual(['https', 'email']);
    expect(channelsOf('recovered', 'high')).toEqual(['https', 'email']);
    expect(channelsOf('needs-person', 'high')).toEqual(['https', 'email', 'sms']);
    expect(channelsOf('would-have', 'high')).toContain('sms');
    expect(channelsOf('unknown-instance', 'warning')).toEqual(['https', 'email']);
  });

  it('pages critical at once, holds high while a repair runs, mails warnings (design section 2)', () => {
    expect(channelsOf('detected', 'critical')).toContain('sms');
    expect(channelsOf('detected', 'high')).toEqual(['https']);
    expect(channelsOf('detected', 'warning')).toEqual(['https', 'email']);
  });
});
