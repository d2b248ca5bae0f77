import * as z from 'zod/mini';
import { systemHasher } from '../../aws/runtime/system.ts';
import { durationSeconds } from '../../core/catalog/durations.ts';
import { PermanentError } from '../../core/environment/errors.ts';
import { present } from '../../core/environment/present.ts';
import { addSeconds, parseTimestamp, type Timestamp } from '../../core/environment/time.ts';
import {
  addSilence,
  endSilence,
  isSilencedBy,
  readSilences,
  type Silence,
  type SilenceMatchers,
  type SilenceRecurrence,
  silenceState,
} from '../../core/incidents/attention/silence.ts';
import { type TimeInterval, weekdays } from '../../core/incidents/attention/time-interval.ts';
import { listOpenIncidents } from '../../core/incidents/incidents.ts';
import { severitySchema } from '../../core/incidents/record.ts';
import { CliError } from '../cli-error.ts';
import { type Answer, counted, moment, ok, table } from '../output.ts';
import type { SilenceItem } from '../schemas.ts';
import { commandFor, headerOf, type Target } from '../target.ts';

export interface SilenceOptions {
  readonly system?: string;
  readonly severity?: string;
  readonly rule?: string;
  readonly instance?: string;
  readonly reason?: string;
  readonly by?: string;
  readonly for?: string;
  readonly from?: string;
  readonly until?: string;
  readonly cron?: string;
  readonly duration?: string;
  readonly between?: string;
  readonly on?: string;
  readonly days?: string;
  readonly timezone?: string;
}

/** `perennial silence add`: mail and phones stay silent about what matches; everything else goes on. */
export async function silenceAdd(target: Target, options: SilenceOptions): Promise<Answer> {
  const now = target.clock.now();
  const matchers = matchersOf(options);
  const startsAt = options.from === undefined ? now : momentOf('--from', options.from);
  const endsAt = endOf(options, startsAt);
  const author = options.by ?? target.operator;
  const recurring = recurrenceOf(options);
  const id = `sil-${now.replaceAll(/[-:]/g, '').slice(0, 15)}-${systemHasher.sha256(JSON.stringify([matchers, author, startsAt, endsAt, recurring])).slice(0, 8)}`;
  const wanted = { id, matchers, author, reason: options.reason ?? '', startsAt, endsAt, recurring };
  const silence = await refusing(() => addSilence({ ...target, store: target.records }, wanted));
  const open = (await listOpenIncidents(target.records, target.scope)).filter((incident) => isSilencedBy(silence, incident));
  const text = [
    headerOf(target),
    `Silenced until ${moment(endsAt)}: ${wordsOf(silence)}`,
    open.length === 0
      ? 'No open incident matches it now.'
      : `${counted(open.length, 'open incident')} match${open.length === 1 ? 'es' : ''} it: ${open.map((one) => one.id).join(', ')}`,
    'Incidents, repairs and HTTPS go on. The end of what was already told is still told; what is still bad at the end of the silence is told then.',
    `End it: ${commandFor(target, `silence end ${id}`)}`,
  ];
  return ok(itemOf(silence, now), text.join('\n'));
}

/** `perennial silence list`: those that are not over, or with `all` those that are kept. */
export async function silenceList(target: Target, all: boolean): Promise<Answer> {
  const now = target.clock.now();
  const kept = await readSilences({ store: target.records, scope: target.scope });
  const items = kept.map((silence) => ({ silence, item: itemOf(silence, now) })).filter(({ item }) => all || item.state !== 'expired');
  const rows = items.map(({ silence, item }) => [item.id, item.state, wordsOf(silence), moment(item.endsAt), item.author, item.reason]);
  const found = table(['silence', 'state', 'of', 'until', 'by', 'reason'], rows, 'Nothing is silenced.');
  return ok(
    items.map(({ item }) => item),
    `${headerOf(target)}\n${found}`,
  );
}

/** `perennial silence end`: now. */
export async function silenceEnd(target: Target, id: string): Promise<Answer> {
  const ended = await endSilence({ ...target, store: target.records }, id, target.operator);
  if (ended === undefined) throw new CliError(`There is no silence ${id}, so nothing was ended. See them: ${commandFor(target, 'silence list --all')}`);
  const { silence, isChanged } = ended;
  const text = isChanged
    ? `Ended ${id}: ${wordsOf(silence)}. What is still bad is told within a minute or two.`
    : `${id} was over already, since ${moment(silence.endsAt)}.`;
  return ok({ ...itemOf(silence, target.clock.now()), isChanged }, `${headerOf(target)}\n${text}`);
}

function itemOf(silence: Silence, now: Timestamp): SilenceItem {
  const { id, matchers, startsAt, endsAt, reason, author, recurring, endedBy } = silence;
  const state = silenceState(silence, now);
  return { id, system: matchers.system ?? null, state, startedAt: startsAt, reason, matchers, author, startsAt, endsAt, ...present({ recurring, endedBy }) };
}

function wordsOf({ matchers }: Silence): string {
  const { system, severities, rule, instance } = matchers;
  const parts = { system, severity: severities?.join(' or '), rule, instance };
  return Object.entries(parts)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]))
    .join(', ');
}

function matchersOf({ system, severity, rule, instance }: SilenceOptions): SilenceMatchers {
  const severities = severity === undefined ? undefined : z.safeParse(z.array(severitySchema), severity.split(','));
  if (severities?.success === false)
    throw new CliError(`"${severity}" names no severities, so nothing was silenced. Write for example --severity warning,info`);
  return present({ system, severities: severities?.data, rule, instance });
}

function momentOf(option: string, text: string): Timestamp {
  const at = /^\d{4}-\d{2}-\d{2}T/.test(text) ? parseTimestamp(text) : undefined;
  if (at === undefined) throw new CliError(`"${text}" is no moment, so nothing was silenced. Write for example ${option} 2026-11-21T18:00:00Z`);
  return at;
}

function secondsOf(option: string, text: string): number {
  const seconds = durationSeconds(text);
  if (seconds === undefined) throw new CliError(`"${text}" is no duration, so nothing was silenced. Write for example ${option} 2h`);
  return seconds;
}

function endOf(options: SilenceOptions, startsAt: Timestamp): Timestamp {
  if (options.until !== undefined && options.for === undefined) return momentOf('--until', options.until);
  if (options.for !== undefined && options.until === undefined) return addSeconds(startsAt, secondsOf('--for', options.for));
  throw new CliError('A silence has one end, so nothing was silenced. Say either --for 2h or --until 2026-11-21T18:00:00Z');
}

function recurrenceOf(options: SilenceOptions): SilenceRecurrence | undefined {
  const { cron, duration, timezone: timeZone = 'Etc/UTC' } = options;
  const isInterval = [options.between, options.on, options.days].some((option) => option !== undefined);
  if (cron === undefined) return isInterval ? { timeZone, ...intervalOf(options) } : undefined;
  if (isInterval || duration === undefined)
    throw new CliError('A schedule needs its length, and no other times, so nothing was silenced. Write for example --cron "0 2 * * 6" --duration 2h');
  return { schedule: cron, timeZone, durationMinutes: Math.floor(secondsOf('--duration', duration) / 60) };
}

function intervalOf({ between, on, days }: SilenceOptions): Omit<TimeInterval, 'timeZone'> {
  const [start = '', end = ''] = between?.split('-') ?? [];
  const [from = '', to = from] = days?.split(':') ?? [];
  return present({
    times: between === undefined ? undefined : [{ start, end }],
    weekdays: on?.split(',').map(weekdayOf),
    daysOfMonth: days === undefined ? undefined : [{ from: Number(from), to: Number(to) }],
  });
}

function weekdayOf(name: string): (typeof weekdays)[number] {
  const known = weekdays.find((weekday) => weekday.slice(0, 3) === name.trim().toLowerCase().slice(0, 3));
  if (known === undefined) throw new CliError(`"${name}" is no weekday, so nothing was silenced. Write for example --on mon,tue,wed`);
  return known;
}

/** What breaks a bound is said as it is. */
async function refusing<Value>(work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof PermanentError) throw new CliError(error.message, { cause: error });
    throw error;
  }
}
