import * as z from 'zod/mini';
import { PermanentError } from '../environment/errors.ts';
import type { Clock, Scope } from '../environment/ports.ts';
import { type SystemRecord, systemRecordType } from '../inventory/records.ts';
import { keys, partitions } from '../records/keys.ts';
import { recordLimits, utf8Bytes } from '../records/limits.ts';
import { createRecord, type RecordType, readAll, readRecord, updateRecord } from '../records/record-type.ts';
import type { RecordStore } from '../records/store.ts';
import { canonicalJson, parseCompiledCatalog, storedCatalogSchema } from './compile.ts';
import { joinParts, MAX_PARTS, splitText } from './parts.ts';
import type { CompiledCatalog, MaintenanceWindow, RemediationPolicy, System } from './schema.ts';

/** The one pointer to the catalog in force. */
const pointerSchema = z.object({ hash: z.string(), commit: z.nullable(z.string()), dirty: z.boolean(), publishedAt: z.string() });
export type CatalogPointer = z.infer<typeof pointerSchema>;
const pointerType: RecordType<CatalogPointer> = { name: 'catalog pointer', schema: pointerSchema };

/** The place of a catalog holds the document, or says in how many records beside it the text of a larger one is. */
const partsSchema = z.object({ parts: z.number(), bytes: z.number() });
const documentSchema: z.ZodMiniType<CompiledCatalog | z.infer<typeof partsSchema>> = z.union([partsSchema, storedCatalogSchema]);
const documentType: RecordType<z.infer<typeof documentSchema>> = { name: 'catalog', schema: documentSchema };

/** `of`: how many parts there were when this one was written; parts of two divisions never mix. */
const partSchema = z.object({ text: z.string(), of: z.number() });
const partType: RecordType<z.infer<typeof partSchema>> = { name: 'part of a catalog', schema: partSchema };

interface PublishPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
}

/**
 * Publishes a compiled catalog: the document first, then the pointer, so that a reader never sees a pointer to nothing.
 * Publishing the same catalog again changes nothing. Systems that are no longer declared become `retired`, never deleted.
 */
export async function publishCatalog(ports: PublishPorts, catalog: CompiledCatalog): Promise<{ readonly hash: string; readonly retired: readonly string[] }> {
  const { store, scope, clock } = ports;
  const { hash, commit, dirty } = catalog.provenance;
  await writeDocument(ports, catalog);
  await updateRecord(store, pointerType, keys.catalogPointer(scope), (pointer) =>
    pointer?.hash === hash && pointer.commit === commit && pointer.dirty === dirty ? pointer : { hash, commit, dirty, publishedAt: clock.now() },
  );
  const retired = await undeclaredSystems(ports, catalog);
  for (const name of retired) {
    await updateRecord(store, systemRecordType, keys.system(scope, name), (system): SystemRecord | undefined =>
      system === undefined || system.status === 'retired' ? system : { ...system, status: 'retired' },
    );
  }
  return { hash, retired };
}

/**
 * Active systems that the catalog does not declare, from their own records: neither a crash after an earlier publication nor a
 * former catalog that cannot be read any more hides one.
 */
async function undeclaredSystems({ store, scope }: PublishPorts, catalog: CompiledCatalog): Promise<readonly string[]> {
  const declared = new Set(catalog.systems.map((system) => system.metadata.name));
  const recorded = await readAll(systemRecordType, (page) => store.query(partitions.systems(scope), '', page));
  return recorded.filter(({ body }) => body.status === 'active' && !declared.has(body.name)).map(({ body }) => body.name);
}

/**
 * A document that fits is one record. A larger one is its text in parts, all of them written before the record that counts them:
 * a crash in between leaves nothing that a reader could take for a catalog, and publishing again goes on where it ended.
 */
async function writeDocument({ store, scope }: PublishPorts, catalog: CompiledCatalog): Promise<void> {
  const { hash } = catalog.provenance;
  if (utf8Bytes(JSON.stringify(catalog)) <= recordLimits.bodyBytes) {
    await createRecord(store, documentType, keys.catalog(scope, hash), catalog);
    return;
  }
  // The same hash always gives the same text, whatever commit it comes from: who publishes it at the same time writes the same parts.
  const text = canonicalJson({ ...catalog, provenance: { hash, commit: null, dirty: false } });
  const parts = splitText(text);
  if (parts.length > MAX_PARTS)
    throw new PermanentError(
      `The catalog has ${utf8Bytes(text)} bytes, more than ${MAX_PARTS} records hold; the one in force stays. Shorten its documents, or take some out, and deploy again.`,
    );
  for (const [index, part] of parts.entries()) {
    const next = { text: part, of: parts.length };
    await updateRecord(store, partType, keys.catalogPart(scope, hash, index), (before) =>
      before?.text === next.text && before.of === next.of ? before : next,
    );
  }
  const index = { parts: parts.length, bytes: utf8Bytes(text) };
  await updateRecord(store, documentType, keys.catalog(scope, hash), (before) =>
    before === undefined || ('parts' in before && before.parts !== index.parts) ? index : before,
  );
}

/** Which catalog is in force; `undefined` before the first publication. One small read. */
export async function readPointer(store: RecordStore, scope: Scope): Promise<CatalogPointer | undefined> {
  return (await readRecord(store, pointerType, keys.catalogPointer(scope)))?.body;
}

/**
 * A published document by its hash; what a hash names never changes. Its provenance is that of its first publication.
 * Errors: `PermanentError` when it does not exist, or not as a whole.
 */
export async function readDocument(store: RecordStore, scope: Scope, hash: string): Promise<CompiledCatalog> {
  const stored = (await readRecord(store, documentType, keys.catalog(scope, hash)))?.body;
  if (stored === undefined) throw new PermanentError(`The pointer names the catalog ${hash}, which does not exist. Deploy again to publish it.`);
  if (!('parts' in stored)) return stored;
  const text = await joinParts(stored.parts, async (index) => {
    const part = (await readRecord(store, partType, keys.catalogPart(scope, hash, index)))?.body;
    return part?.of === stored.parts ? part.text : undefined;
  });
  if (text === undefined || utf8Bytes(text) !== stored.bytes)
    throw new PermanentError(`The catalog ${hash} is not whole: its ${stored.parts} parts do not make one text. Deploy again to publish it.`);
  const document: unknown = JSON.parse(text);
  return parseCompiledCatalog(document);
}

/** The document with the provenance of the publication that put it in force. */
export function inForce(document: CompiledCatalog, { hash, commit, dirty }: CatalogPointer): CompiledCatalog {
  return { ...document, provenance: { hash, commit, dirty } };
}

/** The catalog in force and its pointer; `undefined` before the first publication. */
export async function readCatalog(
  store: RecordStore,
  scope: Scope,
): Promise<{ readonly catalog: CompiledCatalog; readonly pointer: CatalogPointer } | undefined> {
  const pointer = await readPointer(store, scope);
  return pointer === undefined ? undefined : { catalog: inForce(await readDocument(store, scope, pointer.hash), pointer), pointer };
}

/** The catalog in force. Errors: `PermanentError` when none has been published. */
export async function currentCatalog(store: RecordStore, scope: Scope): Promise<CompiledCatalog> {
  const found = await readCatalog(store, scope);
  if (found === undefined) throw nonePublishedError();
  return found.catalog;
}

/** What who needs a catalog says when there is none. */
export function nonePublishedError(): PermanentError {
  return new PermanentError('No catalog has been published yet. Deploy the stack: it publishes ops/ as part of the deployment.');
}

/** A system with the policy that governs it; `undefined` when either is not declared. */
export function declaredIn(
  catalog: CompiledCatalog,
  name: string,
): { readonly system: System; readonly policy: RemediationPolicy; readonly windows: readonly MaintenanceWindow[] } | undefined {
  const system = catalog.systems.find((candidate) => candidate.metadata.name === name);
  const policy = catalog.policies.find((candidate) => candidate.spec.system === name);
  return system === undefined || policy === undefined ? undefined : { system, policy, windows: catalog.windows ?? [] };
}
