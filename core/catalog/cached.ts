import { type CatalogPointer, inForce, nonePublishedError } from './published.ts';
import type { CompiledCatalog } from './schema.ts';

/** How a catalog is read: which one is in force, and a document by its hash. */
export interface CatalogSource {
  readonly readPointer: () => Promise<CatalogPointer | undefined>;
  readonly readDocument: (hash: string) => Promise<CompiledCatalog>;
}

/**
 * The catalog in force, for a process that asks again and again. Every call reads the small pointer, so that a deploy is seen by
 * the very next call; the document is read and parsed again only when the pointer names another hash, because what a hash names
 * never changes. One document is kept, and none that could not be read.
 *
 * Errors: those of the source, and `PermanentError` when none has been published.
 */
export function createCatalogCache({ readPointer, readDocument }: CatalogSource): () => Promise<CompiledCatalog> {
  let kept: { readonly hash: string; readonly document: CompiledCatalog } | undefined;
  return async () => {
    const pointer = await readPointer();
    if (pointer === undefined) throw nonePublishedError();
    const { hash } = pointer;
    const document = kept?.hash === hash ? kept.document : await readDocument(hash);
    kept = { hash, document };
    return inForce(document, pointer);
  };
}
