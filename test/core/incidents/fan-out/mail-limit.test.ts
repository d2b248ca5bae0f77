import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addSeconds, secondsBetween } from '../../../../core/environment/time.ts';
import { type Bucket, type HeldMails, MAIL_BURST, takeToken, withHeldMail, withoutMails } from '../../../../core/incidents/fan-out/mail-limit.ts';

const start = '2026-11-21T09:00:00.000Z';

/** When each of the wanted mails went out; the others were held. */
function sentAt(waits: readonly number[]): readonly string[] {
  let bucket: Bucket | undefined;
  let now = start;
  const sent: string[] = [];
  for (const wait of waits) {
    now = addSeconds(now, wait);
    const taking = takeToken(bucket, now);
    bucket = taking.bucket;
    if (taking.kind === 'taken') sent.push(now);
  }
  return sent;
}

describe('mail to one topic (S4-14)', () => {
  it('is one a second in the long run, after a small burst', () => {
    expect(sentAt(Array.from({ length: 100 }, () => 0))).toHaveLength(MAIL_BURST);
    expect(sentAt(Array.from({ length: 600 }, () => 0.1))).toHaveLength(MAIL_BURST + 59);
  });

  it('never comes near the ten a second at which SNS suspends a subscription, whatever the pace', () => {
    const waits = fc.array(
      fc.integer({ min: 0, max: 4000 }).map((milliseconds) => milliseconds / 1000),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(waits, (list) => {
        const sent = sentAt(list);
        for (const [index, at] of sent.entries()) {
          const inThisSecond = sent.slice(index).filter((later) => secondsBetween(at, later) < 1);
          expect(inThisSecond.length).toBeLessThanOrEqual(MAIL_BURST + 1);
          const inThisMinute = sent.slice(index).filter((later) => secondsBetween(at, later) < 60);
          expect(inThisMinute.length).toBeLessThanOrEqual(MAIL_BURST + 60);
        }
      }),
    );
  });

  it('gives nothing away when the clock goes back', () => {
    let bucket: Bucket = { tokens: 0, at: start };
    bucket = takeToken(bucket, addSeconds(start, -3600)).bucket;
    expect(bucket).toEqual({ tokens: 0, at: start });
    expect(takeToken(bucket, addSeconds(start, 1)).kind).toBe('taken');
    let full: Bucket = { tokens: MAIL_BURST, at: start };
    for (let index = 0; index < MAIL_BURST; index += 1) full = takeToken(full, addSeconds(start, -3600)).bucket;
    expect(takeToken(full, start).kind).toBe('empty');
  });
});

const mail = (id: string, roles: readonly string[]) => ({ id, subject: `subject ${id}`, roles });

describe('mails that wait', () => {
  it('become one for each group of readers', () => {
    let groups: readonly HeldMails[] = [];
    for (const [id, role] of [
      ['a', 'ops'],
      ['b', 'shop'],
      ['c', 'ops'],
    ] as const)
      groups = withHeldMail(groups, mail(id, [role]), start);
    expect(groups.map(({ roles, count, mails }) => [roles, count, mails.map(({ id }) => id)])).toEqual([
      [['ops'], 2, ['a', 'c']],
      [['shop'], 1, ['b']],
    ]);
  });

  it('are bounded: the record stays small, the count stays right', () => {
    let groups: readonly HeldMails[] = [];
    for (let index = 0; index < 1000; index += 1) groups = withHeldMail(groups, mail(`m${index}`, [`team-${index % 50}`]), start);
    expect(groups).toHaveLength(10);
    expect(groups.reduce((sum, { count }) => sum + count, 0)).toBe(1000);
    expect(Math.max(...groups.map(({ mails }) => mails.length))).toBe(30);
    expect(groups.at(-1)?.roles).toContain('team-49');
  });

  it('what joined after the sending stays', () => {
    const sent: HeldMails = { roles: ['ops'], openedAt: start, count: 1, mails: [{ id: 'a', subject: 'a' }] };
    const [grown] = withHeldMail([sent], mail('b', ['ops']), start);
    expect(withoutMails([grown ?? sent], sent)).toEqual([{ ...sent, count: 1, mails: [{ id: 'b', subject: 'subject b' }] }]);
    expect(withoutMails([sent], sent)).toEqual([]);
  });
});
