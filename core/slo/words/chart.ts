import { addSeconds, secondsBetween, type Timestamp } from '../../environment/time.ts';
import { percentTo } from './percent.ts';

/** What was left of a budget at a moment. */
export interface BudgetPoint {
  readonly at: Timestamp;
  /** 1 = untouched, 0 = spent, below 0 = overspent. */
  readonly remainingRatio: number;
}

export interface BudgetChart {
  readonly objective: string;
  readonly from: Timestamp;
  readonly to: Timestamp;
  /** Oldest first; at most 2,000, more would only lie on each other. */
  readonly points: readonly BudgetPoint[];
}

const width = 860;
const height = 300;
const plot = { left: 64, right: 836, top: 48, bottom: 252 } as const;
const DAY_SECONDS = 86_400;
const MAX_POINTS = 2000;
/** An overspent budget is drawn down to here; what is worse is said in words. */
const LOWEST_RATIO = -1;

interface Scale {
  readonly x: (at: Timestamp) => number;
  readonly y: (ratio: number) => number;
  readonly lowest: number;
}

function scaleOf({ from, to, points }: BudgetChart): Scale {
  const span = Math.max(1, secondsBetween(from, to));
  const least = Math.min(0, ...points.map(({ remainingRatio }) => remainingRatio));
  // Quarters, so that the grid ends at a line.
  const lowest = Math.max(LOWEST_RATIO, Math.floor(least * 4) / 4);
  return {
    lowest,
    x: (at) => rounded(plot.left + (Math.min(span, Math.max(0, secondsBetween(from, at))) / span) * (plot.right - plot.left)),
    y: (ratio) => rounded(plot.bottom - ((Math.min(1, Math.max(lowest, ratio)) - lowest) / (1 - lowest)) * (plot.bottom - plot.top)),
  };
}

function rounded(value: number): number {
  return Number(value.toFixed(1));
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** A budget holds its value until the next point, so the line goes in steps. */
function stepsOf(points: readonly BudgetPoint[], { x, y }: Scale, to: Timestamp): string {
  const [first, ...rest] = points;
  if (first === undefined) return '';
  const moves = rest.map(({ at, remainingRatio }) => `H${x(at)}V${y(remainingRatio)}`);
  return `M${x(first.at)},${y(first.remainingRatio)}${moves.join('')}H${x(to)}`;
}

/** One label a day up to ten days, else as many days apart that about eight fit. */
function dayMarks({ from, to }: BudgetChart): readonly Timestamp[] {
  const days = secondsBetween(from, to) / DAY_SECONDS;
  const stride = Math.max(1, Math.ceil(days / 8));
  const midnight = addSeconds(`${from.slice(0, 10)}T00:00:00.000Z`, DAY_SECONDS);
  const marks = Array.from({ length: Math.ceil(days / stride) + 1 }, (_, index) => addSeconds(midnight, index * stride * DAY_SECONDS));
  return marks.filter((at) => at <= to);
}

function gridOf(chart: BudgetChart, scale: Scale): readonly string[] {
  const ratios = Array.from({ length: Math.round((1 - scale.lowest) * 4) + 1 }, (_, index) => scale.lowest + index / 4);
  const rows = ratios.map((ratio) => {
    const y = scale.y(ratio);
    const isSpent = ratio === 0;
    return `<line class="${isSpent ? 'spent' : 'grid'}" x1="${plot.left}" x2="${plot.right}" y1="${y}" y2="${y}"/><text class="label" x="${plot.left - 8}" y="${y + 4}" text-anchor="end">${percentTo(ratio, 1)}</text>`;
  });
  const columns = dayMarks(chart).map(
    (at) =>
      `<line class="grid" x1="${scale.x(at)}" x2="${scale.x(at)}" y1="${plot.top}" y2="${plot.bottom}"/><text class="label" x="${scale.x(at)}" y="${plot.bottom + 20}" text-anchor="middle">${at.slice(5, 10)}</text>`,
  );
  return [...rows, ...columns];
}

/** Thin out to a bounded count, keeping first and last. */
function bounded(points: readonly BudgetPoint[]): readonly BudgetPoint[] {
  if (points.length <= MAX_POINTS) return points;
  const stride = Math.ceil(points.length / (MAX_POINTS - 1));
  return points.filter((_, index) => index % stride === 0 || index === points.length - 1);
}

function sentenceOf({ objective, from, to, points }: BudgetChart): string {
  const last = points.at(-1);
  if (last === undefined) return `No figures of ${objective} from ${from.slice(0, 10)} to ${to.slice(0, 10)}.`;
  const left = last.remainingRatio < 0 ? `overspent by ${percentTo(-last.remainingRatio, 1)}` : `${percentTo(last.remainingRatio, 1)} left`;
  return `Error budget of ${objective}: ${left} on ${to.slice(0, 10)} ${to.slice(11, 16)} UTC.`;
}

/** Readable in a light and in a dark page, and without colours: the line of a spent budget is dashed. */
const style = [
  '.page{fill:#fff}.grid{stroke:#d0d7de}.spent{stroke:#cf222e;stroke-width:2;stroke-dasharray:6 4}.line{fill:none;stroke:#0550ae;stroke-width:2.5}',
  'text{font-family:system-ui,sans-serif}.head{font-size:15px;font-weight:600;fill:#1f2328}.label{font-size:12px;fill:#57606a}',
  '@media (prefers-color-scheme:dark){.page{fill:#0d1117}.grid{stroke:#30363d}.spent{stroke:#ff7b72}.line{stroke:#79c0ff}.head{fill:#e6edf3}.label{fill:#9da7b3}}',
].join('');

/** The budget over its window as an SVG picture of its own: no script, no font, nothing from outside. The same figures give the same bytes. */
export function budgetChart(chart: BudgetChart): string {
  const drawn: BudgetChart = { ...chart, points: bounded(chart.points) };
  const scale = scaleOf(drawn);
  const said = escaped(sentenceOf(drawn));
  const path = stepsOf(drawn.points, scale, drawn.to);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" aria-labelledby="title">`,
    `<title id="title">${said}</title>`,
    `<style>${style}</style>`,
    `<rect class="page" width="${width}" height="${height}"/>`,
    `<text class="head" x="${plot.left}" y="28">${said}</text>`,
    ...gridOf(drawn, scale),
    ...(path === '' ? [] : [`<path class="line" d="${path}"/>`]),
    `<text class="label" x="${plot.right}" y="${height - 8}" text-anchor="end">days in UTC; dashed: the budget is spent</text>`,
    '</svg>',
    '',
  ].join('\n');
}
