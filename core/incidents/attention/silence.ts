import * as z from 'zod/mini';
import { openWindow } from '../../catalog/maintenance.ts';
import { PermanentError } from '../../environment/errors.ts';
import type { Clock, Scope } from '../../environment/ports.ts';
import { present } from '../../environment/present.ts';
import { addSeconds, secondsBetween, type Timestamp } from '../../environment/time.ts';
import { keys, partitions } from '../../records/keys.ts';
import { createRecord, type RecordType, readAll, updateRecord } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import { maskedLine } from '../../signals/mask.ts';
import { type Incident, severitySchema } from '../record.ts';
import { matchesGlob } from '../../catalog/glob.ts';
import { isInside, timeIntervalSchema } from './time-interval.ts';

/** A silence ends by itself: one that nobody remembers hides trouble for good. */
const MAX_SILENCE_SECONDS = 30 * 86_400;
const MAX_REASON_CHARACTERS = 200;
/** Kept after its end, so that a post-mortem can ask who was silenced by whom. */
const KEPT_SECONDS = 90 * 86_400;

const globSchema = z.string().check(z.minLength(1), z.maxLength(255));

/** All that are given must match; at least one is. `*` stands for any characters. */
const matchersSchema = z
  .object({
    system: z.optional(globSchema),
    severities: z.optional(z.array(severitySchema).check(z.minLength(1), z.maxLength(4))),
    rule: z.optional(globSchema),
    instance: z.optional(globSchema),
  })
  // An empty selector must never mean "everything" (Site Reliability Workbook, chapter 10).
  .check(
    z.refine(
      (matchers) => Object.values(matchers).some((matcher) => matcher !== undefined),
      'must say what is silenced: a system, a severity, a rule or an instance',
    ),
  );
export type SilenceMatchers = z.infer<typeof matchersSchema>;

/** When, within its start and end, a recurring silence holds: from each moment of a cron schedule for so long, or inside an interval. */
const recurrenceSchema = z.union([z.object({ schedule: z.string(), timeZone: z.string(), durationMinutes: z.number() }), timeIntervalSchema]);
export type SilenceRecurrence = z.infer<typeof recurrenceSchema>;

export const silenceSchema = z.object({
  id: z.string(),
  accountId: z.string(),
  region: z.string(),
  matchers: matchersSchema,
  author: z.string(),
  reason: z.string(),
  createdAt: z.string(),
  startsAt: z.string(),
  /** At most 30 days after its start. */
  endsAt: z.string(),
  recurring: z.optional(recurrenceSchema),
  /** Who ended it before its time. */
  endedBy: z.optional(z.string()),
});
export type Silence = z.infer<typeof silenceSchema>;

export const silenceType: RecordType<Silence> = {
  name: 'silence',
  schema: silenceSchema,
  expiresAt: ({ endsAt }) => addSeconds(endsAt, KEPT_SECONDS),
};

export type SilenceState = 'pending' | 'active' | 'resting' | 'expired';

/** Pure: where a silence stands; `resting`: it recurs, and is between two of its times. Its end is not part of it. */
export function silenceState({ id, author, startsAt, endsAt, recurring }: Silence, now: Timestamp): SilenceState {
  if (now >= endsAt) return 'expired';
  if (now < startsAt) return 'pending';
  if (recurring === undefined) return 'active';
  return holdsAt(recurring, { id, author }, now) ? 'active' : 'resting';
}

function holdsAt(recurring: SilenceRecurrence, { id, author }: Pick<Silence, 'id' | 'author'>, now: Timestamp): boolean {
  if (!('schedule' in recurring)) return isInside(recurring, now);
  const window = {
    apiVersion: 'perennial/v1' as const,
    kind: 'MaintenanceWindow' as const,
    metadata: { name: id, labels: {} },
    spec: { ...recurring, systems: [id], author },
  };
  return openWindow([window], id, now) !== undefined;
}

/** Pure: whether the incident is what the silence speaks of. What an incident does not have is matched by nothing. */
export function isSilencedBy({ matchers }: Pick<Silence, 'matchers'>, incident: Incident): boolean {
  const { system, severities, rule, instance } = matchers;
  return (
    (system === undefined || (incident.system !== undefined && matchesGlob(system, incident.system))) &&
    (severities === undefined || severities.includes(incident.severity)) &&
    (rule === undefined || isAllOf(rule, incident)) &&
    (instance === undefined || (incident.subject.type === 'instance' && matchesGlob(instance, incident.subject.id)))
  );
}

/** Every rule that fires must be meant: a silenced alarm must not hide another one of the same incident. */
function isAllOf(rule: string, { signals }: Incident): boolean {
  const firing = Object.values(signals).filter(({ state }) => state === 'firing');
  return firing.length > 0 && firing.every((signal) => matchesGlob(rule, signal.rule));
}

/** The silence that holds for this incident now, the one that ends last; `undefined` without any. Pure. */
export function activeSilence(silences: readonly Silence[], incident: Incident, now: Timestamp): Silence | undefined {
  return silences
    .filter((silence) => silenceState(silence, now) === 'active' && isSilencedBy(silence, incident))
    .toSorted((left, right) => (left.endsAt < right.endsAt ? 1 : -1))[0];
}

interface SilencePorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
}

/** All silences that are kept, oldest first. */
export async function readSilences({ store, scope }: Pick<SilencePorts, 'store' | 'scope'>): Promise<readonly Silence[]> {
  return (await readAll(silenceType, (page) => store.query(partitions.silences(scope), '', page))).map(({ body }) => body);
}

export interface NewSilence {
  /** The same for every repetition. */
  readonly id: string;
  readonly matchers: SilenceMatchers;
  readonly author: string;
  readonly reason: string;
  readonly startsAt: Timestamp;
  readonly endsAt: Timestamp;
  readonly recurring?: SilenceRecurrence | undefined;
}

/**
 * Stores a silence; the reason is masked. The same id again changes nothing.
 *
 * Errors: `PermanentError` that says which bound it breaks.
 */
export async function addSilence({ store, scope, clock }: SilencePorts, wanted: NewSilence): Promise<Silence> {
  const now = clock.now();
  const refusal = refusalOf(wanted, now);
  if (refusal !== undefined) throw new PermanentError(`${refusal} Nothing was silenced.`);
  const { id, matchers, author, startsAt, endsAt, recurring } = wanted;
  const reason = maskedLine(wanted.reason.trim(), MAX_REASON_CHARACTERS);
  const { accountId, region } = scope;
  const silence: Silence = { id, accountId, region, matchers, author, reason, createdAt: now, startsAt, endsAt, ...present({ recurring }) };
  const parsed = z.safeParse(silenceSchema, silence);
  if (!parsed.success) throw new PermanentError(`This silence cannot be: ${z.prettifyError(parsed.error)}. Nothing was silenced.`);
  await createRecord(store, silenceType, keys.silence(scope, id), parsed.data);
  return parsed.data;
}

function refusalOf({ reason, startsAt, endsAt, recurring }: NewSilence, now: Timestamp): string | undefined {
  if (reason.trim() === '') return 'A silence needs a reason: others will ask at night.';
  if (endsAt <= startsAt) return 'A silence must end after it starts.';
  if (endsAt <= now) return 'This silence would be over already.';
  if (secondsBetween(startsAt, endsAt) > MAX_SILENCE_SECONDS)
    return 'A silence lasts 30 days at most; what is to be quiet for longer belongs into the catalog.';
  if (recurring !== undefined && 'schedule' in recurring) return cronRefusal(recurring, startsAt);
  return undefined;
}

function cronRefusal(recurring: Extract<SilenceRecurrence, { schedule: string }>, at: Timestamp): string | undefined {
  const { durationMinutes } = recurring;
  if (!Number.isInteger(durationMinutes) || durationMinutes < 1 || durationMinutes > 7 * 1440)
    return 'Each time of a recurring silence lasts 1 minute to 7 days.';
  try {
    holdsAt(recurring, { id: 'check', author: '' }, at);
    return undefined;
  } catch {
    return `"${recurring.schedule}" in ${recurring.timeZone} is no schedule: write five fields such as "0 2 * * 6", and a zone such as "Asia/Seoul".`;
  }
}

/** Ends a silence now; what it muted and is still bad is told within a minute. `undefined`: there is none of that id. */
export async function endSilence(
  { store, scope, clock }: SilencePorts,
  id: string,
  by: string,
): Promise<{ readonly silence: Silence; readonly isChanged: boolean } | undefined> {
  const now = clock.now();
  const { body, written } = await updateRecord(store, silenceType, keys.silence(scope, id), (silence) =>
    silence === undefined || silence.endsAt <= now
      ? silence
      : { ...silence, endsAt: now, startsAt: silence.startsAt < now ? silence.startsAt : now, endedBy: by },
  );
  return body === undefined ? undefined : { silence: body, isChanged: written };
}
