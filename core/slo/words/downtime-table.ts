import { budgetSeconds, parseTarget } from '../objective/target.ts';

/** How long a service may be down at an availability (S2-05). */
export interface AllowedDowntime {
  /** As people write it: `99.9`. */
  readonly percent: string;
  /** One figure per window, in seconds, exact to the last digit that a number holds. */
  readonly seconds: Readonly<Record<DowntimeWindow, number>>;
}

/** A month is 30 days, as in every rolling window of ours: 99.999 % of it allow 25.92 s (S2-04). */
export const downtimeWindows = { day: 86_400, week: 7 * 86_400, month: 30 * 86_400, year: 365 * 86_400 } as const;
export type DowntimeWindow = keyof typeof downtimeWindows;

/** The targets that people choose among (S2-05); the four nines of the founding documents are among them. */
export const usualTargets = ['99', '99.5', '99.9', '99.95', '99.99', '99.999'] as const;

/** The table of availability against allowed downtime. */
export function allowedDowntimes(percents: readonly string[] = usualTargets): readonly AllowedDowntime[] {
  return percents.flatMap((percent) => {
    const target = parseTarget(percent);
    if (target.kind === 'refused') return [];
    const allowed = (window: DowntimeWindow): number => budgetSeconds(target, downtimeWindows[window]);
    return [{ percent, seconds: { day: allowed('day'), week: allowed('week'), month: allowed('month'), year: allowed('year') } }];
  });
}
