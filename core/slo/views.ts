import type { CompiledCatalog } from '../catalog/schema.ts';
import type { Scope } from '../environment/ports.ts';
import { addSeconds, type Timestamp } from '../environment/time.ts';
import type { RecordStore } from '../records/store.ts';
import { attributeCauses, type BudgetAttribution } from './spending/attribution.ts';
import { causeReader, type ReadCauses } from './spending/causes.ts';
import { budgetChart } from './words/chart.ts';
import { type Exhaustion, exhaustionOf } from './words/exhaustion.ts';
import { type BudgetDay, type BudgetHistory, type MeasuredObjective, measuredObjectives, readBudgetHistory } from './kept/history.ts';
import { type PlannedWork, plannedWorkOf, quarterSeconds } from './spending/planned-work.ts';
import { dayInSeconds } from './objective/target.ts';

/*
 * What people are shown of a budget. Figures only; the words are those of whoever shows them.
 */

interface ViewPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
}

/** The look-back windows that people know from the burn-rate alerts. */
const lookBackSeconds = [3600, 21_600, dayInSeconds, 3 * dayInSeconds] as const;

/** Where one objective stands. */
export interface BudgetStanding {
  readonly objective: MeasuredObjective;
  readonly since: Timestamp;
  readonly sli: number;
  readonly kind: 'left' | 'spent';
  readonly reason: string;
  readonly budgetSeconds: number;
  readonly consumedSeconds: number;
  /** Negative when overspent. */
  readonly remainingSeconds: number;
  readonly remainingRatio: number;
  /** Shorter than the objective's own window. */
  readonly burn: readonly { readonly windowSeconds: number; readonly rate: number }[];
  readonly exhaustion: Exhaustion;
}

/** With its history, and who spent it. */
export interface BudgetView extends BudgetStanding {
  /** The days of the window, oldest first. */
  readonly days: readonly BudgetDay[];
  /** `undefined` where the budget is not one of bad time: failed events and shares belong to no minute. */
  readonly attribution: BudgetAttribution | undefined;
  /** True when there were more incidents than are read: what they cost is charged to nobody. */
  readonly isCut: boolean;
  readonly plannedWork: readonly PlannedWork[];
  /** A picture of the budget over the window, as SVG. */
  readonly chart: () => string;
}

function standingOf(objective: MeasuredObjective, history: BudgetHistory, now: Timestamp): BudgetStanding {
  const { windowSeconds } = objective;
  const { head, budget, resetsAt } = history;
  const { budgetSeconds, consumedSeconds, remainingRatio } = budget;
  const burn = lookBackSeconds.flatMap((seconds) => {
    const rate = seconds < windowSeconds ? history.burnRate(seconds) : undefined;
    return rate === undefined ? [] : [{ windowSeconds: seconds, rate }];
  });
  const [fastest = { windowSeconds: lookBackSeconds[0], rate: 0 }] = burn;
  const pace = { remainingRatio, windowSeconds, budgetSeconds, burnRate: fastest.rate, lookBackSeconds: fastest.windowSeconds };
  return {
    objective,
    since: head.since,
    ...budget,
    kind: remainingRatio > 0 ? 'left' : 'spent',
    reason: reasonOf(budget),
    remainingSeconds: budgetSeconds - consumedSeconds,
    burn,
    exhaustion: exhaustionOf({ ...pace, ...(resetsAt === undefined ? {} : { resetsAt }) }, now),
  };
}

const shown = (value: number): string => String(Number(value.toFixed(2)));

/** `25 of 43.2 minutes are spent, 42.13 % are left`. */
function reasonOf({ budgetSeconds, consumedSeconds, remainingRatio }: BudgetHistory['budget']): string {
  const left = remainingRatio < 0 ? `${shown(-remainingRatio * 100)} % more than there is` : `${shown(remainingRatio * 100)} % are left`;
  return `${shown(consumedSeconds / 60)} of ${shown(budgetSeconds / 60)} minutes are spent, ${left}`;
}

/** Where an objective stands; `undefined`: it was never measured. */
export async function readStanding(ports: ViewPorts, objective: MeasuredObjective, now: Timestamp): Promise<BudgetStanding | undefined> {
  const history = await readBudgetHistory(ports, objective, now);
  return history === undefined ? undefined : standingOf(objective, history, now);
}

/** Incidents and repairs of a quarter, in all systems. */
const viewLimits = { incidents: 1000, repairs: 1000 } as const;

/** Reads causes for views: the same reader serves any number of objectives. */
export function viewCauses(ports: ViewPorts): ReadCauses {
  return causeReader(ports, viewLimits);
}

const HOUR_SECONDS = 3600;
/** Points of a chart: hours, up to so many. */
const CHART_STEPS = 1000;

/** All there is to show of an objective; `undefined`: it was never measured. */
export async function readBudgetView(ports: ViewPorts, objective: MeasuredObjective, now: Timestamp, readCauses: ReadCauses): Promise<BudgetView | undefined> {
  const history = await readBudgetHistory(ports, objective, now);
  if (history === undefined) return undefined;
  const { windowSeconds, system, name } = objective;
  const { attribution, isCut, plannedWork } = await spendersOf(history, objective, now, readCauses);
  return {
    ...standingOf(objective, history, now),
    days: history.days(Math.ceil(windowSeconds / dayInSeconds) + 1),
    attribution,
    isCut,
    plannedWork,
    chart: () => {
      const points = history.points(Math.max(HOUR_SECONDS, windowSeconds / CHART_STEPS));
      return budgetChart({ objective: `${name} (${system})`, from: points[0]?.at ?? now, to: now, points });
    },
  };
}

interface Spenders {
  readonly attribution: BudgetAttribution | undefined;
  readonly isCut: boolean;
  readonly plannedWork: readonly PlannedWork[];
}

async function spendersOf(history: BudgetHistory, objective: MeasuredObjective, now: Timestamp, readCauses: ReadCauses): Promise<Spenders> {
  if (objective.specification.method !== 'Timeslices') return { attribution: undefined, isCut: false, plannedWork: [] };
  const { windowStart } = history;
  const quarterStart = addSeconds(now, -quarterSeconds);
  const causes = await readCauses(objective.system, windowStart < quarterStart ? windowStart : quarterStart);
  return {
    attribution: attributeCauses(history.badMinutes(windowStart, now), causes, objective),
    isCut: causes.isCut,
    plannedWork: plannedWorkOf(objective, attributeCauses(history.badMinutes(quarterStart, now), causes, objective)),
  };
}

const MAX_OBJECTIVES = 200;

/** What took more than 20 % of a quarter's budget, of the first 200 objectives of a catalog; for the weekly digest. */
export async function readPlannedWork(ports: ViewPorts, catalog: Pick<CompiledCatalog, 'objectives'>, now: Timestamp): Promise<readonly PlannedWork[]> {
  const readCauses = viewCauses(ports);
  const found: PlannedWork[] = [];
  for (const objective of measuredObjectives(catalog).slice(0, MAX_OBJECTIVES)) {
    const view = await readBudgetView(ports, objective, now, readCauses);
    found.push(...(view?.plannedWork ?? []));
  }
  return found;
}
