import * as z from 'zod/mini';
import { PermanentError } from '../environment/errors.ts';
import type { Hasher } from '../environment/ports.ts';
import type { CatalogDocument } from './documents.ts';
import { availabilityObjective } from './openslo/openslo-defaults.ts';
import { resolveObjectives } from './openslo/openslo-resolve.ts';
import { compareTexts } from './problem.ts';
import { compiledCatalogSchema } from './schema.ts';
import type { CatalogContent, CompiledCatalog, Provenance } from './schema.ts';

/** Keys sorted at every level, absent values dropped: equal values give equal text. Lists keep their order. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => compareTexts(a, b)));
  });
}

function byName<T extends { readonly metadata: { readonly name: string } }>(documents: readonly T[]): T[] {
  return documents.toSorted((a, b) => compareTexts(a.metadata.name, b.metadata.name));
}

/** Documents in any order as content: lists by kind, each sorted by name. */
export function contentOf(documents: readonly CatalogDocument[]): CatalogContent {
  const windows = documents.filter((document) => document.kind === 'MaintenanceWindow');
  const escalations = documents.filter((document) => document.kind === 'EscalationPolicy');
  const defaults = documents.flatMap((document) => (document.kind === 'System' ? (availabilityObjective(document) ?? []) : []));
  return {
    formatVersion: 1,
    systems: byName(documents.filter((document) => document.kind === 'System')),
    policies: byName(documents.filter((document) => document.kind === 'RemediationPolicy')),
    routes: byName(documents.filter((document) => document.kind === 'NotificationRoute')),
    // Left out while there are none: what has no window keeps the hash it had before windows existed.
    ...(windows.length === 0 ? {} : { windows: byName(windows) }),
    ...(escalations.length === 0 ? {} : { escalations: byName(escalations) }),
    objectives: byName([...resolveObjectives(documents), ...defaults]),
    services: byName(documents.filter((document) => document.kind === 'Service')),
  };
}

/** The catalog as a deploy publishes it. The hash covers the content only, so the same content from two commits is the same catalog. */
export function compileCatalog(content: CatalogContent, source: Pick<Provenance, 'commit' | 'dirty'>, hasher: Hasher): CompiledCatalog {
  return { ...content, provenance: { hash: hasher.sha256(canonicalJson(content)), commit: source.commit, dirty: source.dirty } };
}

/** The stored catalog can not be read; it has to be published again. */
export class CatalogUnreadableError extends PermanentError {
  override readonly name = 'CatalogUnreadableError';
}

/** How many rounds of unknown keys are dropped: one round finds all of a level, and nesting of the format bounds the levels. */
const maximumRounds = 10;

/**
 * A copy without the keys that this version does not know: a function version pinned by an open remediation
 * (design.md section 4) may meet a catalog that a newer Perennial has published.
 */
function dropUnknownKeys(schema: z.ZodMiniType, stored: unknown): unknown {
  let candidate = stored;
  for (let round = 0; round < maximumRounds; round += 1) {
    const parsed = schema.safeParse(candidate);
    const unknown = parsed.success ? [] : parsed.error.issues.filter((issue) => issue.code === 'unrecognized_keys');
    if (unknown.length === 0) return candidate;
    candidate = unknown.reduce((value, issue) => withoutKeys(value, issue.path, issue.keys), candidate);
  }
  return candidate;
}

/** The same for what was stored, perhaps by a newer Perennial; see {@link dropUnknownKeys}. */
export function storedFormOf<Body>(schema: z.ZodMiniType<Body>): z.ZodMiniType<Body> {
  return z.pipe(
    z.transform((stored: unknown) => dropUnknownKeys(schema, stored)),
    schema,
  );
}

/** A compiled catalog as it was stored. */
export const storedCatalogSchema: z.ZodMiniType<CompiledCatalog> = storedFormOf(compiledCatalogSchema);

/** Reads a compiled catalog from JSON. Errors: {@link CatalogUnreadableError}. */
export function parseCompiledCatalog(stored: unknown): CompiledCatalog {
  const parsed = storedCatalogSchema.safeParse(stored);
  if (parsed.success) return parsed.data;
  const places = parsed.error.issues.slice(0, 3).map((issue) => issue.path.map(String).join('.'));
  throw new CatalogUnreadableError(`The stored catalog is not one this version can read (${places.join(', ')}). Deploy Perennial again to publish it afresh.`);
}

/** `value` without the given keys of the object at `path`. */
function withoutKeys(value: unknown, path: readonly PropertyKey[], keys: readonly string[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const [step, ...rest] = path;
  if (step === undefined) return Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key)));
  if (Array.isArray(value)) return value.map((entry: unknown, index) => (index === step ? withoutKeys(entry, rest, keys) : entry));
  return Object.fromEntries(Object.entries(value).map(([key, inner]: [string, unknown]) => [key, key === step ? withoutKeys(inner, rest, keys) : inner]));
}
