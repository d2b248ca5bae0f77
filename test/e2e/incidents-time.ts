import { addSeconds } from '../../core/environment/time.ts';
import { silenceType } from '../../core/incidents/attention/silence.ts';
import { deliveryDeskType } from '../../core/incidents/fan-out/limited-publisher.ts';
import { incidentType } from '../../core/incidents/record.ts';
import { severities } from '../../core/catalog/schema.ts';
import { keys } from '../../core/records/keys.ts';
import { type RecordType, updateRecord } from '../../core/records/record-type.ts';
import type { RecordKey } from '../../core/records/store.ts';
import type { Ground } from './world.ts';

/*
 * Minutes that nobody waits for. The functions keep the clock of the machine; what they have written down moves into the past, so that to
 * them so many seconds have gone by. All that is compared with the clock in these stories moves: the incident, the silence, and how
 * fast each topic was mailed. What was said of a signal stays, because the ids of later deliveries come from it.
 */

const moment = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z$/;

function earlier(value: unknown, seconds: number): unknown {
  if (typeof value === 'string') return moment.test(value) ? addSeconds(value, -seconds) : value;
  if (Array.isArray(value)) return value.map((each) => earlier(each, seconds));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, name === 'signals' ? each : earlier(each, seconds)]));
}

async function moveBack<Body>({ records }: Ground, type: RecordType<Body>, key: RecordKey, seconds: number): Promise<void> {
  await updateRecord(records, type, key, (body) => (body === undefined ? body : type.schema.parse(earlier(body, seconds))));
}

/** To these incidents, and to the limits of the channels, so much time has passed. */
export async function letPass(ground: Ground, seconds: number, incidentIds: readonly string[]): Promise<void> {
  const { scope } = ground;
  for (const id of incidentIds) await moveBack(ground, incidentType, keys.incident(scope, id), seconds);
  for (const severity of severities) await moveBack(ground, deliveryDeskType, keys.deliveryDesk(scope, severity), seconds);
}

/** To a silence alone. */
export function letSilencePass(ground: Ground, seconds: number, silenceId: string): Promise<void> {
  return moveBack(ground, silenceType, keys.silence(ground.scope, silenceId), seconds);
}
