import { secondsBetween, type Timestamp } from '../../environment/time.ts';
import type { Remediation } from '../../remediation/record.ts';
import { type DetectionSource, detectionOf, detectionSources } from './detection.ts';
import { interventionsOf } from './interventions.ts';
import { plain } from '../messages/message-text.ts';
import type { Past, PastIncident } from './past.ts';
import type { PostMortem } from './post-mortem.ts';
import { isOver } from '../record.ts';

/** One rule of one system. */
export interface NoiseRow {
  readonly rule: string;
  readonly system: string;
  readonly incidents: number;
  /** Those that ended by themselves, and about which nobody and nothing did anything. */
  readonly withoutAction: number;
  /** Messages that were sent about these. */
  readonly pointlessMessages: number;
  readonly lastAt: Timestamp;
}

export interface Noise {
  readonly from: Timestamp;
  readonly to: Timestamp;
  readonly incidents: number;
  readonly withoutAction: number;
  /** Rules that led to no action at least once, the most pointless first; at most 50. */
  readonly pointless: readonly NoiseRow[];
  /** Rules that spoke in most incidents; at most 10, each in two or more. */
  readonly repeated: readonly NoiseRow[];
  readonly acknowledged: number;
  /** Mean time from detection to the first acknowledgement, in seconds; `null` without any. */
  readonly meanAcknowledgeSeconds: number | null;
  readonly detectedBy: Readonly<Record<DetectionSource, number>>;
  /** 0 to 1; `null` without incidents (S4-43). */
  readonly customerShare: number | null;
  readonly isCut: boolean;
}

const MAX_POINTLESS = 50;
const MAX_REPEATED = 10;

interface Judged {
  readonly rules: readonly string[];
  readonly system: string;
  readonly isPointless: boolean;
  readonly messages: number;
  readonly acknowledgeSeconds: number | undefined;
  readonly source: DetectionSource;
  readonly at: Timestamp;
}

/** What alarms were worth; pure. */
export function noiseOf(past: Past): Noise {
  const { from, to, isCut, postMortems } = past;
  const byIncident = Map.groupBy(past.remediations, ({ incidentId }) => incidentId);
  const written = new Map(postMortems.map((postMortem) => [postMortem.incidentId, postMortem]));
  const judged = past.incidents.map((one) => judge(one, byIncident.get(one.incident.id) ?? [], written.get(one.incident.id)));
  const rows = rowsOf(judged);
  const seconds = judged.flatMap(({ acknowledgeSeconds }) => acknowledgeSeconds ?? []);
  const customers = judged.filter(({ source }) => source === 'customer').length;
  return {
    from,
    to,
    incidents: judged.length,
    withoutAction: judged.filter(({ isPointless }) => isPointless).length,
    pointless: rows
      .filter(({ withoutAction }) => withoutAction > 0)
      .toSorted((left, right) => right.withoutAction - left.withoutAction || byName(left, right))
      .slice(0, MAX_POINTLESS),
    repeated: rows
      .filter(({ incidents }) => incidents > 1)
      .toSorted((left, right) => right.incidents - left.incidents || byName(left, right))
      .slice(0, MAX_REPEATED),
    acknowledged: seconds.length,
    meanAcknowledgeSeconds: seconds.length === 0 ? null : Math.round(seconds.reduce((sum, value) => sum + value, 0) / seconds.length),
    detectedBy: countSources(judged),
    customerShare: judged.length === 0 ? null : customers / judged.length,
    isCut,
  };
}

function countSources(judged: readonly Judged[]): Noise['detectedBy'] {
  const counts = { alarm: 0, canary: 0, customer: 0, person: 0 } satisfies Record<DetectionSource, number>;
  for (const source of detectionSources) counts[source] = judged.filter((one) => one.source === source).length;
  return counts;
}

const compare = (left: string, right: string): number => (left === right ? 0 : left < right ? -1 : 1);
const byName = (left: NoiseRow, right: NoiseRow): number => compare(left.rule, right.rule) || compare(left.system, right.system);

function judge({ incident, timeline }: PastIncident, remediations: readonly Remediation[], postMortem: PostMortem | undefined): Judged {
  const interventions = interventionsOf(incident, timeline, remediations);
  // A veto and a dry run touch nothing: what ended it was not them.
  const isRepaired = remediations.some(({ state }) => state === 'succeeded' || state === 'failed' || state === 'running');
  const isLearnedFrom = postMortem !== undefined && (postMortem.notes.length > 0 || postMortem.actions.length > 0 || postMortem.state === 'closed');
  const isNoted = timeline.some(({ kind }) => kind === 'note');
  const answeredAt = interventions.find(({ kind }) => kind === 'acknowledge')?.at;
  return {
    rules: [...new Set(Object.values(incident.signals).map(({ rule }) => plain(rule, 120)))],
    system: plain(incident.system ?? 'no system', 80),
    isPointless: isOver(incident) && !isRepaired && interventions.length === 0 && !isLearnedFrom && !isNoted,
    messages: timeline.filter(({ kind, eventId }) => kind === 'notification' && eventId.startsWith('notification:')).length,
    acknowledgeSeconds: answeredAt === undefined ? undefined : Math.max(0, secondsBetween(incident.openedAt, answeredAt)),
    source: detectionOf(incident, postMortem?.detectedBy),
    at: incident.openedAt,
  };
}

function rowsOf(judged: readonly Judged[]): readonly NoiseRow[] {
  const spoken = judged.flatMap((one) => one.rules.map((rule) => ({ rule, one })));
  return [...Map.groupBy(spoken, ({ rule, one }) => `${one.system}\n${rule}`).values()].map((same) => {
    const pointless = same.filter(({ one }) => one.isPointless);
    return {
      rule: same[0]?.rule ?? '',
      system: same[0]?.one.system ?? '',
      incidents: same.length,
      withoutAction: pointless.length,
      pointlessMessages: pointless.reduce((sum, { one }) => sum + one.messages, 0),
      lastAt: same.reduce((latest, { one }) => (one.at > latest ? one.at : latest), ''),
    };
  });
}
