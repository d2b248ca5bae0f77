import * as z from 'zod/mini';
import { parseTimestamp, type Timestamp } from '../../environment/time.ts';
import { fractionOf } from '../objective/exact.ts';

/*
 * The ledger of one budget: readings, and entries of people about them. Nothing in it is ever changed or taken away; what counts
 * follows from the whole of it, so that replaying it in any order gives the same figures (design.md section 8).
 */

/** Events in whole parts of 10^18, so that shares such as 0.97 add up exactly. */
export const eventScale = 10n ** 18n;

/** What was read about one moment: `bad` of `total` events, in parts of {@link eventScale}. */
export interface Sample {
  /** Number of the member of a composite it is about; 0 otherwise. */
  readonly member: number;
  readonly atMillis: number;
  readonly bad: bigint;
  readonly total: bigint;
  /** When it was read; of two readings of a moment the newer counts. */
  readonly observedAtMillis: number;
}

/** Parts of {@link eventScale} of a finite number from 0 up; what is finer than that is cut off. */
export function scaledEvents(value: number): bigint {
  if (Number.isSafeInteger(value)) return BigInt(value) * eventScale;
  const { numerator, denominator } = fractionOf(value) ?? { numerator: 0n, denominator: 1n };
  return (numerator * eventScale) / denominator;
}

/** Whether `a` counts rather than `b`: the newer reading, and of two at once the fuller, then the worse. The same in any order. */
function prevails(a: Sample, b: Sample): boolean {
  if (a.observedAtMillis !== b.observedAtMillis) return a.observedAtMillis > b.observedAtMillis;
  return a.total === b.total ? a.bad > b.bad : a.total > b.total;
}

/** One sample a moment, oldest first. Order and repetitions of the readings do not matter. */
export function mergeSamples(samples: readonly Sample[]): readonly Sample[] {
  // What was merged once, which is almost everything, is in order and has nothing twice.
  if (samples.every(({ atMillis }, index) => atMillis > (samples[index - 1]?.atMillis ?? Number.NEGATIVE_INFINITY))) return samples;
  const byMoment = new Map<number, Sample>();
  for (const sample of samples) {
    const known = byMoment.get(sample.atMillis);
    if (known === undefined || prevails(sample, known)) byMoment.set(sample.atMillis, sample);
  }
  return [...byMoment.values()].toSorted((a, b) => a.atMillis - b.atMillis);
}

const momentSchema = z.pipe(
  z.string().check(z.maxLength(40), z.regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/)),
  z.transform((text: string, context): Timestamp => {
    const moment = parseTimestamp(text);
    if (moment === undefined) context.issues.push({ code: 'custom', message: 'must be a moment such as 2026-11-21T09:00:00Z', input: text });
    return moment ?? '';
  }),
);

const entryShape = {
  id: z.string().check(z.minLength(1), z.maxLength(64)),
  /** Who answers for it. */
  author: z.string().check(z.minLength(1), z.maxLength(128)),
  reason: z.string().check(z.minLength(1), z.maxLength(1024)),
  /** When it was entered. May be long after what it is about. */
  at: momentSchema,
};

const spanShape = { from: momentSchema, /** Exclusive. */ to: momentSchema };

const isForward = z.refine<{ readonly from: string; readonly to: string }>(({ from, to }) => from < to, 'from must be before to');

/** A span that shall not count: planned work, a test from outside, another team's frozen service. */
const exclusionSchema = z.strictObject({ kind: z.literal('exclusion'), ...entryShape, ...spanShape }).check(isForward);

/** A span whose readings were wrong: they count as `as` from now on, until a later correction says otherwise. */
const correctionSchema = z
  .strictObject({ kind: z.literal('correction'), ...entryShape, ...spanShape, as: z.enum(['good', 'bad', 'no-data']) })
  .check(isForward);

/** Takes an earlier entry back. */
const withdrawalSchema = z.strictObject({ kind: z.literal('withdrawal'), ...entryShape, entry: z.string().check(z.minLength(1), z.maxLength(64)) });

/** An entry of a person. Append-only: a mistake is taken back by a further entry. */
export const ledgerEntrySchema = z.discriminatedUnion('kind', [exclusionSchema, correctionSchema, withdrawalSchema]);
export type LedgerEntry = z.infer<typeof ledgerEntrySchema>;

interface Span {
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

function isIn({ from, to }: Span, moment: number): boolean {
  return from <= moment && moment < to;
}

/** What the entries come to, in epoch milliseconds. */
export interface Amendments {
  readonly isExcluded: (startMillis: number) => boolean;
  readonly correctionAt: (startMillis: number) => 'good' | 'bad' | 'no-data' | undefined;
  /** Whether anything in [from, to) may be amended. */
  readonly isTouched: (fromMillis: number, toMillis: number) => boolean;
  readonly isEmpty: boolean;
}

function isEarlier(a: LedgerEntry, b: LedgerEntry): number {
  if (a.at !== b.at) return a.at < b.at ? -1 : 1;
  return a.id < b.id ? -1 : Number(a.id > b.id);
}

function spanOf({ from, to }: { readonly from: Timestamp; readonly to: Timestamp }): Span {
  return { from: Date.parse(from), to: Date.parse(to) };
}

/**
 * What counts after all entries: those taken back do not, and of corrections of the same slice the one entered last does. A slice
 * (or event) belongs to a span by its start, as it belongs to a window. An exclusion outweighs a correction. The order in which
 * entries are given does not matter, nor do repetitions; of two that share an id the first entered counts.
 */
export function amendmentsOf(entries: readonly LedgerEntry[]): Amendments {
  const ordered = [
    ...new Map(
      entries
        .toSorted(isEarlier)
        .toReversed()
        .map((entry) => [entry.id, entry]),
    ).values(),
  ].toSorted(isEarlier);
  const withdrawn = new Set(ordered.flatMap((entry) => (entry.kind === 'withdrawal' ? [entry.entry] : [])));
  const standing = ordered.filter(({ id }) => !withdrawn.has(id));
  const exclusions = standing.flatMap((entry) => (entry.kind === 'exclusion' ? [spanOf(entry)] : []));
  const corrections = standing.flatMap((entry) => (entry.kind === 'correction' ? [{ ...spanOf(entry), as: entry.as }] : [])).toReversed();
  return {
    isEmpty: exclusions.length === 0 && corrections.length === 0,
    isTouched: (from, to) => [...exclusions, ...corrections].some((span) => span.from < to && from < span.to),
    isExcluded: (start) => exclusions.some((span) => isIn(span, start)),
    correctionAt: (start) => corrections.find((span) => isIn(span, start))?.as,
  };
}
