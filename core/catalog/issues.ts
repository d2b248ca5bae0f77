import * as z from 'zod/mini';
import { rules, textsOfRule } from './rules.ts';
import { nearest } from './nearest.ts';
import type { Complaint } from './problem.ts';

/*
 * Schema issues as people read them: what is wrong and what to write instead.
 */

type Issue = z.core.$ZodIssue;

/** What to write for a required key, when its type alone does not tell. */
const exampleOfKey: Readonly<Record<string, string>> = {
  apiVersion: 'apiVersion: perennial/v1',
  metadata: 'metadata: { name: shop-web }',
  name: 'name: shop-web',
  owners: 'owners: { owner: team-shop, operators: [ops] }',
  owner: 'owner: team-shop',
  environment: 'environment: prod',
  topology: 'topology: multiple" (several serve at once) or "topology: single',
  roles: 'roles: [web]',
  recovery: 'recovery: { rtoSeconds: 600, rpoSeconds: 0, stateful: false }',
  rtoSeconds: 'rtoSeconds: 600',
  rpoSeconds: 'rpoSeconds: 0',
  image: 'image: { role: web }',
  role: 'role: web',
  system: 'system: shop-web',
  severities: 'severities: [critical, high]',
  to: 'to: [{ email: ops@example.com }]',
  service: 'service: shop-web',
  objectives: 'objectives: [{ targetPercent: 99.9 }]',
  timeWindow: 'timeWindow: [{ duration: 30d, isRolling: true }]',
  budgetingMethod: 'budgetingMethod: Occurrences',
  indicator: 'indicator: { spec: { ratioMetric: { good: …, total: … } } }',
  targetGroup: 'targetGroup: shop-web',
  canary: 'canary: shop-checkout',
  severity: 'severity: page',
  lookbackWindow: 'lookbackWindow: 1h',
  conditions: 'conditions: [{ conditionRef: … }]',
  notificationTargets: 'notificationTargets: [{ targetRef: … }]',
  target: 'target: 99.9',
  metricSource: 'metricSource: { type: CloudWatch, spec: { namespace: …, metric: …, statistic: Sum } }',
  type: 'type: CloudWatch',
  statistic: 'statistic: Sum',
};

/** Keys that are right elsewhere, but not taken here. */
const refusedKeys: Readonly<Record<string, { readonly message: string; readonly fix: string }>> = {
  isMonotonic: { message: 'unknown key "isMonotonic"', fix: 'Write "counter: true" for a metric that only rises.' },
};

/** The forms of the unions, by the last name on the path. */
const unionForms: Readonly<Record<string, { readonly message: string; readonly fix: string }>> = {
  triggers: {
    message: 'must be instance.status-check, instance.target-unhealthy or one alarm by name',
    fix: 'Write "instance.status-check", "instance.target-unhealthy" or "{ alarm: shop-web-unhealthy }".',
  },
  to: {
    message: 'must be exactly one of an e-mail address, a parameter that holds a phone number, and an https address',
    fix: 'Write "{ email: ops@example.com }", "{ smsParameter: /perennial/contacts/ops-phone }" or "{ https: \'https://chat.example.com/hook\' }".',
  },
  timeSliceWindow: rules.timeSliceWindow,
  indicator: {
    message: 'must be one of target-group, canary, instance-healthy-minutes',
    fix: 'Write, for example, "indicator: target-group" with "targetGroup: shop-web".',
  },
  labels: { message: 'must be a text or a list of texts', fix: 'Write a text such as "web".' },
};

const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping (key: value)',
  record: 'a mapping (key: value)',
  array: 'a list',
};

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((current, step) => (typeof current === 'object' && current !== null ? Reflect.get(current, step) : undefined), value);
}

/** What the schema allows at `path`, all wrappers removed. */
function schemaAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): z.core.$ZodType | undefined {
  const inner = unwrap(schema);
  const [step, ...rest] = path;
  if (step === undefined) return inner;
  if (inner instanceof z.core.$ZodArray) return schemaAt(inner._zod.def.element, rest);
  if (inner instanceof z.core.$ZodObject) {
    const next = inner._zod.def.shape[String(step)];
    return next === undefined ? undefined : schemaAt(next, rest);
  }
  return undefined;
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  const isWrapper = schema instanceof z.core.$ZodOptional || schema instanceof z.core.$ZodDefault || schema instanceof z.core.$ZodPrefault;
  return isWrapper ? unwrap(schema._zod.def.innerType) : schema;
}

function keysAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): readonly string[] {
  const found = schemaAt(schema, path);
  return found instanceof z.core.$ZodObject ? Object.keys(found._zod.def.shape) : [];
}

function unknownKey(key: string, path: readonly PropertyKey[], allowed: readonly string[]): Complaint {
  const refused = Object.hasOwn(refusedKeys, key) ? refusedKeys[key] : undefined;
  if (refused !== undefined) return { path, key, ...refused };
  const meant = nearest(key, allowed);
  const known = allowed.length === 0 ? 'Remove it.' : `Remove it, or use one of: ${allowed.join(', ')}.`;
  return { path, key, message: `unknown key "${key}"`, fix: meant === undefined ? known : `Did you mean "${meant}"?` };
}

function missingKey(path: readonly PropertyKey[]): Complaint {
  const key = String(path.at(-1));
  const example = (Object.hasOwn(exampleOfKey, key) ? exampleOfKey[key] : undefined) ?? `${key}: …`;
  return { path, message: `"${key}" is missing`, fix: `Add "${example}".` };
}

function isScalarText(value: unknown): value is string | number | boolean {
  return typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean';
}

function wrongType(expected: string, path: readonly PropertyKey[], value: unknown): Complaint {
  const wanted = typeNames[expected] ?? expected;
  const found = value === null ? 'nothing' : Array.isArray(value) ? 'a list' : isScalarText(value) ? `${typeNames[typeof value]}` : 'a mapping (key: value)';
  return { path, message: `must be ${wanted}, but ${found} is written`, fix: fixOfType(expected, wanted, value) };
}

function fixOfType(expected: string, wanted: string, value: unknown): string {
  if (expected === 'string' && isScalarText(value)) return `Put it in quotes: "${String(value)}".`;
  if (expected === 'array' && isScalarText(value)) return `Put it in brackets: [${String(value)}].`;
  if ((expected === 'int' || expected === 'number') && typeof value === 'string')
    return 'Write digits only, without quotes or a unit; the unit is in the name of the key.';
  if (expected === 'int' && typeof value === 'number') return `Round it: ${String(Math.round(value))}.`;
  if (expected === 'boolean') return 'Write true or false, without quotes.';
  return `Write ${wanted}.`;
}

/** `at least`, `more than`, `at most`, `less than`. */
function boundOf(issue: Extract<Issue, { code: 'too_small' | 'too_big' }>): string {
  if (issue.code === 'too_small') return `${issue.inclusive === false ? 'more than' : 'at least'} ${String(issue.minimum)}`;
  return `${issue.inclusive === false ? 'less than' : 'at most'} ${String(issue.maximum)}`;
}

function outOfLimits(issue: Extract<Issue, { code: 'too_small' | 'too_big' }>, path: readonly PropertyKey[]): Complaint {
  const bound = boundOf(issue);
  const isSmall = issue.code === 'too_small';
  if (issue.origin === 'string') return { path, message: `must have ${bound} characters`, fix: isSmall ? 'Write what is missing.' : 'Shorten the text.' };
  if (issue.origin === 'array')
    return { path, message: `must have ${bound} entries`, fix: isSmall ? 'Add an entry.' : 'Remove entries, or split the document.' };
  return { path, message: `must be ${bound}`, fix: `Write a ${isSmall ? 'larger' : 'smaller'} number.` };
}

function wrongValue(values: readonly unknown[], path: readonly PropertyKey[], value: unknown): Complaint {
  const texts = values.map(String);
  const meant = typeof value === 'string' ? nearest(value, texts) : undefined;
  const fix = meant !== undefined ? `Did you mean "${meant}"?` : `Write ${texts.map((text) => `"${text}"`).join(' or ')}.`;
  return { path, message: `must be ${texts.length === 1 ? '' : 'one of '}${texts.join(', ')}`, fix };
}

/** Seven digits or more, as people write phone numbers. */
function isPhoneNumber(value: unknown): boolean {
  return isScalarText(value) && /^\+?[\d ()./-]{7,}$/.test(String(value)) && String(value).replaceAll(/\D/g, '').length >= 7;
}

function noForm(path: readonly PropertyKey[], value: unknown): Complaint {
  const name = path.findLast((step) => typeof step === 'string' && Object.hasOwn(unionForms, step));
  if (name === 'to' && typeof value === 'object' && value !== null && Object.values(value).some(isPhoneNumber)) return { path, ...rules.ssmParameter };
  const meant = typeof value === 'string' ? nearest(value, ['instance.status-check', 'instance.target-unhealthy']) : undefined;
  const form = unionForms[String(name)] ?? { message: 'has none of the allowed forms', fix: 'Look at the JSON Schema in docs/schema.' };
  return { path, message: form.message, fix: name === 'triggers' && meant !== undefined ? `Did you mean "${meant}"?` : form.fix };
}

/** A key that must be there counts as missing, whatever form it should have. */
function explainByCode(issue: Issue, value: unknown, schema: z.core.$ZodType): readonly Complaint[] {
  const { path } = issue;
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, path, keysAt(schema, path)));
    case 'invalid_type':
      return [wrongType(issue.expected, path, value)];
    case 'invalid_value':
      return [wrongValue(issue.values, path, value)];
    case 'too_small':
    case 'too_big':
      return [outOfLimits(issue, path)];
    case 'invalid_union':
      return [noForm(path, value)];
    case 'invalid_key':
      return [{ path: path.slice(0, -1), key: String(path.at(-1)), message: `the key "${String(path.at(-1))}" is not allowed`, fix: rules.word.fix }];
    case 'invalid_format':
    case 'not_multiple_of':
    case 'invalid_element':
    case 'custom':
      return [{ path, message: issue.message, fix: 'Look at the JSON Schema in docs/schema.' }];
  }
}

/** What `issue` of parsing `document` with `schema` says to a person. */
export function explainIssue(issue: Issue, document: unknown, schema: z.core.$ZodType): readonly Complaint[] {
  const { path } = issue;
  const value = valueAt(document, path);
  if (isPhoneNumber(value) && path.includes('to')) return [{ path, ...rules.ssmParameter }];
  const rule = textsOfRule.get(issue.message);
  if (rule !== undefined) return [{ path, ...rule }];
  return value === undefined && path.length > 0 ? [missingKey(path)] : explainByCode(issue, value, schema);
}
