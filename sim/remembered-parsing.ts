import { imageRecordType } from '../core/images/records.ts';
import { notificationGroupType } from '../core/incidents/attention/facts.ts';
import { incidentPlaceType, incidentType, notificationType, timelineEventType, timelineMarkerType } from '../core/incidents/record.ts';
import { instanceType, systemRecordType } from '../core/inventory/records.ts';
import type { RecordType } from '../core/records/record-type.ts';
import { captureType } from '../core/remediation/surroundings/capture.ts';
import { declarationType } from '../core/remediation/admission/declaration.ts';
import { groupType, pauseType, platformType, remediationType, slotType } from '../core/remediation/record.ts';
import { signalEventType, signalRecordType } from '../core/signals/record.ts';

type Schema = RecordType<unknown>['schema'];

/** Bodies that the rules have written in the present run, typed by the very schema that reads them. */
let written = new WeakSet<object>();

/** What is written from typed values needs no look when it is read. Strict runs store copies, which are read in full. */
export function trustWritten(body: unknown): void {
  if (isObject(body)) written.add(body);
}

/**
 * A stored body that was parsed once is not parsed again: the rules never change a body (strict runs prove it), and
 * `SharedRecordStore` gives the very same object to every reader. Nothing else about reading records differs. Of a run's time, parsing
 * the same remediations for every percentile was the largest part.
 */
export function rememberParsing(): void {
  // A small set is a fast one. What another run is just writing is read in full once more, no worse.
  written = new WeakSet();
  if (isRemembered) return;
  isRemembered = true;
  const types = [
    remediationType,
    incidentType,
    incidentPlaceType,
    notificationType,
    instanceType,
    systemRecordType,
    imageRecordType,
    captureType,
    groupType,
    platformType,
    slotType,
    pauseType,
    declarationType,
    signalRecordType,
    signalEventType,
    timelineEventType,
    timelineMarkerType,
    notificationGroupType,
  ];
  for (const { schema } of types) remember(schema);
}

let isRemembered = false;

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

function remember({ _zod: internals }: Schema): void {
  const parse = internals.run.bind(internals);
  const parsed = new WeakMap<object, object>();
  internals.run = (payload, context) => {
    const value: unknown = payload.value;
    if (!isObject(value)) return parse(payload, context);
    if (written.has(value)) return payload;
    const known = parsed.get(value);
    if (known !== undefined) {
      payload.value = known;
      return payload;
    }
    const result = parse(payload, context);
    if (result instanceof Promise || result.issues.length > 0) return result;
    const read: unknown = result.value;
    if (!isObject(read)) return result;
    parsed.set(value, read);
    // What is read is written again as it is, and what was typed needs no second look.
    parsed.set(read, read);
    return result;
  };
}
