import type { ImageRecord } from '../../images/records.ts';

/** Which image a replacement is launched from, and why; or why none may be. */
export type ImageChoice = { readonly kind: 'chosen'; readonly imageId: string; readonly reason: string } | { readonly kind: 'none'; readonly reason: string };

export interface ImageCandidates {
  readonly groupId: string;
  /** 1 + failures in a row on the slot; after a failure the last known good image is taken. */
  readonly attempt: number;
  /** Approved images of the role, newest first (the parameter's history). */
  readonly approvedHistory: readonly string[];
  readonly records: readonly ImageRecord[];
  /** Images that healthy peers of the group run. */
  readonly peerImageIds: readonly string[];
}

/**
 * A repair takes the newest approved image that has already been seen in service in this group; else the one healthy peers run.
 * Moving to an image nobody has seen at work would be a rollout, not a repair (design section 7, image choice).
 */
export function chooseImage(candidates: ImageCandidates): ImageChoice {
  const { approvedHistory, records, groupId } = candidates;
  if (approvedHistory.length === 0) return { kind: 'none', reason: 'The role has no approved image: its parameter does not exist' };
  const isRevoked = (imageId: string): boolean => records.some((record) => record.imageId === imageId && record.isRevoked);
  const isVerified = (imageId: string): boolean =>
    records.some((record) => record.imageId === imageId && record.verifiedGroups.some((verified) => verified.groupId === groupId));
  const good = approvedHistory.filter((imageId) => isVerified(imageId) && !isRevoked(imageId));
  const skipped = candidates.attempt > 1 && good.length > 1 ? 1 : 0;
  const chosen = good[skipped];
  if (chosen !== undefined) {
    const which =
      skipped === 0
        ? 'the newest approved image verified in this group'
        : `the last known good image, because attempt ${candidates.attempt} does not trust ${good[0]}`;
    return { kind: 'chosen', imageId: chosen, reason: `${chosen} is ${which}` };
  }
  const peer = candidates.peerImageIds.find((imageId) => !isRevoked(imageId));
  if (peer !== undefined)
    return { kind: 'chosen', imageId: peer, reason: `${peer} is what healthy peers run; no approved image is verified in this group yet` };
  return { kind: 'none', reason: `None of the ${approvedHistory.length} approved images has been seen in service in ${groupId}, and there is no healthy peer` };
}
