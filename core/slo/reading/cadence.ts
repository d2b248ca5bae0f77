import { burnRateAlerts } from '../objective/burn-rate.ts';
import type { BudgetSpecification } from '../objective/specification.ts';

/*
 * How often an objective is read (design.md section 8): GetMetricData is paid by the metric, so what cannot page within minutes is
 * asked every five of them. A read covers the trailing 15 minutes: a run that is missed costs nothing but time.
 */

const FAST_WINDOW_SECONDS = 300;
const SLOW_MINUTES = 5;

export interface Cadence {
  readonly everyMinutes: 1 | 5;
  readonly reason: string;
}

/** Every minute while a page with a short window of 5 minutes or less can ever fire, its own or a declared one, else every 5. */
export function cadenceOf({ target, window, sliceSeconds, alerts }: Pick<BudgetSpecification, 'target' | 'window' | 'sliceSeconds' | 'alerts'>): Cadence {
  const declared = alerts.find(({ severity, lookBackSeconds }) => severity === 'critical' && lookBackSeconds <= FAST_WINDOW_SECONDS);
  if (declared !== undefined) return { everyMinutes: 1, reason: `its page ${declared.policy} looks at the last ${declared.lookBackSeconds} s` };
  const fast = burnRateAlerts(target, window.nominalSeconds).find(
    ({ severity, shortWindowSeconds }) => severity === 'critical' && shortWindowSeconds <= FAST_WINDOW_SECONDS,
  );
  if (fast === undefined) return { everyMinutes: SLOW_MINUTES, reason: 'it has no page with a short window of 5 minutes or less' };
  if (sliceSeconds > fast.shortWindowSeconds)
    return { everyMinutes: SLOW_MINUTES, reason: `its slices of ${sliceSeconds} s are longer than the short window of the page` };
  if (fast.reachability.kind === 'unreachable') return { everyMinutes: SLOW_MINUTES, reason: `its fast page cannot fire: ${fast.reachability.reason}` };
  return { everyMinutes: 1, reason: `its fast page looks at the last ${fast.shortWindowSeconds} s` };
}

/** Spreads those that are read every five minutes over the five. */
function offsetOf(name: string): number {
  let sum = 0;
  for (const character of name) sum = (sum + (character.codePointAt(0) ?? 0)) % SLOW_MINUTES;
  return sum;
}

/** Whether a run reads an objective. */
export function isDue(specification: Pick<BudgetSpecification, 'name' | 'target' | 'window' | 'sliceSeconds' | 'alerts'>, nowMillis: number): boolean {
  const { everyMinutes } = cadenceOf(specification);
  return everyMinutes === 1 || (Math.floor(nowMillis / 60_000) + offsetOf(specification.name)) % everyMinutes === 0;
}
