import * as z from 'zod/mini';
import { parseTimestamp, type Timestamp } from '../environment/time.ts';
import type { DeployDetail } from '../deployments/record.ts';
import type { Scope } from '../environment/ports.ts';
import type { RequestDetail, Severity, Subject } from './signal.ts';

/** An event as EventBridge delivers it (https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html). */
export interface BusEvent {
  readonly source: string;
  readonly detailType: string;
  readonly at: Timestamp;
  /** Where it happened, as far as the event says. */
  readonly scope: Partial<Scope>;
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, unknown>>;
}

/** What one event says about one subject, before the table gives it a kind, a severity and a state. */
export interface Reading {
  /** A case of the row. */
  readonly outcome: string;
  readonly subject: Subject;
  readonly summary: string;
  readonly details: Readonly<Record<string, string | undefined>>;
  /** Where the row's own does not name it. */
  readonly rule?: string;
  readonly at?: Timestamp;
  readonly scope?: Partial<Scope>;
  /** Replaces the table's severity of a firing signal. */
  readonly severity?: Severity | undefined;
  readonly deployment?: DeployDetail;
  readonly request?: RequestDetail;
}

export type Parsed<Value> = { readonly kind: 'read'; readonly value: Value } | { readonly kind: 'rejected'; readonly reason: string };

/** Reads the detail of one detail-type. */
export type DetailReader = (event: BusEvent) => Parsed<readonly Reading[]>;

export const accountIdSchema = z.string().check(z.regex(/^\d{12}$/));
export const regionSchema = z.string().check(z.regex(/^[a-z]{2,4}(?:-[a-z]+){1,3}-\d{1,2}$/));
export const instanceIdSchema = z.string().check(z.regex(/^i-[0-9a-f]{8,17}$/));
/** A name or an id: not empty; made one bounded line later. */
export const labelSchema = z.string().check(z.minLength(1), z.regex(/\S/));

const moment = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}/;
const withoutOffset = /\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?$/;

/** Reads a moment of AWS or of the local AWS, which may leave out the offset of UTC. */
export function readMoment(text: string): Timestamp | undefined {
  if (text.length > 40 || !moment.test(text)) return undefined;
  const iso = text.replace(' ', 'T');
  // Without an offset the runtime would take the time zone of the machine.
  return parseTimestamp(withoutOffset.test(iso) && !/[+-]\d{2}:\d{2}$/.test(iso) ? `${iso}Z` : iso);
}

export const momentSchema = z.pipe(
  z.string().check(z.refine((text) => readMoment(text) !== undefined)),
  z.transform((text) => readMoment(text) ?? text),
);

const busEventSchema = z.object({
  source: labelSchema,
  'detail-type': labelSchema,
  time: momentSchema,
  account: z.optional(accountIdSchema),
  // Global services write "global" or nothing
  region: z.optional(z.string()),
  resources: z._default(z.array(z.string()), []),
  detail: z.record(z.string(), z.unknown()),
});

/** Reads the frame of an EventBridge event. */
export function readBusEvent(body: Readonly<Record<string, unknown>>): Parsed<BusEvent> {
  const parsed = z.safeParse(busEventSchema, body);
  if (!parsed.success) return { kind: 'rejected', reason: problemsOf(parsed.error, body, '') };
  const { source, time, account, region, resources, detail } = parsed.data;
  const scope = { ...(account === undefined ? {} : { accountId: account }), ...scopeOfRegion(region) };
  return { kind: 'read', value: { source, detailType: parsed.data['detail-type'], at: time, scope, resources, detail } };
}

export function scopeOfRegion(region: string | undefined): Partial<Scope> {
  return region !== undefined && regionSchema.safeParse(region).success ? { region } : {};
}

/** Account and Region of an ARN, as far as it names them. */
export function scopeOfArn(arn: string | undefined): Partial<Scope> {
  const [prefix, , , region, account] = arn?.split(':', 6) ?? [];
  if (prefix !== 'arn') return {};
  return { ...(accountIdSchema.safeParse(account).success && account !== undefined ? { accountId: account } : {}), ...scopeOfRegion(region) };
}

/** A reader that parses the detail first and says what is missing. */
export function reader<Schema extends z.ZodMiniType>(schema: Schema, read: (detail: z.infer<Schema>, event: BusEvent) => readonly Reading[]): DetailReader {
  return (event) => {
    const parsed = z.safeParse(schema, event.detail);
    return parsed.success ? { kind: 'read', value: read(parsed.data, event) } : { kind: 'rejected', reason: problemsOf(parsed.error, event.detail, 'detail') };
  };
}

const MAX_PROBLEMS = 3;

/** What is wrong with an event, without quoting from it: "detail.instance-id is missing". */
export function problemsOf(error: z.core.$ZodError, value: unknown, base: string): string {
  const problems = error.issues.slice(0, MAX_PROBLEMS).map((issue) => problemOf(issue, value, base));
  const left = error.issues.length - MAX_PROBLEMS;
  return `The event is malformed: ${problems.join('; ')}${left > 0 ? `; and ${left} more` : ''}.`;
}

function problemOf(issue: z.core.$ZodIssue, value: unknown, base: string): string {
  const path = [base, ...issue.path.map(String)].filter((part) => part !== '').join('.');
  if (valueAt(value, issue.path) === undefined) return `${path} is missing`;
  if (issue.code === 'invalid_value') return `${path} is none of ${issue.values.map(String).join(', ')}`;
  return `${path} does not have the form it must have`;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key) ? Reflect.get(inner, key) : undefined),
    value,
  );
}
