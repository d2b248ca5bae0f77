import * as z from 'zod/mini';
import type { RecordType } from '../records/record-type.ts';

/** One image in a role's lineage (the history of its approved-image parameter). */
export const imageRecordSchema = z.object({
  role: z.string(),
  imageId: z.string(),
  firstApprovedAt: z.string(),
  isApproved: z.boolean(),
  isRevoked: z.boolean(),
  /** Groups in which the sweep has seen an instance on it in service for `verifiedAfterSeconds`. */
  verifiedGroups: z.array(z.object({ groupId: z.string(), at: z.string(), instanceId: z.string() })),
});
export type ImageRecord = z.infer<typeof imageRecordSchema>;
export const imageRecordType: RecordType<ImageRecord> = { name: 'image', schema: imageRecordSchema };
