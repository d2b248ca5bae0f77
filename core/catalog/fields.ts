import * as z from 'zod/mini';
import type { RuleName } from './rules.ts';

/** The rule that a value breaks; its texts for people are in rules.ts, which no function needs. */
export const broken = (rule: RuleName): RuleName => rule;

/** No entry of a list may repeat. */
function unique<T>(): z.core.$ZodCheck<T[]> {
  return z.refine((list: T[]) => new Set(list.map((entry) => JSON.stringify(entry))).size === list.length, broken('unique'));
}

/** A list of at most `maximum` different entries; an absent list is an empty one. */
export function listOf<T extends z.core.SomeType>(entry: T, maximum: number) {
  return z._default(z.array(entry).check(z.maxLength(maximum), unique()), []);
}

/** Like {@link listOf}, but at least one entry must be given. */
export function someOf<T extends z.core.SomeType>(entry: T, maximum: number) {
  return z.array(entry).check(z.minLength(1), z.maxLength(maximum), unique());
}

/** A name of a document; also OpenSLO's (RFC 1123). */
export const nameSchema = z.string().check(z.maxLength(63, broken('name')), z.regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, broken('name')));

export const wordSchema = z.string().check(z.maxLength(64, broken('word')), z.regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, broken('word')));

/** Text for people on one line, up to `maximum` characters; may be empty. */
export function textOf(maximum: number) {
  // oxlint-disable-next-line no-control-regex -- refusing control characters is the point
  return z.string().check(z.maxLength(maximum), z.regex(/^[^\u0000-\u001f\u007f]*$/, broken('text')));
}

/** Like {@link textOf}, but not empty. */
export function lineOf(maximum: number) {
  // oxlint-disable-next-line no-control-regex -- refusing control characters is the point
  return z.string().check(z.minLength(1), z.maxLength(maximum), z.regex(/^[^\u0000-\u001f\u007f]*$/, broken('text')));
}

/** Free text of people, up to `maximum` characters, lines allowed (a YAML block). */
export function proseOf(maximum: number) {
  return z.string().check(z.maxLength(maximum));
}

/** A whole number between the two limits, both included. */
export function wholeNumber(minimum: number, maximum: number) {
  return z.int().check(z.gte(minimum), z.lte(maximum));
}

export const httpsSchema = z.string().check(z.maxLength(2048), z.regex(/^https:\/\/[A-Za-z0-9.-]+(:\d{1,5})?(\/[^\s@]*)?$/, broken('https')));

export const emailSchema = z.string().check(z.maxLength(254, broken('email')), z.regex(/^[^\s@<>"]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$/, broken('email')));

export const ipSchema = z
  .string()
  .check(z.maxLength(45, broken('ip')), z.regex(/^((25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}|[0-9a-fA-F:]*:[0-9a-fA-F:]+)$/, broken('ip')));

/** Labels as Kubernetes writes them, one value per key. */
export const labelsSchema = z._default(z.record(wordSchema, textOf(256)).check(z.refine((labels) => Object.keys(labels).length <= 50, broken('labels'))), {});
