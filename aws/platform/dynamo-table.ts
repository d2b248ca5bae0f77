import * as z from 'zod/mini';

/** The sparse index of lists: partition key `listPk`, sort key `listSk`, all attributes projected. */
export const LISTS_INDEX = 'lists';

/** The key attributes of table and index, all text. */
export const tableAttributes = ['pk', 'sk', 'listPk', 'listSk'] as const;

/**
 * One item. `body` is a map, not JSON text, so that a person in the console and an export to S3 can read and filter it;
 * it is passed through JSON first, so that nothing is stored that the in-memory store could not hold.
 */
export const itemSchema = z.object({
  pk: z.string(),
  sk: z.string(),
  version: z.number(),
  /** Who wrote this version: lets a repeated call recognise its own first write. */
  writeId: z.string(),
  body: z.unknown(),
  listPk: z.optional(z.string()),
  listSk: z.optional(z.string()),
  /** Seconds since 1970, as TTL wants them. */
  expiresAt: z.optional(z.number()),
});
export type ItemAttributes = z.infer<typeof itemSchema>;
