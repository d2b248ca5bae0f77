import * as z from 'zod/mini';
import type { Scope } from '../../environment/ports.ts';
import { secondsBetween, type Timestamp } from '../../environment/time.ts';
import { partitions } from '../../records/keys.ts';
import { parseRecord } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import { doingText } from '../../remediation/paths/path-words.ts';
import type { Remediation } from '../../remediation/record.ts';
import { isDrillIncident } from '../learning/detection.ts';
import { durationText, plain, sentence } from './message-text.ts';
import { type Incident, incidentType } from '../record.ts';

/** An earlier incident that is like a present one, and what ended it. */
export interface SimilarIncident {
  readonly id: string;
  readonly openedAt: Timestamp;
  readonly secondsAgo: number;
  /** Whole points; the sum of {@link traits}. */
  readonly score: number;
  /** In words, the weightiest first: `system`, `rule`, `image`. */
  readonly shared: readonly string[];
  /** The same place or system fell by the same rule: the same cause, most likely (S4-44). */
  readonly isRecurrence: boolean;
  /** What ended it; one masked line. */
  readonly fixedBy: string;
  readonly durationSeconds: number;
}

/** What can be compared; absent where nothing says so. */
interface Profile {
  readonly place: string;
  readonly system: string | undefined;
  readonly role: string | undefined;
  readonly rules: readonly string[];
  readonly kind: string | undefined;
  readonly image: string | undefined;
  readonly zone: string | undefined;
  readonly deployment: string | undefined;
}

/** What two incidents may share, and how much that says. Cause weighs more than place: another machine that falls the same way helps most. */
const traits = {
  rule: { points: 5, word: 'rule' },
  system: { points: 4, word: 'system' },
  place: { points: 3, word: 'place' },
  role: { points: 2, word: 'role' },
  image: { points: 2, word: 'image' },
  deployment: { points: 2, word: 'deployed version' },
  kind: { points: 1, word: 'kind of signal' },
  zone: { points: 1, word: 'zone' },
} as const;
type Trait = keyof typeof traits;
const traitNames = ['rule', 'system', 'place', 'role', 'image', 'deployment', 'kind', 'zone'] as const satisfies readonly Trait[];

/** Less is chance: a role or an image alone says little. */
const LEAST_POINTS = 4;
const MAX_SIMILAR = 3;
const MAX_FIX_CHARACTERS = 200;
/** What is newer was more likely made of the same parts; never worth as much as a trait of weight. */
const RECENT_SECONDS = 30 * 86_400;

/**
 * The three earlier incidents most like this one, with what fixed them; the same facts give the same answer. Pure.
 *
 * @param past incidents that are over
 * @param remediations where those of the incidents are looked up
 */
export function similarIncidents(incident: Incident, past: readonly Incident[], remediations: readonly Remediation[]): readonly SimilarIncident[] {
  const byId = new Map(remediations.map((remediation) => [remediation.id, remediation]));
  const own = profileOf(incident, byId);
  return past
    .filter((other) => other.id !== incident.id && other.resolvedAt !== undefined && other.openedAt <= incident.openedAt && !isDrillIncident(other))
    .map((other) => compared(incident, own, other, byId))
    .filter(({ score }) => score >= LEAST_POINTS)
    .toSorted((left, right) => weightOf(right) - weightOf(left) || compare(right.openedAt, left.openedAt) || compare(left.id, right.id))
    .slice(0, MAX_SIMILAR);
}

const compare = (left: string, right: string): number => (left === right ? 0 : left < right ? -1 : 1);

const weightOf = ({ score, secondsAgo }: SimilarIncident): number => score + (secondsAgo <= RECENT_SECONDS ? 1 : 0);

function compared(incident: Incident, own: Profile, other: Incident, byId: ReadonlyMap<string, Remediation>): SimilarIncident {
  const theirs = profileOf(other, byId);
  const shared = traitNames.filter((trait) => isShared(trait, own, theirs));
  return {
    id: other.id,
    openedAt: other.openedAt,
    secondsAgo: Math.max(0, secondsBetween(other.openedAt, incident.openedAt)),
    score: shared.reduce((sum, trait) => sum + traits[trait].points, 0),
    shared: shared.map((trait) => traits[trait].word),
    isRecurrence: shared.includes('rule') && (shared.includes('system') || shared.includes('place')),
    fixedBy: plain(fixOf(other, remediationOf(other, byId)), MAX_FIX_CHARACTERS),
    durationSeconds: Math.max(0, secondsBetween(other.openedAt, other.resolvedAt ?? other.openedAt)),
  };
}

function isShared(trait: Trait, own: Profile, theirs: Profile): boolean {
  if (trait === 'rule') return own.rules.some((rule) => theirs.rules.includes(rule));
  return own[trait] !== undefined && own[trait] === theirs[trait];
}

/** The newest attempt that is known: it is the one that helped, if one did. */
function remediationOf(incident: Incident, byId: ReadonlyMap<string, Remediation>): Remediation | undefined {
  const known = incident.remediationIds.flatMap((id) => byId.get(id) ?? []);
  return known.findLast(({ state }) => state === 'succeeded') ?? known.at(-1);
}

function profileOf(incident: Incident, byId: ReadonlyMap<string, Remediation>): Profile {
  const remediation = remediationOf(incident, byId);
  return {
    place: incident.place,
    system: incident.system,
    role: remediation?.groupId,
    rules: [...new Set(Object.values(incident.signals).map(({ rule }) => rule))],
    kind: remediation?.trigger.kind ?? incident.subject.type,
    image: remediation?.imageId,
    // Members of an Auto Scaling group: system/group/zone, then perhaps the member.
    zone: incident.place.split('/').find((part, index) => index >= 2 && /^[a-z]{2}(?:-[a-z]+)+-\d[a-z]$/.test(part)),
    deployment: incident.lastDeploymentId,
  };
}

function fixOf({ resolution }: Incident, remediation: Remediation | undefined): string {
  if (remediation?.state === 'succeeded') {
    const { newInstanceId, oldInstanceId, imageId, path, revertOf } = remediation;
    if (revertOf !== undefined) return `taking ${revertOf} back`;
    const successor = newInstanceId === undefined || newInstanceId === oldInstanceId ? '' : ` by ${newInstanceId}`;
    const image = successor === '' || imageId === undefined ? '' : ` on ${imageId}`;
    return `${doingText({ path, oldInstanceId })}${successor}${image}`;
  }
  const tried = remediation?.state === 'failed' ? ' (a repair did not help)' : '';
  return `no repair${tried}: ${resolution ?? 'its signals ended'}`;
}

/** `inc-…: 3 days earlier, same rule, system; over after 4 min. Ended by replacing i-0a by i-0b on ami-1.` */
export function similarText({ id, secondsAgo, shared, fixedBy, durationSeconds, isRecurrence }: SimilarIncident): string {
  const again = isRecurrence ? ' The same cause, most likely.' : '';
  return `${id}: ${durationText(secondsAgo)} earlier, same ${shared.slice(0, 3).join(', ')}; over after ${durationText(durationSeconds)}. Ended by ${sentence(fixedBy)}${again}`;
}

const INCIDENTS_READ = 200;

/** Cheaper than reading a whole incident: most of a storm's are open. What is missing is read too, because to refuse costs more. */
const overSchema = z.object({ resolvedAt: z.optional(z.string()) });

/** The newest 200 incidents, those of them that are over; one query. */
export async function readPastIncidents({ store, scope }: { readonly store: RecordStore; readonly scope: Scope }): Promise<readonly Incident[]> {
  const page = await store.query(partitions.incidents(scope), '', { limit: INCIDENTS_READ, newestFirst: true });
  return page.records
    .filter(({ body }) => z.safeParse(overSchema, body).data?.resolvedAt !== undefined)
    .map((record) => parseRecord(incidentType, record).body);
}
