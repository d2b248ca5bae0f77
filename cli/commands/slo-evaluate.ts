import { readFileSync, statSync } from 'node:fs';
import { readOpenSloFile } from '../../core/catalog/openslo/openslo-file.ts';
import type { ServiceLevelObjective } from '../../core/catalog/openslo/openslo.ts';
import type { CatalogProblem } from '../../core/catalog/problem.ts';
import { type Evaluation, evaluateLedger } from '../../core/slo/evaluation/evaluate-points.ts';
import { type LedgerEntry, ledgerEntrySchema } from '../../core/slo/evaluation/ledger.ts';
import { parseInstant, readPoints } from '../../core/slo/evaluation/points.ts';
import { type BudgetSpecification, specificationsOf } from '../../core/slo/objective/specification.ts';
import { CliError } from '../cli-error.ts';
import { type Answer, ok, type Output } from '../output.ts';
import { jsonOf } from '../json-text.ts';

export interface SloEvaluateOptions {
  readonly spec: string;
  readonly points: string;
  readonly at: string;
  /** Corrections and exclusions, one entry a line. */
  readonly entries?: string;
  /** Which SLO, when the file holds several. */
  readonly slo?: string;
  /** Which objective of it, by displayName or number. */
  readonly objective?: string;
  readonly json?: boolean;
}

/** Enough for 90 days of minutes of ten parts; more is hardly one window. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;

/** A specification with mistakes; each has its place and what to write. */
class SpecificationError extends CliError {
  readonly problems: readonly CatalogProblem[];
  constructor(file: string, problems: readonly CatalogProblem[]) {
    const lines = problems.map(({ line, column, path, message, fix }) => `${file}:${line}:${column}  ${path === '' ? '' : `${path} `}${message}\n    ${fix}`);
    super(lines.join('\n'));
    this.problems = problems;
  }
}

const fileFailures: Readonly<Record<string, string>> = { ENOENT: 'there is no such file', EISDIR: 'it is a directory', EACCES: 'you may not read it' };

async function textOf(file: string, output: Output): Promise<string> {
  if (file === '-') return output.readInput();
  try {
    if (statSync(file).size > MAX_FILE_BYTES) throw new CliError(`${file} is larger than 256 MiB. Give the points of one window.`);
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof CliError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new CliError(`${file} cannot be read: ${fileFailures[code] ?? code}.`, { cause: error });
  }
}

/** Lines of a text without a second copy of all of it. */
function* linesOf(text: string): Generator<string> {
  let start = 0;
  while (start < text.length) {
    const found = text.indexOf('\n', start);
    const end = found < 0 ? text.length : found;
    yield text.slice(start, end);
    start = end + 1;
  }
}

function chosenSlo(objectives: readonly ServiceLevelObjective[], wanted: string | undefined): ServiceLevelObjective {
  const names = objectives.map(({ metadata }) => metadata.name).join(', ');
  const [first, ...others] = wanted === undefined ? objectives : objectives.filter(({ metadata }) => metadata.name === wanted);
  if (first === undefined)
    throw new CliError(names === '' ? 'The file holds no document of kind SLO.' : `There is no SLO "${wanted}" in the file; there are: ${names}.`);
  if (others.length > 0) throw new CliError(`The file holds several SLOs (${names}). Name one with --slo <name>.`);
  return first;
}

function chosenSpecification(slo: ServiceLevelObjective, wanted: string | undefined): BudgetSpecification {
  const all = specificationsOf(slo);
  const index = wanted === undefined ? 0 : all.findIndex((one, place) => String(place + 1) === wanted || ('displayName' in one && one.displayName === wanted));
  const found = all[index];
  if (found === undefined)
    throw new CliError(`"${slo.metadata.name}" has no objective "${wanted}". Give its displayName, or its number from 1 to ${all.length}.`);
  if (found.kind === 'refused') throw new CliError(`${slo.metadata.name}: ${found.reason}`);
  return found;
}

function entriesOf(text: string): readonly LedgerEntry[] {
  return [...linesOf(text)].flatMap((line, index) => {
    if (line.trim() === '') return [];
    const found = ledgerEntrySchema.safeParse(jsonOf(line));
    if (found.success) return [found.data];
    const [issue] = found.error.issues;
    throw new CliError(`Entry on line ${index + 1}: ${issue?.path.map(String).join('.') ?? ''} ${issue?.message ?? 'has not the known form'}.`);
  });
}

/** `perennial slo evaluate`: the budget of one objective from points, exactly (design section 9). */
export async function sloEvaluate(options: SloEvaluateOptions, output: Output): Promise<Answer> {
  try {
    return await evaluate(options, output);
  } catch (error) {
    // With --json the reason is an answer too: a script finds it in one place.
    if (!(error instanceof CliError) || options.json !== true) throw error;
    const problems = error instanceof SpecificationError ? error.problems : [];
    return { json: { error: error.message, problems }, text: error.message, exitCode: 1 };
  }
}

async function evaluate(options: SloEvaluateOptions, output: Output): Promise<Answer> {
  const atMillis = parseInstant(options.at);
  if (atMillis === undefined) throw new CliError(`--at "${options.at}" is no moment. Write one such as 2026-11-21T09:00:00Z.`);
  if ([options.spec, options.points, options.entries].filter((name) => name === '-').length > 1)
    throw new CliError('Only one of --spec, --points and --entries can be read from standard input.');
  const file = readOpenSloFile({ path: options.spec, text: await textOf(options.spec, output) });
  if (file.problems.length > 0) throw new SpecificationError(options.spec, file.problems);
  const specification = chosenSpecification(chosenSlo(file.objectives, options.slo), options.objective);
  const samples = readPoints(linesOf(await textOf(options.points, output)), specification);
  if ('kind' in samples) throw new CliError(`${options.points}: ${samples.reason}`);
  const entries = options.entries === undefined ? [] : entriesOf(await textOf(options.entries, output));
  const answer = evaluateLedger(specification, { samples, entries }, atMillis);
  if (answer.kind === 'refused') throw new CliError(answer.reason);
  return ok(answer.evaluation, textOfEvaluation(answer.evaluation));
}

function shown(value: number): string {
  return String(Number(value.toPrecision(6)));
}

const comparisonSigns = { gt: '>', gte: '≥', lt: '<', lte: '≤' } as const;
const stateWords = { quiet: 'does not hold', waiting: 'holds, and waits for alertAfter', breached: 'holds', 'no-data': 'has no data' } as const;

/** One line for a condition that the document declares. */
function textOfDeclared({ policy, severity, op, threshold, lookBackSeconds, rate, state, isFiring }: NonNullable<Evaluation['declared']>[number]): string {
  const measured = state === 'no-data' ? '' : ` (${shown(rate)})`;
  const outcome = isFiring ? `fires (${severity})` : 'does not fire';
  return `Alert ${policy} ${outcome}: its condition, burn over ${lookBackSeconds} s ${comparisonSigns[op]} ${shown(threshold)}, ${stateWords[state]}${measured}.`;
}

function textOfEvaluation({
  method,
  sli,
  budgetTotal,
  budgetConsumed,
  budgetRemainingRatio,
  burn,
  firing,
  declared = [],
  objective,
  targetPercent,
  window,
}: Evaluation): string {
  const unit = method === 'Occurrences' ? 'events' : 'slices';
  const left = budgetRemainingRatio < 0 ? `${shown(-budgetRemainingRatio * 100)} % more than there is` : `${shown(budgetRemainingRatio * 100)} % are left`;
  return [
    `${objective}: ${shown(sli * 100)} % were good, ${targetPercent} % are promised over ${window.text} (${method}).`,
    `${shown(budgetConsumed)} of ${shown(budgetTotal)} ${unit} of the error budget are spent, ${left}.`,
    ...burn.map(({ windowSeconds, rate }) => `  burn over ${windowSeconds} s: ${shown(rate)}`),
    firing.length === 0
      ? 'No burn-rate alert fires.'
      : `Firing: ${firing.map(({ severity, longWindowSeconds }) => `${severity} (over ${longWindowSeconds} s)`).join(', ')}.`,
    ...declared.map(textOfDeclared),
  ].join('\n');
}
