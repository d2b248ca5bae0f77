import type { Severity } from './signal.ts';

/** How full something may be before it is said, and how loud (S4-27): each level is another severity, and so another topic. */
export interface UsageLevel {
  readonly fromPercent: number;
  readonly severity: Severity;
  readonly means: string;
}

/** The highest first. Which channels a severity takes is in `core/incidents/fan-out/channels.ts`. */
export const usageLevels: readonly UsageLevel[] = [
  { fromPercent: 90, severity: 'high', means: 'an outage is near: mail and SMS when nobody repairs it' },
  { fromPercent: 70, severity: 'warning', means: 'a person should look when they have time: mail' },
  { fromPercent: 50, severity: 'info', means: 'worth knowing: programs only' },
];

/** The severity of a level in percent, for example of an alarm at 70 % of a disk; `undefined` below the lowest level. */
export function severityOfUsage(percent: number): Severity | undefined {
  return usageLevels.find(({ fromPercent }) => percent >= fromPercent)?.severity;
}
