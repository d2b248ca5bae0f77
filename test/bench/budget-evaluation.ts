import { execFileSync } from 'node:child_process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as z from 'zod/mini';
import { compiledCatalogSchema } from '../../core/catalog/schema.ts';
import { advance, type Step } from '../../core/slo/kept/advance.ts';
import { nextAlerts } from '../../core/slo/kept/alerts.ts';
import { amendmentsOf, eventScale, type Sample } from '../../core/slo/evaluation/ledger.ts';
import { dayMillis, decodeHour, encodeHour, hourMillis } from '../../core/slo/kept/roll-ups.ts';
import { dayRecordOf, judgedSeries, momentOf, rollInto, rulesOf, type SealedHistory, sealedDayOf } from '../../core/slo/kept/sealed.ts';
import { type BudgetSpecification, specificationsOf } from '../../core/slo/objective/specification.ts';
import { encodeReading, type ObjectiveDay, objectiveDaySchema, type ObjectiveHead, objectiveHeadSchema, readingsOf } from '../../core/slo/kept/state.ts';
import { edgeHours } from '../../core/slo/kept/stored-series.ts';
import { budgetCatalog } from '../core/slo/budget-catalog.ts';
import { medianOf } from './figures.ts';

/*
 * The evaluation of a whole catalog in one run, without the network: 1,000 objectives over four pairs of alert windows and 30 days of
 * history, from what a function holds once the records are read. Beside it what nobody can leave out: parsing the JSON of the records.
 */

const figuresSchema = z.object({
  objectives: z.number(),
  runs: z.number(),
  computeSeconds: z.number(),
  floorSeconds: z.number(),
  /** What all histories hold in memory, and the most that the whole process ever had of the machine's. */
  heldBytes: z.number(),
  processBytes: z.number(),
  /** Units of DynamoDB of one objective in the minute in which its head is largest, and in the minute that seals an hour. */
  readUnits: z.number(),
  writeUnits: z.number(),
  sealingWriteUnits: z.number(),
});
export type BudgetFigures = z.infer<typeof figuresSchema>;

const OBJECTIVES = 1000;
const DAYS = 30;
const RUNS = 5;
/** The last minute before an hour is sealed: as many readings as a head ever holds. */
const NOW = Date.parse('2026-11-21T12:14:30.000Z');
const MINUTE = 60_000;

function specificationOf(): BudgetSpecification {
  const catalog = compiledCatalogSchema.parse(budgetCatalog());
  const [specification] = catalog.objectives.flatMap(specificationsOf);
  if (specification?.kind !== 'specification') throw new Error('The objective of the bench cannot be kept.');
  return specification;
}

/** One bad minute an hour. */
function samplesBetween(from: number, until: number): readonly Sample[] {
  return Array.from({ length: (until - from) / MINUTE }, (_, index): Sample => {
    const atMillis = from + index * MINUTE;
    const total = BigInt(1200 + (index % 37)) * eventScale;
    return { member: 0, atMillis, observedAtMillis: atMillis + 65_000, bad: index % 60 === 7 ? total / 2n : BigInt(index % 3) * eventScale, total };
  });
}

function historyTexts(specification: BudgetSpecification, sealedUntil: number): readonly string[] {
  const judging = { specification, amendments: amendmentsOf([]), sinceMillis: [0] };
  const today = Math.floor(sealedUntil / dayMillis) * dayMillis;
  return Array.from({ length: DAYS + 1 }, (_, index) => {
    const start = today - (DAYS - index) * dayMillis;
    const until = Math.min(start + dayMillis, sealedUntil);
    const samples = samplesBetween(start, until);
    const series = judgedSeries(judging, samples, { fromMillis: start, atMillis: until, lastMillis: until - 1 });
    const day = rollInto(judging, undefined, momentOf(start).slice(0, 10), { series, samples, fromMillis: start, untilMillis: until });
    return JSON.stringify(dayRecordOf(specification.name, day, specification));
  });
}

function headText(specification: BudgetSpecification, sealedUntil: number): string {
  const budget = {
    at: momentOf(NOW - MINUTE),
    windowSeconds: 2_592_000,
    targetRatio: 0.999,
    budgetSeconds: 2592,
    consumedSeconds: 0,
    remainingRatio: 1,
    sli: 1,
  };
  const head: ObjectiveHead = {
    objective: specification.name,
    system: specification.service,
    since: momentOf(sealedUntil - DAYS * dayMillis),
    sealedUntil: momentOf(sealedUntil),
    recent: samplesBetween(sealedUntil, NOW - 30_000 - MINUTE).map((sample) => encodeReading(sample, sealedUntil)),
    budget,
    revision: 1,
    rules: rulesOf(specification),
  };
  return JSON.stringify(head);
}

interface Loaded {
  readonly head: ObjectiveHead;
  readonly history: SealedHistory;
}

/** What a function holds of one objective once its records are read. */
function load(specification: BudgetSpecification, head: string, days: readonly string[], hours: ReadonlyMap<number, string>): Loaded {
  const bodies = days.map((text): ObjectiveDay => objectiveDaySchema.parse(JSON.parse(text)));
  const history: SealedHistory = {
    revision: 1,
    days: new Map(bodies.map((body) => [body.day, sealedDayOf(body, 1, specification)])),
    entries: [],
    amendments: amendmentsOf([]),
    hours: new Map([...hours].map(([hour, text]) => [hour, decodeHour(momentOf(hour), text)])),
    edges: new Map(),
  };
  const body = objectiveHeadSchema.parse(JSON.parse(head));
  readingsOf(body);
  return { head: body, history };
}

function stepOf(specification: BudgetSpecification, { head, history }: Loaded, now: number): Step {
  const incoming = samplesBetween(Math.floor(now / MINUTE) * MINUTE - 15 * MINUTE, Math.floor(now / MINUTE) * MINUTE);
  const step = advance({ specification, head, history, incoming, hourReadings: (hour) => history.hours.get(hour) ?? [], now: momentOf(now) });
  if (step === undefined) throw new Error('There is nothing to say of an objective with a history of 30 days.');
  nextAlerts(head.alerts, step.evaluation, momentOf(now));
  return step;
}

/** Seconds of processor time: what else runs on the machine does not count. */
function secondsOf(work: () => void): number {
  const began = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1_000_000;
}

function unitsOf(texts: readonly unknown[], bytesAUnit: number): number {
  return texts.reduce<number>((sum, body) => sum + Math.ceil(JSON.stringify(body).length / bytesAUnit), 0);
}

/** Bytes that are in use: what is only waiting to be collected is nobody's. */
function usedBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect === 'function') Reflect.apply(collect, undefined, []);
  return process.memoryUsage().heapUsed;
}

function measure(): BudgetFigures {
  const specification = specificationOf();
  const sealedUntil = Math.floor((NOW - 15 * MINUTE) / hourMillis) * hourMillis;
  const days = historyTexts(specification, sealedUntil);
  const head = headText(specification, sealedUntil);
  const hours = new Map(edgeHours(specification, NOW, sealedUntil).map((hour) => [hour, encodeHour(momentOf(hour), samplesBetween(hour, hour + hourMillis))]));
  const before = usedBytes();
  const compute: number[] = [];
  const floor: number[] = [];
  let heldBytes = 0;
  for (let run = 0; run < RUNS; run += 1) {
    const loaded = Array.from({ length: OBJECTIVES }, () => load(specification, head, days, hours));
    compute.push(secondsOf(() => loaded.forEach((one) => stepOf(specification, one, NOW))));
    heldBytes = Math.max(heldBytes, usedBytes() - before);
    floor.push(secondsOf(() => loaded.forEach(() => [head, ...days].forEach((text) => void JSON.parse(text)))));
  }
  const usual = stepOf(specification, load(specification, head, days, hours), NOW);
  const sealing = stepOf(specification, load(specification, head, days, hours), NOW + MINUTE);
  return {
    objectives: OBJECTIVES,
    runs: RUNS,
    computeSeconds: medianOf(compute),
    floorSeconds: medianOf(floor),
    heldBytes,
    processBytes: process.resourceUsage().maxRSS * 1024,
    readUnits: unitsOf([usual.head], 4096),
    writeUnits: unitsOf([usual.head], 1024),
    sealingWriteUnits: 2 * unitsOf([sealing.head, ...sealing.days.map((day) => dayRecordOf(specification.name, day, specification)), ...sealing.hours], 1024),
  };
}

/** A heap as a function of 256 MB has it: without a limit, Node lets it grow for as long as the machine has more. */
const heapLimits = ['--max-old-space-size=160', '--max-semi-space-size=4'];

/** Measures in a process of its own, so that its memory is that of the evaluation and of nothing else. */
export function measureBudgets(): BudgetFigures {
  const answer = execFileSync(process.execPath, [...heapLimits, import.meta.filename], { encoding: 'utf8' });
  return figuresSchema.parse(JSON.parse(answer));
}

if (import.meta.main) process.stdout.write(JSON.stringify(measure()));
