import type { NotificationRoute } from '../../catalog/schema.ts';
import type { Incident } from '../record.ts';
import type { Severity } from '../../signals/signal.ts';

/** How a message may be put together with others; times in seconds. */
export interface GroupSettings {
  readonly by: 'system' | 'incident';
  readonly waitSeconds: number;
  readonly intervalSeconds: number;
  /** Already rounded up to whole intervals. */
  readonly repeatSeconds: number;
}

/** Alertmanager's (https://prometheus.io/docs/alerting/latest/configuration/#route-related-settings). */
export const defaultGroup: GroupSettings = { by: 'system', waitSeconds: 30, intervalSeconds: 300, repeatSeconds: 14_400 };

/**
 * Pure: the settings of a message that goes to these routes. It goes to all of them at once, so the shortest time of any route counts,
 * and the finest grouping. `undefined`: no route gets it, so nobody's attention is to be saved and it waits for nothing.
 */
export function groupSettings(routes: readonly NotificationRoute[]): GroupSettings | undefined {
  const groups = routes.map(({ spec }) => spec.group ?? defaultGroup);
  if (groups.length === 0) return undefined;
  const intervalSeconds = Math.min(...groups.map((group) => group.intervalSeconds));
  const repeatSeconds = Math.min(...groups.map((group) => group.repeatSeconds));
  return {
    by: groups.some(({ by }) => by === 'incident') ? 'incident' : 'system',
    waitSeconds: Math.min(...groups.map((group) => group.waitSeconds)),
    intervalSeconds,
    repeatSeconds: Math.ceil(repeatSeconds / intervalSeconds) * intervalSeconds,
  };
}

/** What is told together: one system's troubles of one severity. What nobody owns is a group of its own. */
export function groupOf(by: GroupSettings['by'], severity: Severity, { id, system }: Pick<Incident, 'id' | 'system'>): string {
  return by === 'system' && system !== undefined ? `system/${system}/${severity}` : `incident/${id}/${severity}`;
}
