import * as z from 'zod/mini';

/*
 * Takes wrappings off: SQS and SNS `Records`, an SNS notification, text inside text. What remains is one event each, in one of
 * AWS's own forms; which one it is and what it says is not decided here.
 */

/** Steps inwards. SQS around SNS around an event takes 8, one more wrapping (sent again by hand) 4 more; deeper is nobody's event. */
const MAX_DEPTH = 12;
/** SQS hands at most 10,000 records to a function (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html). */
const MAX_EVENTS = 10_000;
/** Lambda's own bound on what a function is handed is 6 MB (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). */
const MAX_CHARACTERS = 6 * 1024 * 1024;

export interface InnerEvent {
  readonly kind: 'event';
  /** Positions on the way in, outermost first; empty when nothing was wrapped. */
  readonly path: readonly number[];
  readonly body: Readonly<Record<string, unknown>>;
  /** The topic it came through, where it did; its ARN names the Region. */
  readonly topicArn?: string;
}

export interface NotAnEvent {
  readonly kind: 'rejected';
  readonly path: readonly number[];
  readonly reason: string;
}

export type Unwrapped = InnerEvent | NotAnEvent;

interface Way {
  readonly path: readonly number[];
  readonly depth: number;
  readonly topicArn?: string;
}

/** Schemas of wrappings are asked only where their key is: to refuse costs more than to read, and almost everything is refused by most of them. */
const queueRecordSchema = z.object({ eventSource: z.literal('aws:sqs'), body: z.string() });
const topicRecordSchema = z.object({ EventSource: z.literal('aws:sns'), Sns: z.record(z.string(), z.unknown()) });
const notificationSchema = z.object({ Type: z.literal('Notification'), Message: z.string(), TopicArn: z.optional(z.string()) });
const confirmationSchema = z.object({ Type: z.enum(['SubscriptionConfirmation', 'UnsubscribeConfirmation']) });
const otherRecordSchema = z.object({ eventSource: z.string() });

/** Takes every wrapping off one body, parsed or still text. At most 10,000 events; the rest is rejected in one entry. */
export function unwrap(raw: unknown): readonly Unwrapped[] {
  const found = unwrapValue(raw, { path: [], depth: 0 });
  if (found.length <= MAX_EVENTS) return found;
  const reason = `It holds ${found.length} events; only the first ${MAX_EVENTS} are read. Send fewer at once.`;
  return [...found.slice(0, MAX_EVENTS), { kind: 'rejected', path: [], reason }];
}

function unwrapValue(value: unknown, way: Way): readonly Unwrapped[] {
  if (way.depth > MAX_DEPTH) return rejected(way, `It is wrapped too often; take the outer wrappings off and send it again.`);
  if (typeof value === 'string') return unwrapString(value, way);
  if (Array.isArray(value)) return unwrapList(value, way);
  return isObject(value) ? unwrapObject(value, way) : rejected(way, 'It is neither a JSON object nor a list of them.');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** Reads a wrapping that has this key; `undefined` when it is another one. */
function readWrapping<Body>(schema: z.ZodMiniType<Body>, key: string, body: Readonly<Record<string, unknown>>): Body | undefined {
  return Object.hasOwn(body, key) ? z.safeParse(schema, body).data : undefined;
}

function unwrapString(text: string, way: Way): readonly Unwrapped[] {
  if (text.length > MAX_CHARACTERS) return rejected(way, `It has ${text.length} characters; at most ${MAX_CHARACTERS} are read.`);
  const parsed = parseJson(text);
  if (parsed.kind === 'text') return rejected(way, `It is not JSON: ${parsed.reason}`);
  return unwrapValue(parsed.value, deeper(way));
}

function parseJson(text: string): { readonly kind: 'json'; readonly value: unknown } | { readonly kind: 'text'; readonly reason: string } {
  if (text.trim() === '') return { kind: 'text', reason: 'it is empty.' };
  try {
    const value: unknown = JSON.parse(text);
    return { kind: 'json', value };
  } catch {
    // The parser's own message quotes the text, which may hold personal data.
    return { kind: 'text', reason: `${text.length} characters that do not parse.` };
  }
}

function unwrapList(list: readonly unknown[], way: Way): readonly Unwrapped[] {
  if (list.length === 0) return rejected(way, 'It is an empty list.');
  const read = list.slice(0, MAX_EVENTS).flatMap((item, index) => unwrapValue(item, { ...deeper(way), path: [...way.path, index] }));
  const left = list.length - MAX_EVENTS;
  return left <= 0 ? read : [...read, ...rejected(way, `It is a list of ${list.length}; only the first ${MAX_EVENTS} are read. Send fewer at once.`)];
}

function unwrapObject(body: Readonly<Record<string, unknown>>, way: Way): readonly Unwrapped[] {
  if (Object.hasOwn(body, 'Records') && Array.isArray(body['Records'])) return unwrapList(body['Records'], deeper(way));
  const queueRecord = readWrapping(queueRecordSchema, 'eventSource', body);
  if (queueRecord !== undefined) return unwrapString(queueRecord.body, deeper(way));
  const topicRecord = readWrapping(topicRecordSchema, 'EventSource', body);
  if (topicRecord !== undefined) return unwrapValue(topicRecord.Sns, deeper(way));
  const notification = readWrapping(notificationSchema, 'Type', body);
  if (notification !== undefined) return unwrapString(notification.Message, through(way, notification.TopicArn));
  const refusal = reasonNoEvent(body);
  if (refusal !== undefined) return rejected(way, refusal);
  return [{ kind: 'event', path: way.path, body, ...(way.topicArn === undefined ? {} : { topicArn: way.topicArn }) }];
}

/** What arrives in the same wrappings and is known to be no event. */
function reasonNoEvent(body: Readonly<Record<string, unknown>>): string | undefined {
  const confirmation = readWrapping(confirmationSchema, 'Type', body);
  if (confirmation !== undefined) return `It is an SNS ${confirmation.Type}, not an event; confirm the subscription where it was made.`;
  if (readWrapping(otherRecordSchema, 'eventSource', body) !== undefined) return 'It is a record of another service than SQS or SNS, or one without a body.';
  return undefined;
}

function deeper(way: Way): Way {
  return { ...way, depth: way.depth + 1 };
}

function through(way: Way, topicArn: string | undefined): Way {
  return topicArn === undefined ? deeper(way) : { ...deeper(way), topicArn };
}

function rejected(way: Way, reason: string): readonly NotAnEvent[] {
  return [{ kind: 'rejected', path: way.path, reason }];
}
