import type { Scope } from '../../environment/ports.ts';
import { keys, partitions } from '../../records/keys.ts';
import { parseRecord, readAll, readRecord, writeOf } from '../../records/record-type.ts';
import { recordLimits } from '../../records/limits.ts';
import type { RecordStore, RecordWrite } from '../../records/store.ts';
import { rolledUntilOf } from './advance.ts';
import { amendmentsOf, type Sample } from '../evaluation/ledger.ts';
import { readLedger, spansOfEntries } from './ledger-book.ts';
import { dayMillis, decodeHour, hourMillis } from './roll-ups.ts';
import {
  dayOfMillis,
  dayRecordOf,
  judgedSeries,
  type Judging,
  momentOf,
  rollInto,
  rulesOf,
  samplesOfMarks,
  type SealedDay,
  sealedDayOf,
  type SealedHistory,
  startOfDayMillis,
} from './sealed.ts';
import type { BudgetSpecification } from '../objective/specification.ts';
import { objectiveDayType, type ObjectiveHead, type ObjectiveHour, objectiveHourType } from './state.ts';
import { dayInSeconds } from '../objective/target.ts';

interface SealedPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
}

/**
 * What a function keeps of sealed history between its runs, by objective. Days and hours change only together with the revision in the
 * head, in one write; a history of another revision, or with other entries, is read again.
 */
export type HistoryCache = Map<string, SealedHistory>;

const nothingSealed = (): SealedHistory => ({ revision: 0, days: new Map(), entries: [], amendments: amendmentsOf([]), hours: new Map(), edges: new Map() });

/** A calendar window and the day it touches at each end. */
function daysRead({ window }: BudgetSpecification): number {
  return Math.min(recordLimits.pageRecords, Math.ceil(window.nominalSeconds / dayInSeconds) + 3);
}

/** The sealed history that a head belongs to: from memory when it is the same one. */
export async function loadSealed(
  { store, scope }: SealedPorts,
  specification: BudgetSpecification,
  head: ObjectiveHead | undefined,
  cached: SealedHistory | undefined,
): Promise<SealedHistory> {
  if (head === undefined) return nothingSealed();
  const { name } = specification;
  const { revision = 0, entries: count = 0 } = head;
  const isSame = cached?.revision === revision;
  if (isSame && cached.entries.length === count) return cached;
  const entries = count === 0 ? [] : await readLedger({ store, scope }, name);
  const amendments = amendmentsOf(entries);
  // The days stay what they are until the new entries are applied to them; what is judged on the way is judged anew.
  if (isSame) return { ...cached, entries, amendments, edges: new Map() };
  const page = await store.query(partitions.objectiveDays(scope, name), '', { limit: daysRead(specification), newestFirst: true });
  const days = page.records.map((record) => {
    const { body, version } = parseRecord(objectiveDayType, record);
    return [body.day, sealedDayOf(body, version, specification)] as const;
  });
  return { revision, days: new Map(days), entries, amendments, hours: new Map(), edges: new Map() };
}

function samplesOfHour({ hour, counts }: ObjectiveHour): readonly Sample[] {
  return counts.flatMap((text, member) => decodeHour(hour, text).map((sample) => ({ ...sample, member })));
}

/** Reads the readings of sealed hours into the history, and forgets those that are not needed any more. */
export async function loadHours(
  { store, scope }: SealedPorts,
  { name }: BudgetSpecification,
  { hours, edges, days }: SealedHistory,
  wanted: readonly number[],
): Promise<void> {
  const needed = new Set(wanted);
  for (const known of [hours, edges]) for (const hour of known.keys()) if (!needed.has(hour)) known.delete(hour);
  for (const hour of needed) {
    if (hours.has(hour)) continue;
    const stored = await readRecord(store, objectiveHourType, keys.objectiveHour(scope, name, momentOf(hour)));
    hours.set(hour, stored === undefined ? hourOfMarks(days, hour) : samplesOfHour(stored.body));
  }
}

function hourOfMarks(days: SealedHistory['days'], hour: number): readonly Sample[] {
  const marks = days.get(dayOfMillis(hour))?.firstMarks;
  return marks === undefined ? [] : samplesOfMarks(marks, hour, hourMillis / 60_000);
}

/** All readings of a sealed day. */
async function samplesOfDay({ store, scope }: SealedPorts, name: string, day: string, sealed: SealedDay | undefined): Promise<readonly Sample[]> {
  const hours = await readAll(objectiveHourType, (page) => store.query(partitions.objectiveHours(scope, name), day, page));
  const stored = new Set(hours.map(({ body }) => body.hour));
  const marked = sealed?.firstMarks === undefined ? [] : samplesOfMarks(sealed.firstMarks, startOfDayMillis(day), dayMillis / 60_000);
  return [
    ...marked.filter(({ atMillis }) => !stored.has(momentOf(Math.floor(atMillis / hourMillis) * hourMillis))),
    ...hours.flatMap(({ body }) => samplesOfHour(body)),
  ];
}

/** The days that are not as the catalog and the ledger would have them. */
export function staleDays(
  specification: BudgetSpecification,
  head: ObjectiveHead,
  { days, entries }: SealedHistory,
): { readonly isWhole: boolean; readonly days: readonly string[] } {
  const isWhole = head.rules !== rulesOf(specification);
  const spans = spansOfEntries(entries, isWhole ? entries.map(({ id }) => id) : (head.pending ?? []));
  const last = rolledUntilOf(Date.parse(head.sealedUntil), specification) - 1;
  const oldest = Math.floor((last - specification.window.nominalSeconds * 1000) / dayMillis) * dayMillis - dayMillis;
  const touched = spans.flatMap(({ from, to }) => daysBetween(Math.max(oldest, Date.parse(from)), Math.min(last, Date.parse(to) - 1)));
  return { isWhole, days: [...new Set([...touched, ...(isWhole ? days.keys() : [])])].toSorted() };
}

function daysBetween(fromMillis: number, lastMillis: number): readonly string[] {
  const first = Math.floor(fromMillis / dayMillis);
  const count = Math.max(0, Math.floor(lastMillis / dayMillis) - first + 1);
  return Array.from({ length: count }, (_, number) => dayOfMillis((first + number) * dayMillis));
}

/** Rolls days up again from their readings. */
export async function rollUpAgain(
  ports: SealedPorts,
  judging: Judging,
  head: ObjectiveHead,
  history: SealedHistory,
  days: readonly string[],
): Promise<readonly SealedDay[]> {
  const untilMillis = rolledUntilOf(Date.parse(head.sealedUntil), judging.specification);
  const again: SealedDay[] = [];
  for (const day of days) {
    const known = history.days.get(day);
    const samples = await samplesOfDay(ports, judging.specification.name, day, known);
    const start = startOfDayMillis(day);
    const series = judgedSeries(judging, samples, { fromMillis: start, atMillis: untilMillis, lastMillis: start + dayMillis - 1 });
    again.push(rollInto(judging, known, day, { series, samples, fromMillis: start, untilMillis }));
  }
  return again;
}

function dayWrite({ scope }: SealedPorts, specification: BudgetSpecification, day: SealedDay): RecordWrite {
  const { name } = specification;
  return writeOf(objectiveDayType, keys.objectiveDay(scope, name, day.day), dayRecordOf(name, day, specification), day.version);
}

/** What one write takes beside the head. */
const WRITES_TOGETHER = recordLimits.writes - 1;

/**
 * Writes days and hours with their head: together, or, when they are many, the head last. A crash on the way repeats work: the head
 * still says what it said.
 */
export async function writeSealed(
  ports: SealedPorts,
  specification: BudgetSpecification,
  { days, hours }: { readonly days: readonly SealedDay[]; readonly hours: readonly ObjectiveHour[] },
  headWrite: RecordWrite,
): Promise<void> {
  const hourWrites = hours.map((hour) => writeOf(objectiveHourType, keys.objectiveHour(ports.scope, specification.name, hour.hour), hour, 0));
  const writes = [...days.map((day) => dayWrite(ports, specification, day)), ...hourWrites];
  while (writes.length > WRITES_TOGETHER) await ports.store.write(writes.splice(0, WRITES_TOGETHER));
  await ports.store.write([...writes, headWrite]);
}

/** The history after a step was written. */
export function historyAfter(history: SealedHistory, { head, days }: { readonly head: ObjectiveHead; readonly days: readonly SealedDay[] }): SealedHistory {
  if (days.length === 0) return { ...history, revision: head.revision ?? 0 };
  const written = days.map((day): readonly [string, SealedDay] => [day.day, { ...day, version: day.version + 1 }]);
  const merged = [...new Map([...history.days, ...written])].toSorted(([a], [b]) => (a < b ? 1 : -1)).slice(0, 96);
  return { ...history, revision: head.revision ?? 0, days: new Map(merged), edges: new Map(), hours: history.hours };
}
