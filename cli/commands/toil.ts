import { addSeconds } from '../../core/environment/time.ts';
import { readPast } from '../../core/incidents/learning/past.ts';
import { kindsText, toilOf } from '../../core/incidents/learning/toil.ts';
import { type Answer, counted, moment, ok, table } from '../output.ts';
import type { ToilAnswer } from '../schemas.ts';
import { headerOf, type Target } from '../target.ts';

const DAY_SECONDS = 86_400;

/** `perennial toil`: what people did by hand, by system and cause (S2-01, S2-02). */
export async function toil(target: Target, days: number): Promise<Answer> {
  const { records, scope, clock } = target;
  const to = clock.now();
  const found = toilOf(await readPast({ store: records, scope }, addSeconds(to, -days * DAY_SECONDS), to));
  const json: ToilAnswer = found;
  const rows = found.rows.map(({ system, cause, interventions, byKind, incidents, minutes, isRepeated, lastAt }) => [
    system,
    cause,
    String(interventions),
    kindsText(byKind),
    `${incidents}${isRepeated ? ' (repeated)' : ''}`,
    minutes === null ? '-' : String(minutes),
    moment(lastAt),
  ]);
  const lines = [
    headerOf(target),
    `Work by hand in ${counted(days, 'day')}: ${counted(found.interventions, 'intervention')}${found.minutes === 0 ? '' : `, ${counted(found.minutes, 'minute')} from the first one until the trouble was over`}.`,
    table(['system', 'cause', 'by hand', 'what', 'incidents', 'minutes', 'last'], rows, 'Nobody had to do anything by hand.'),
    'Not counted, because it is administration: drills, plans, pauses for planned work, reports.',
    ...(found.drills === 0 ? [] : [`Drills in this time: ${found.drills}.`]),
    ...(found.isCut ? ['There were more incidents than are read; these figures are of the newest ones.'] : []),
  ];
  return ok(json, lines.join('\n'));
}
