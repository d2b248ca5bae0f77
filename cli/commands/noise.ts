import { addSeconds } from '../../core/environment/time.ts';
import { type NoiseRow, noiseOf } from '../../core/incidents/learning/noise.ts';
import { readPast } from '../../core/incidents/learning/past.ts';
import { type Answer, counted, moment, ok, spoken, table } from '../output.ts';
import type { NoiseAnswer } from '../schemas.ts';
import { headerOf, type Target } from '../target.ts';

const DAY_SECONDS = 86_400;
const MAX_ROWS = 20;

function rowsOf(rows: readonly NoiseRow[]): readonly (readonly string[])[] {
  return rows
    .slice(0, MAX_ROWS)
    .map(({ rule, system, incidents, withoutAction, pointlessMessages, lastAt }) => [
      rule,
      system,
      String(incidents),
      String(withoutAction),
      String(pointlessMessages),
      moment(lastAt),
    ]);
}

const header = ['rule', 'system', 'incidents', 'no action', 'messages for nothing', 'last'] as const;

/** `perennial noise`: which alarms led to nothing, and how trouble was learned of (S4-43). */
export async function noise(target: Target, days: number): Promise<Answer> {
  const { records, scope, clock } = target;
  const to = clock.now();
  const found = noiseOf(await readPast({ store: records, scope }, addSeconds(to, -days * DAY_SECONDS), to));
  const json: NoiseAnswer = found;
  const { incidents, withoutAction, meanAcknowledgeSeconds, acknowledged, detectedBy, customerShare } = found;
  const lines = [
    headerOf(target),
    `${counted(incidents, 'incident')} in ${counted(days, 'day')}; ${withoutAction} led to no action: over without a repair, an acknowledgement or a note.`,
    meanAcknowledgeSeconds === null ? 'Acknowledged: none.' : `Acknowledged: ${acknowledged}, after ${spoken(meanAcknowledgeSeconds)} on average.`,
    `Learned of by: alarm ${detectedBy.alarm}, canary ${detectedBy.canary}, customer ${detectedBy.customer}, person ${detectedBy.person}${customerShare === null ? '' : `; ${Math.round(customerShare * 100)} % by customers`}.`,
    '',
    'Alarms that led to no action:',
    table(header, rowsOf(found.pointless), 'None: every incident was repaired, answered or learned from.'),
    '',
    'Most repeated:',
    table(header, rowsOf(found.repeated), 'No rule spoke twice.'),
    ...(found.isCut ? ['', 'There were more incidents than are read; these figures are of the newest ones.'] : []),
  ];
  return ok(json, lines.join('\n'));
}
