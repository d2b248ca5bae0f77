import * as z from 'zod/mini';
import { type BurnRateAlert, burnRateAlerts, detectionSeconds, exhaustionSeconds } from '../objective/burn-rate.ts';
import { quotient } from '../objective/exact.ts';
import { sliceSeconds } from '../objective/slices.ts';
import { budgetSeconds, parseTarget, parseWindow, type Refused, type RollingWindow, type Target } from '../objective/target.ts';

const alertSchema = z.strictObject({
  severity: z.enum(['critical', 'high', 'warning']),
  longWindowSeconds: z.number(),
  shortWindowSeconds: z.number(),
  factor: z.number(),
  budgetPercent: z.number(),
  reachable: z.boolean(),
});

/** What `perennial slo explain` prints (design.md section 9). */
export const objectiveExplanationSchema = z.strictObject({ budgetSeconds: z.number(), alerts: z.array(alertSchema) });
export type ObjectiveExplanation = z.infer<typeof objectiveExplanationSchema>;

z.globalRegistry.add(objectiveExplanationSchema, {
  title: 'perennial slo explain',
  description:
    'What an objective means: the seconds that may be bad in its rolling window, and its burn-rate alerts. An alert fires when both ' +
    'windows burn faster than the factor; budgetPercent is what is gone by then; reachable is false for one that can never fire.',
});

/** An objective that was understood, with what the texts need beside the stable answer. */
export interface ExplainedObjective {
  readonly kind: 'explained';
  readonly target: Target;
  readonly window: RollingWindow;
  readonly alerts: readonly BurnRateAlert[];
  readonly explanation: ObjectiveExplanation;
}

/** Explains a target in percent (`99.9`) over a rolling window (`30d`), or refuses it with the reason. */
export function explainObjective(request: { readonly objective: string; readonly window: string }): ExplainedObjective | Refused {
  const target = parseTarget(request.objective);
  if (target.kind === 'refused') return target;
  const window = parseWindow(request.window);
  if (window.kind === 'refused') return window;
  const alerts = burnRateAlerts(target, window.seconds);
  const explanation = {
    budgetSeconds: budgetSeconds(target, window.seconds),
    alerts: alerts.map(({ severity, longWindowSeconds, shortWindowSeconds, factor, budgetPercent, reachability }) => ({
      severity,
      longWindowSeconds,
      shortWindowSeconds,
      factor,
      budgetPercent,
      reachable: reachability.kind === 'reachable',
    })),
  };
  return { kind: 'explained', target, window, alerts, explanation };
}

/** The longest a replacement may take (S4-16). */
const REPLACEMENT_SECONDS = 600;
const comparedPercents: readonly string[] = ['99', '99.9', '99.99', '99.999'];

const units: readonly (readonly [suffix: string, seconds: number])[] = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
];

/** Seconds as a person says them: `43 min 12 s`, `3 d`, `25.92 s`. Under a minute with up to 4 digits, else to the second. */
export function spokenDuration(seconds: number): string {
  if (seconds < 60) return `${Number(seconds.toPrecision(4))} s`;
  let rest = Math.round(seconds);
  const parts: string[] = [];
  for (const [suffix, length] of units) {
    const count = Math.floor(rest / length);
    rest -= count * length;
    if (count > 0) parts.push(`${count} ${suffix}`);
  }
  if (rest > 0) parts.push(`${rest} s`);
  return parts.join(' ');
}

function alertLine(alert: BurnRateAlert, target: Target, window: RollingWindow): string {
  const { severity, longWindowSeconds, shortWindowSeconds, factor, budgetPercent, reachability } = alert;
  const rule = `${severity.padEnd(8)}  faster than ${Number(factor.toPrecision(4))} × over ${spokenDuration(longWindowSeconds)} and ${spokenDuration(shortWindowSeconds)}`;
  if (reachability.kind === 'unreachable') return `  ${rule}\n            not in use: ${reachability.reason}`;
  // Time is judged in whole slices and the comparison is strict: the first slice beyond the limit raises the alert.
  const slices = Math.floor(detectionSeconds(target, longWindowSeconds, factor, 1) / sliceSeconds) + 1;
  const outage = spokenDuration(slices * sliceSeconds);
  const pace = spokenDuration(exhaustionSeconds(window.seconds, factor));
  return `  ${rule}\n            ${budgetPercent} % of the budget is gone by then; a total outage is noticed after ${outage}; at this pace a full budget lasts ${pace}`;
}

function comparisonLine(percent: string, { target, window }: ExplainedObjective): string {
  const row = parseTarget(percent);
  const allowed = row.kind === 'refused' ? row.reason : spokenDuration(budgetSeconds(row, window.seconds));
  return `  ${`${percent} %`.padEnd(9)} ${allowed}${percent === target.percent ? '   <- this objective' : ''}`;
}

/** What one replacement does to the budget: reference of requirements, S4-16 with S2-04. */
function replacementNote({ explanation, window }: ExplainedObjective): string {
  const limit = quotient(BigInt(window.seconds - REPLACEMENT_SECONDS) * 100n, BigInt(window.seconds)).toFixed(3);
  const fitting = Math.floor(explanation.budgetSeconds / REPLACEMENT_SECONDS);
  const verdict =
    explanation.budgetSeconds < REPLACEMENT_SECONDS
      ? 'This target is above that: only redundancy (several instances that stand in for each other) can keep it.'
      : `${fitting} such ${fitting === 1 ? 'outage fits' : 'outages fit'} into this budget.`;
  return `One replacement of up to ${REPLACEMENT_SECONDS} s, if users notice it, breaks any target above about ${limit} % over ${window.text}. ${verdict}`;
}

function sliceNote({ explanation }: ExplainedObjective): readonly string[] {
  if (explanation.budgetSeconds >= sliceSeconds) return [];
  return ['Time is judged by the minute: the budget is less than one minute, so a single bad minute spends more than all of it.'];
}

/** The lowest target somebody plausibly means in percent; below it, they probably wrote a share. */
const SHARE_LOOKALIKE = 1;

function shareNote({ target }: ExplainedObjective): readonly string[] {
  const percent = Number(target.percent);
  return percent < SHARE_LOOKALIKE ? [`The target was read as ${target.percent} percent. If you meant a share, write it times 100.`] : [];
}

/** The explanation in plain words, for a terminal. */
export function renderExplanation(explained: ExplainedObjective): string {
  const { target, window, alerts, explanation } = explained;
  const allowedPercent = quotient(target.allowed.numerator * 100n, target.allowed.denominator);
  return [
    `A target of ${target.percent} % over a rolling window of ${window.text} (${window.seconds} s) leaves an error budget of ${allowedPercent} %:`,
    `${spokenDuration(explanation.budgetSeconds)} may be bad (${explanation.budgetSeconds} s). Old trouble leaves the window minute by minute; nothing is reset at the end of a month.`,
    ...shareNote(explained),
    ...sliceNote(explained),
    '',
    'Alerts on how fast the budget burns (1 × spends it in exactly one window; both windows must burn):',
    ...alerts.map((alert) => alertLine(alert, target, window)),
    '',
    `Allowed downtime by availability, over ${window.text}:`,
    ...comparedPercents.map((percent) => comparisonLine(percent, explained)),
    '',
    replacementNote(explained),
  ].join('\n');
}
