import * as z from 'zod/mini';
import { PermanentError } from '../environment/errors.ts';
import type { Clock, Scope } from '../environment/ports.ts';
import { type SystemRecord, systemRecordType } from '../inventory/records.ts';
import { keys, partitions } from '../records/keys.ts';
import { createRecord, type RecordType, readAll, readRecord, updateRecord } from '../records/record-type.ts';
import type { RecordStore } from '../records/store.ts';
import { storedCatalogSchema } from './compile.ts';
import type { CompiledCatalog, RemediationPolicy, System } from './schema.ts';

/** The one pointer to the catalog in force. */
const pointerSchema = z.object({ hash: z.string(), commit: z.nullable(z.string()), dirty: z.boolean(), publishedAt: z.string() });
export type CatalogPointer = z.infer<typeof pointerSchema>;
const pointerType: RecordType<CatalogPointer> = { name: 'catalog pointer', schema: pointerSchema };
const catalogType: RecordType<CompiledCatalog> = { name: 'catalog', schema: storedCatalogSchema };

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
  await createRecord(store, catalogType, keys.catalog(scope, hash), catalog);
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

/** The catalog in force and its pointer; `undefined` before the first publication. */
export async function readCatalog(
  store: RecordStore,
  scope: Scope,
): Promise<{ readonly catalog: CompiledCatalog; readonly pointer: CatalogPointer } | undefined> {
  const pointer = await readRecord(store, pointerType, keys.catalogPointer(scope));
  if (pointer === undefined) return undefined;
  const stored = await readRecord(store, catalogType, keys.catalog(scope, pointer.body.hash));
  if (stored === undefined) throw new PermanentError(`The pointer names the catalog ${pointer.body.hash}, which does not exist. Deploy again to publish it.`);
  // The stored document keeps the provenance of its first publication; the pointer has the present one.
  const provenance = { hash: pointer.body.hash, commit: pointer.body.commit, dirty: pointer.body.dirty };
  return { catalog: { ...stored.body, provenance }, pointer: pointer.body };
}

/** The catalog in force. Errors: `PermanentError` when none has been published. */
export async function currentCatalog(store: RecordStore, scope: Scope): Promise<CompiledCatalog> {
  const found = await readCatalog(store, scope);
  if (found === undefined) throw new PermanentError('No catalog has been published yet. Deploy the stack: it publishes ops/ as part of the deployment.');
  return found.catalog;
}

/** A system with the policy that governs it; `undefined` when either is not declared. */
export function declaredIn(catalog: CompiledCatalog, name: string): { readonly system: System; readonly policy: RemediationPolicy } | undefined {
  const system = catalog.systems.find((candidate) => candidate.metadata.name === name);
  const policy = catalog.policies.find((candidate) => candidate.spec.system === name);
  return system === undefined || policy === undefined ? undefined : { system, policy };
}
