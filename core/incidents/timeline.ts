import type { Scope } from '../environment/ports.ts';
import { keys } from '../records/keys.ts';
import { writeOf } from '../records/record-type.ts';
import type { RecordKey, RecordWrite } from '../records/store.ts';
import { type TimelineEvent, timelineEventType, timelineMarkerType } from './record.ts';

export type NewTimelineEvent = Omit<TimelineEvent, 'incidentId'>;

/** Console output is the longest text there is; it is cut to 4,000 by who collects it. */
const MAX_TEXT_CHARACTERS = 8000;

/** Sort keys of events begin with the year, those of markers with a letter. */
export const timelineEventPrefix = '2';
const MARKER_MOMENT = 'event';

export function timelineMarkerKey(scope: Scope, incidentId: string, eventId: string): RecordKey {
  return keys.timeline(scope, incidentId, MARKER_MOMENT, eventId);
}

/** The writes that put a new event on a timeline: the event, and a marker that lets it be there only once whatever its `at`. */
export function timelineWrites(scope: Scope, incidentId: string, event: NewTimelineEvent): readonly RecordWrite[] {
  const { at, eventId, kind, text } = event;
  const body = { at, eventId, incidentId, kind, text: text.slice(0, MAX_TEXT_CHARACTERS).toWellFormed() };
  return [
    writeOf(timelineEventType, keys.timeline(scope, incidentId, at, eventId), body, 0),
    writeOf(timelineMarkerType, timelineMarkerKey(scope, incidentId, eventId), { at }, 0),
  ];
}
