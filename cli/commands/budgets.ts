import { writeFileSync } from 'node:fs';
import { nearest } from '../../core/catalog/nearest.ts';
import { currentCatalog } from '../../core/catalog/published.ts';
import type { Timestamp } from '../../core/environment/time.ts';
import type { BudgetAttribution } from '../../core/slo/spending/attribution.ts';
import { allowedDowntimes } from '../../core/slo/words/downtime-table.ts';
import { readGate } from '../../core/slo/gate.ts';
import { type BudgetHead, listBudgetHeads, type MeasuredObjective, measuredObjectives } from '../../core/slo/kept/history.ts';
import { type BudgetStanding, type BudgetView, readBudgetView, readStanding, viewCauses } from '../../core/slo/views.ts';
import { budgetLines, downtimeTable, leftText, percentText, plannedWorkLines, rateText, spenderRows } from '../budget-lines.ts';
import { CliError } from '../cli-error.ts';
import { type Answer, counted, ok, table } from '../output.ts';
import type { BudgetDetail, BudgetItem, BudgetReport, BudgetShown } from '../schemas.ts';
import { commandFor, headerOf, type Target } from '../target.ts';

/** As many objectives are looked at in one answer. */
const MAX_OBJECTIVES = 200;
const AT_ONCE = 8;

interface Chosen {
  readonly measured: readonly MeasuredObjective[];
  /** How many more there are. */
  readonly omitted: number;
}

/** The objectives of the published catalog, of one system or of all, by name. */
async function choose({ records, scope }: Target, system: string | undefined, limit: number): Promise<Chosen> {
  const catalog = await currentCatalog(records, scope);
  const all = measuredObjectives(catalog).toSorted((left, right) => (left.name < right.name ? -1 : 1));
  const measured = system === undefined ? all : all.filter((objective) => objective.system === system);
  if (system !== undefined && measured.length === 0) {
    const meant = nearest(system, [...new Set(all.map((objective) => objective.system))]);
    throw new CliError(
      `No objective of a system ${system} is in the published catalog. ${meant === undefined ? 'Declare one in the catalog (docs/catalog.md).' : `Did you mean ${meant}?`}`,
    );
  }
  return { measured: measured.slice(0, limit), omitted: Math.max(0, measured.length - limit) };
}

/** The same for many, eight at a time, in their order. */
async function eightAtATime<One, Found>(all: readonly One[], use: (one: One) => Promise<Found>): Promise<readonly Found[]> {
  const found: Found[] = [];
  for (let start = 0; start < all.length; start += AT_ONCE) found.push(...(await Promise.all(all.slice(start, start + AT_ONCE).map(use))));
  return found;
}

const NOT_MEASURED = 'Nothing has been measured yet: no reading has come in since it was declared. Look for the metric it names, and at perennial doctor.';
const NOT_DECLARED = 'It is not in the published catalog any more: these are its last figures, and nothing is measured.';

function itemOf(objective: MeasuredObjective, standing: BudgetStanding | undefined): BudgetItem {
  const { name, system, target, windowText, windowSeconds } = objective;
  const promised = { id: name, system, targetPercent: target.percent, window: windowText, windowSeconds };
  if (standing === undefined) return { ...promised, ...unmeasured, state: 'not-measured', startedAt: null, reason: NOT_MEASURED };
  const { kind, reason, since, sli, budgetSeconds, consumedSeconds, remainingSeconds, remainingRatio, burn, exhaustion } = standing;
  return {
    ...promised,
    state: kind,
    startedAt: since,
    reason: `${reason}. ${exhaustion.reason}`,
    sli,
    budgetSeconds,
    consumedSeconds,
    remainingSeconds,
    remainingRatio,
    burn: [...burn],
    exhaustion: { kind: exhaustion.kind, at: exhaustion.at ?? null, reason: exhaustion.reason },
  };
}

const unmeasured = {
  sli: null,
  budgetSeconds: null,
  consumedSeconds: null,
  remainingSeconds: null,
  remainingRatio: null,
  burn: [],
  exhaustion: null,
} satisfies Partial<BudgetItem>;

function undeclaredItem({ objective, system, since, targetRatio, windowSeconds, budgetSeconds, remainingRatio, sli }: BudgetHead): BudgetItem {
  const known = { sli, budgetSeconds, consumedSeconds: budgetSeconds * (1 - remainingRatio), remainingSeconds: budgetSeconds * remainingRatio, remainingRatio };
  const promised = { targetPercent: String(Number((targetRatio * 100).toPrecision(12))), window: `${windowSeconds}s`, windowSeconds };
  return { ...unmeasured, id: objective, system, ...promised, state: 'not-declared', startedAt: since, reason: NOT_DECLARED, ...known };
}

/** `perennial slo list`: every objective, what is left, and how fast it goes. */
export async function sloList(target: Target, options: { readonly system?: string; readonly limit: number }): Promise<Answer> {
  const { records, scope, clock } = target;
  const now = clock.now();
  const ports = { store: records, scope };
  const { measured, omitted } = await choose(target, options.system, options.limit);
  const items = await eightAtATime(measured, async (objective) => itemOf(objective, await readStanding(ports, objective, now)));
  const declared = new Set(measuredObjectives(await currentCatalog(records, scope)).map(({ name }) => name));
  const undeclared = (await listBudgetHeads(ports))
    .filter(({ objective, system }) => !declared.has(objective) && (options.system ?? system) === system)
    .slice(0, options.limit);
  const json = [...items, ...undeclared.map(undeclaredItem)];
  return ok(json, [headerOf(target), listTable(json), ...omittedLines(target, omitted)].join('\n'));
}

const listHeader = ['objective', 'system', 'target', 'window', 'attained', 'left', 'of the budget', 'burn 1 h', 'at this pace'] as const;
const paces = { spent: 'spent', calm: 'not burning', lasts: 'lasts' } as const;

function paceText({ state, exhaustion }: BudgetItem): string {
  if (exhaustion === null) return state === 'not-measured' ? 'not measured yet' : 'not declared any more';
  return exhaustion.kind === 'runs-out' ? `gone ${(exhaustion.at ?? '').slice(0, 16).replace('T', ' ')}Z` : paces[exhaustion.kind];
}

function listTable(items: readonly BudgetItem[]): string {
  const rows = items.map((item) => [
    item.id,
    item.system ?? '-',
    `${item.targetPercent} %`,
    item.window,
    item.sli === null ? '-' : percentText(item.sli, 4),
    item.remainingSeconds === null ? '-' : leftText(item.remainingSeconds),
    item.remainingRatio === null ? '-' : percentText(item.remainingRatio),
    item.burn[0] === undefined ? '-' : rateText(item.burn[0].rate),
    paceText(item),
  ]);
  return table(listHeader, rows, 'No objectives. Three lines in the catalog make one: spec.availability of a System.');
}

function omittedLines(target: Target, omitted: number): readonly string[] {
  return omitted === 0
    ? []
    : [`${counted(omitted, 'objective')} more: narrow it down with --system, for example ${commandFor(target, 'slo list --system <name>')}`];
}

const isCostly = ({ badSlices }: { readonly badSlices: number }): boolean => badSlices > 0;

function detailOf(view: BudgetView, objective: MeasuredObjective, gate: BudgetDetail['gate']): BudgetDetail {
  const { attribution, days, plannedWork, isCut } = view;
  return {
    ...itemOf(objective, view),
    gate,
    days: [...days],
    attribution: attribution === undefined ? null : { ...chargesOf(attribution), isCut },
    plannedWork: [...plannedWork],
  };
}

/** Only what cost something. */
function chargesOf({ incidents, repairs, deploys, unattributed, spent }: BudgetAttribution) {
  return {
    spent,
    incidents: incidents.filter(isCostly).map((charge) => ({ ...charge, deployId: charge.deployId ?? null })),
    repairs: repairs.filter((charge) => isCostly(charge) || isCostly(charge.ofIncidents)),
    deploys: deploys
      .filter((charge) => isCostly(charge) || isCostly(charge.ofIncidents))
      .map((charge) => ({ ...charge, incidentIds: [...charge.incidentIds] })),
    unattributed,
  };
}

async function gateOf({ records, scope }: Target, system: string, now: Timestamp): Promise<BudgetDetail['gate']> {
  const { kind, answer, reason } = await readGate({ store: records, scope }, system, now);
  return { open: kind === 'open', answer, reason };
}

async function gatesOf(target: Target, systems: readonly string[], now: Timestamp): Promise<ReadonlyMap<string, BudgetDetail['gate']>> {
  return new Map(await eightAtATime(systems, async (system) => [system, await gateOf(target, system, now)] as const));
}

/** `perennial slo show <objective>`: all that is known of one budget; with `--svg` also as a picture. */
export async function sloShow(target: Target, name: string, options: { readonly svg?: string }): Promise<Answer> {
  const { records, scope, clock } = target;
  const now = clock.now();
  const ports = { store: records, scope };
  const all = measuredObjectives(await currentCatalog(records, scope));
  const objective = all.find((one) => one.name === name);
  if (objective === undefined) throw unknownObjective(target, name, all);
  const view = await readBudgetView(ports, objective, now, viewCauses(ports));
  const gate = await gateOf(target, objective.system, now);
  if (view === undefined) {
    const json: BudgetShown = { ...itemOf(objective, undefined), gate, days: [], attribution: null, plannedWork: [], chart: null };
    return ok(json, `${headerOf(target)}\n${name} of ${objective.system}: ${NOT_MEASURED}`);
  }
  const chart = options.svg === undefined ? null : written(options.svg, view.chart());
  const lines = [
    headerOf(target),
    ...budgetLines(view, gate.reason, now),
    ...plannedWorkLines(view.plannedWork),
    '',
    downtimeTable(allowedDowntimes(), objective.target.percent),
    ...(chart === null ? [] : [`Chart: ${chart}`]),
  ];
  const json: BudgetShown = { ...detailOf(view, objective, gate), chart };
  return ok(json, lines.join('\n'));
}

function unknownObjective(target: Target, name: string, all: readonly MeasuredObjective[]): CliError {
  const meant = nearest(
    name,
    all.map((one) => one.name),
  );
  const hint = meant === undefined ? `List them: ${commandFor(target, 'slo list')}` : `Did you mean ${meant}?`;
  return new CliError(`There is no objective ${name} in the published catalog. ${hint}`);
}

const fileFailures: Readonly<Record<string, string>> = {
  ENOENT: 'its directory does not exist',
  EISDIR: 'it is a directory',
  EACCES: 'you may not write there',
  EROFS: 'the disk is read-only',
};

/** Writes a picture; gives the name of its file. */
function written(file: string, svg: string): string {
  try {
    writeFileSync(file, svg);
    return file;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new CliError(`${file} cannot be written: ${fileFailures[code] ?? code}. Nothing else was changed.`, { cause: error });
  }
}

/** `budget.svg` → `budget-shop-web-availability.svg`, where there are several. */
function chartFile(file: string, objective: string, isOnly: boolean): string {
  if (isOnly) return file;
  const stem = file.replace(/\.svg$/i, '');
  return `${stem}-${objective}.svg`;
}

/** `perennial slo report`: all objectives (or those of one system), what is planned work, and what a target allows. */
export async function sloReport(target: Target, options: { readonly svg?: string; readonly system?: string }): Promise<Answer> {
  const { records, scope, clock } = target;
  const now = clock.now();
  const ports = { store: records, scope };
  const { measured, omitted } = await choose(target, options.system, MAX_OBJECTIVES);
  const readCauses = viewCauses(ports);
  const views = await eightAtATime(measured, async (objective) => ({ objective, view: await readBudgetView(ports, objective, now, readCauses) }));
  const known = views.flatMap(({ objective, view }) => (view === undefined ? [] : [{ objective, view }]));
  const items = views.map(({ objective, view }) => itemOf(objective, view));
  const plannedWork = known.flatMap(({ view }) => view.plannedWork).toSorted((left, right) => right.share - left.share);
  const gates = await gatesOf(target, [...new Set(known.map(({ objective }) => objective.system))], now);
  const charts =
    options.svg === undefined
      ? []
      : known.map(({ objective, view }) => written(chartFile(options.svg ?? '', objective.name, known.length === 1), view.chart()));
  const json: BudgetReport = {
    at: now,
    objectives: known.flatMap(({ objective, view }) => {
      const gate = gates.get(objective.system);
      return gate === undefined ? [] : [detailOf(view, objective, gate)];
    }),
    unmeasured: items.filter(({ state }) => state === 'not-measured').map(({ id }) => id),
    plannedWork,
    allowedDowntimes: [...allowedDowntimes()],
    charts,
  };
  const lines = [
    headerOf(target),
    `Error budgets at ${now.slice(0, 16).replace('T', ' ')} UTC`,
    listTable(items),
    ...omittedLines(target, omitted),
    ...[...gates].filter(([, { open }]) => !open).map(([system, { reason }]) => `Deploys of ${system} are frozen: ${reason}`),
    ...known.flatMap(({ objective, view }) => spenderRows(objective.name, view)),
    ...plannedWorkLines(plannedWork),
    '',
    downtimeTable(allowedDowntimes(), options.system === undefined ? undefined : known[0]?.objective.target.percent),
    ...charts.map((file) => `Chart: ${file}`),
  ];
  return ok(json, lines.join('\n'));
}
