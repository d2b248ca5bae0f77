import * as z from 'zod/mini';
import { addSeconds, secondsBetween, type Timestamp } from '../../environment/time.ts';

/*
 * SNS tells nobody whether a mail arrived, and suspends a subscription that gets more than ten mails a second
 * (https://repost.aws/knowledge-center/sns-email-subscription-disabled). So each topic gets one a second; what comes faster is one mail later.
 */

/** One mail a second in the long run. */
const MAIL_SECONDS = 1;
/** So many may come together after a quiet time: with the one that comes free meanwhile, six in the worst second of the ten that SNS allows. */
export const MAIL_BURST = 5;

/** A token bucket; whole tokens, so that no fraction is lost or gained by rounding. */
export const bucketSchema = z.object({ tokens: z.number(), at: z.string() });
export type Bucket = z.infer<typeof bucketSchema>;

export type Taking = { readonly kind: 'taken' | 'empty'; readonly bucket: Bucket };

/** Pure: takes one token if there is one. A clock that went back gives none and takes none. */
export function takeToken(bucket: Bucket | undefined, now: Timestamp): Taking {
  const filled = bucket === undefined ? { tokens: MAIL_BURST, at: now } : refilled(bucket, now);
  return filled.tokens < 1 ? { kind: 'empty', bucket: filled } : { kind: 'taken', bucket: { ...filled, tokens: filled.tokens - 1 } };
}

function refilled({ tokens, at }: Bucket, now: Timestamp): Bucket {
  const fresh = Math.max(0, Math.floor(secondsBetween(at, now) / MAIL_SECONDS));
  // The part of a second that has begun counts for the next token, unless the bucket ran over.
  return tokens + fresh >= MAIL_BURST ? { tokens: MAIL_BURST, at: at > now ? at : now } : { tokens: tokens + fresh, at: addSeconds(at, fresh * MAIL_SECONDS) };
}

const heldMailSchema = z.object({ id: z.string(), subject: z.string() });

/** Mails that wait to become one, for the same readers. */
export const heldMailsSchema = z.object({
  roles: z.array(z.string()),
  openedAt: z.string(),
  count: z.number(),
  /** The first of them. */
  mails: z.array(heldMailSchema),
});
export type HeldMails = z.infer<typeof heldMailsSchema>;

const MAX_MAILS = 30;
/** More groups of readers than this become one: whoever reads along then is better than a page that is lost. */
const MAX_GROUPS = 10;

/** Pure: adds a mail to the group of its readers. */
export function withHeldMail(
  groups: readonly HeldMails[],
  mail: { readonly id: string; readonly subject: string; readonly roles: readonly string[] },
  now: Timestamp,
): readonly HeldMails[] {
  const { id, subject, roles } = mail;
  const same = groups.find((group) => isSameList(group.roles, roles)) ?? (groups.length < MAX_GROUPS ? undefined : groups.at(-1));
  if (same === undefined) return [...groups, { roles: [...roles], openedAt: now, count: 1, mails: [{ id, subject }] }];
  const added: HeldMails = {
    ...same,
    roles:
      isSameList(same.roles, roles) || same.roles.length === 0
        ? same.roles
        : roles.length === 0
          ? []
          : [...new Set([...same.roles, ...roles])].slice(0, MAX_ROLES),
    count: same.count + 1,
    mails: same.mails.length < MAX_MAILS ? [...same.mails, { id, subject }] : same.mails,
  };
  return groups.map((group) => (group === same ? added : group));
}

const MAX_ROLES = 160;

/** Pure: a group was sent. What joined it meanwhile stays. */
export function withoutMails(groups: readonly HeldMails[], sent: HeldMails): readonly HeldMails[] {
  return groups.flatMap((group) => {
    const isSent = group.openedAt === sent.openedAt && group.mails[0]?.id === sent.mails[0]?.id;
    if (!isSent) return [group];
    const count = group.count - sent.count;
    return count <= 0 ? [] : [{ ...group, count, mails: group.mails.slice(sent.mails.length) }];
  });
}

function isSameList(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((value, index) => value === right[index]);
}
