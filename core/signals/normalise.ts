import type { Hasher, Scope } from '../environment/ports.ts';
import { secondsBetween, type Timestamp } from '../environment/time.ts';
import { readAlarmCall, readAlarmMessage } from './alarm.ts';
import { type BusEvent, type Parsed, type Reading, readBusEvent } from './envelope.ts';
import { boundedLine, maskedLine, maskedName } from './mask.ts';
import { readerOf } from './readers.ts';
import { fingerprintOf, placeOfSubject, type RequestDetail, type Signal } from './signal.ts';
import { isAwsRow, knownDetailTypes, rowOf, type SignalRow } from './table.ts';
import { type InnerEvent, unwrap } from './unwrap.ts';

export interface ReadOptions {
  readonly hasher: Hasher;
  /** Where we are; for what an event does not say itself. */
  readonly scope: Scope;
  /** Our clock when the event arrived. */
  readonly receivedAt: Timestamp;
}

export type FingerprintedSignal = Signal & { readonly fingerprint: string };

export interface Rejection {
  /** Position in the outermost list of records; 0 when there is none. */
  readonly index: number;
  /** What is wrong and what it would need; never quotes the event's free text. */
  readonly reason: string;
}

export interface ReadResult {
  readonly signals: readonly FingerprintedSignal[];
  readonly rejected: readonly Rejection[];
}

/** A source whose clock is further ahead than this is not believed about the time. */
const MAX_AHEAD_SECONDS = 300;
const MAX_SUMMARY_CHARACTERS = 500;
const MAX_DETAILS = 20;
const MAX_DETAIL_CHARACTERS = 256;
/** CloudWatch's own limit for the name of an alarm, the longest name there is here. */
const MAX_NAME_CHARACTERS = 255;
const MAX_REASON_CHARACTERS = 2000;

/**
 * Reads one raw body, parsed or text, in any wrapping (design sections 2 and 9). One bad event does not spoil its neighbours: each
 * is a list of signals or a rejection with its reason. Pure; the same body gives the same signals.
 */
export function readSignals(raw: unknown, options: ReadOptions): ReadResult {
  const signals: FingerprintedSignal[] = [];
  const rejected: Rejection[] = [];
  for (const unwrapped of unwrap(raw)) {
    const read = unwrapped.kind === 'rejected' ? unwrapped : readEvent(unwrapped);
    if (read.kind === 'read') signals.push(...read.value.map((said) => signalOf(said, options)));
    else rejected.push(rejectionOf(unwrapped.path, read.reason));
  }
  return { signals, rejected };
}

function rejectionOf(path: readonly number[], reason: string): Rejection {
  const [index = 0, ...inner] = path;
  const where = inner.length === 0 ? '' : `Inner record ${inner.join('.')}: `;
  return { index, reason: maskedLine(`${where}${reason}`, MAX_REASON_CHARACTERS) };
}

/** A reading with what the table says about it. */
interface Said {
  readonly reading: Reading;
  readonly row: SignalRow;
  readonly outcome: SignalRow['outcomes'][string];
  readonly at: Timestamp;
  readonly scope: Partial<Scope>;
}

function readEvent(event: InnerEvent): Parsed<readonly Said[]> {
  const { body, topicArn } = event;
  if (Object.hasOwn(body, 'detail-type')) return readBus(body);
  if (Object.hasOwn(body, 'alarmArn') && Object.hasOwn(body, 'alarmData')) return readCall(body);
  if (Object.hasOwn(body, 'AlarmName') && Object.hasOwn(body, 'NewStateValue')) return alarmSaid(readAlarmMessage(body, topicArn));
  return {
    kind: 'rejected',
    reason:
      'It is no event that is understood: it has neither source and detail-type (EventBridge), nor AlarmName and NewStateValue (an alarm by SNS), nor alarmArn and alarmData (an alarm that calls directly).',
  };
}

function readCall(body: Readonly<Record<string, unknown>>): Parsed<readonly Said[]> {
  if (body['source'] !== 'aws.cloudwatch')
    return { kind: 'rejected', reason: 'It has the form of an alarm that calls directly, but its source is not aws.cloudwatch: not believed.' };
  return alarmSaid(readAlarmCall(body));
}

function alarmSaid(read: Parsed<Reading>): Parsed<readonly Said[]> {
  if (read.kind === 'rejected') return read;
  const row = rowOf('CloudWatch Alarm State Change');
  // Both forms of an alarm always say their time
  return row === undefined ? { kind: 'rejected', reason: 'Alarms are not in the table.' } : judged(row, [read.value], { at: read.value.at ?? '', scope: {} });
}

function readBus(body: Readonly<Record<string, unknown>>): Parsed<readonly Said[]> {
  const frame = readBusEvent(body);
  if (frame.kind === 'rejected') return frame;
  const event = frame.value;
  const row = rowOf(event.detailType);
  const read = readerOf(event.detailType);
  if (row === undefined || read === undefined) {
    const name = boundedLine(event.detailType, 100);
    return { kind: 'rejected', reason: `The detail-type "${name}" is not understood. ${knownDetailTypes(event.source)}` };
  }
  if (event.source !== row.source) return { kind: 'rejected', reason: notBelieved(event, row) };
  const readings = read(event);
  return readings.kind === 'rejected' ? readings : judged(row, readings.value, event);
}

function notBelieved(event: BusEvent, row: SignalRow): string {
  const owner = isAwsRow(row) ? `AWS's own (${row.source})` : `Perennial's own (source ${row.source})`;
  return `The detail-type "${event.detailType}" is ${owner}, but this event says that it comes from "${boundedLine(event.source, 100)}": not believed.`;
}

function judged(row: SignalRow, readings: readonly Reading[], event: { readonly at: Timestamp; readonly scope: Partial<Scope> }): Parsed<readonly Said[]> {
  const found = readings.flatMap((reading) => {
    const outcome = row.outcomes[reading.outcome];
    return outcome === undefined ? [] : [{ reading, row, outcome, at: reading.at ?? event.at, scope: { ...event.scope, ...reading.scope } }];
  });
  return found.length === readings.length ? { kind: 'read', value: found } : { kind: 'rejected', reason: 'The table does not know this case of the event.' };
}

function signalOf({ reading, row, outcome, at, scope }: Said, options: ReadOptions): FingerprintedSignal {
  const isAhead = secondsBetween(options.receivedAt, at) > MAX_AHEAD_SECONDS;
  const clock = isAhead ? { sourceTime: at, note: "The source's clock is more than 5 minutes ahead; the time of arrival stands instead." } : {};
  const id = nameOf(reading.subject.id, options);
  const signal: Signal = {
    kind: outcome.kind,
    subject: { type: reading.subject.type, id: id === '' ? '?' : id },
    severity: outcome.state === 'firing' ? (reading.severity ?? outcome.severity) : outcome.severity,
    state: outcome.state,
    at: isAhead ? options.receivedAt : at,
    source: row.source,
    rule: nameOf(reading.rule ?? row.rule, options),
    scope: { ...options.scope, ...scope },
    summary: maskedLine(reading.summary, MAX_SUMMARY_CHARACTERS),
    details: detailsOf({ ...clock, ...reading.details }),
    ...(reading.deployment === undefined ? {} : { deployment: reading.deployment }),
    ...(reading.request === undefined ? {} : { request: requestOf(reading.request) }),
  };
  return { ...signal, fingerprint: fingerprintOf(signal, placeOfSubject(signal.subject), options.hasher) };
}

/** One line, without the personal data that somebody has put into a name (S4-23). */
function nameOf(name: string, { hasher }: ReadOptions): string {
  return boundedLine(
    maskedName(boundedLine(name, MAX_NAME_CHARACTERS), (text) => hasher.sha256(text)),
    MAX_NAME_CHARACTERS,
  );
}

function requestOf({ by, reason, remediationId }: RequestDetail): RequestDetail {
  const named = { by: boundedLine(by, MAX_DETAIL_CHARACTERS), reason: maskedLine(reason, MAX_DETAIL_CHARACTERS) };
  return remediationId === undefined ? named : { ...named, remediationId: boundedLine(remediationId, MAX_NAME_CHARACTERS) };
}

function detailsOf(details: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  const entries = Object.entries(details).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, maskedLine(value, MAX_DETAIL_CHARACTERS)] as const],
  );
  return Object.fromEntries(entries.slice(0, MAX_DETAILS));
}
