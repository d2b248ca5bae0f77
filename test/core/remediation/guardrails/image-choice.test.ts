import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ImageRecord } from '../../../../core/images/records.ts';
import { chooseImage, type ImageCandidates } from '../../../../core/remediation/guardrails/image-choice.ts';

const GROUP = 'shop-web/web';

function image(imageId: string, changes: Partial<ImageRecord> = {}): ImageRecord {
  return { role: 'web', imageId, firstApprovedAt: '2026-11-01T00:00:00.000Z', isApproved: true, isRevoked: false, verifiedGroups: [], ...changes };
}

const verified = (imageId: string, groupId = GROUP, changes: Partial<ImageRecord> = {}): ImageRecord =>
  image(imageId, { verifiedGroups: [{ groupId, at: '2026-11-02T00:00:00.000Z', instanceId: 'i-1' }], ...changes });

function candidates(changes: Partial<ImageCandidates>): ImageCandidates {
  return { groupId: GROUP, attempt: 1, approvedHistory: ['ami-v3', 'ami-v2', 'ami-v1'], records: [], peerImageIds: [], ...changes };
}

const idOf = (changes: Partial<ImageCandidates>): string => {
  const choice = chooseImage(candidates(changes));
  return choice.kind === 'chosen' ? choice.imageId : 'none';
};

describe('image choice', () => {
  it('takes the newest approved image that is verified in the group, not the newest one: a repair is not a rollout', () => {
    expect(chooseImage(candidates({ records: [image('ami-v3'), verified('ami-v2'), verified('ami-v1')] }))).toEqual({
      kind: 'chosen',
      imageId: 'ami-v2',
      reason: 'ami-v2 is the newest approved image verified in this group',
    });
  });

  it('does not count what is verified in another group', () => {
    expect(idOf({ records: [verified('ami-v3', 'shop-db/db'), verified('ami-v1')] })).toBe('ami-v1');
  });

  it('does not take what is verified but was never approved for the role', () => {
    expect(idOf({ records: [verified('ami-foreign'), verified('ami-v1')] })).toBe('ami-v1');
  });

  it('leaves a revoked image out, also when healthy peers run it', () => {
    const records = [verified('ami-v3', GROUP, { isRevoked: true }), verified('ami-v2')];
    expect(idOf({ records, peerImageIds: ['ami-v3'] })).toBe('ami-v2');
    expect(idOf({ records: [image('ami-v3', { isRevoked: true })], peerImageIds: ['ami-v3'] })).toBe('none');
    expect(idOf({ records: [image('ami-v3', { isRevoked: true })], peerImageIds: ['ami-v3', 'ami-v2'] })).toBe('ami-v2');
  });

  it('falls back to what healthy peers run while nothing is verified', () => {
    expect(chooseImage(candidates({ records: [image('ami-v3')], peerImageIds: ['ami-v2'] }))).toEqual({
      kind: 'chosen',
      imageId: 'ami-v2',
      reason: 'ami-v2 is what healthy peers run; no approved image is verified in this group yet',
    });
  });

  it('falls back to the last known good image from attempt 2 on, as far as there is one', () => {
    const records = [verified('ami-v3'), verified('ami-v2'), verified('ami-v1')];
    expect(chooseImage(candidates({ records, attempt: 2 }))).toEqual({
      kind: 'chosen',
      imageId: 'ami-v2',
      reason: 'ami-v2 is the last known good image, because attempt 2 does not trust ami-v3',
    });
    expect(idOf({ records, attempt: 3 })).toBe('ami-v2');
    expect(idOf({ records: [verified('ami-v3')], attempt: 2 })).toBe('ami-v3');
  });

  it('takes nothing when nothing is verified and no healthy peer runs, and says so', () => {
    expect(chooseImage(candidates({ records: [image('ami-v3')] }))).toEqual({
      kind: 'none',
      reason: 'None of the 3 approved images has been seen in service in shop-web/web, and there is no healthy peer',
    });
  });

  it('takes nothing for a role without approved image, whatever peers run', () => {
    expect(chooseImage(candidates({ approvedHistory: [], peerImageIds: ['ami-v1'] }))).toEqual({
      kind: 'none',
      reason: 'The role has no approved image: its parameter does not exist',
    });
  });

  it('never takes a revoked image, nor one that is neither approved and verified here nor run by a peer', () => {
    const ids = ['ami-1', 'ami-2', 'ami-3', 'ami-4'];
    const record = fc.record({
      imageId: fc.constantFrom(...ids),
      groupId: fc.constantFrom(GROUP, 'other/web'),
      isVerified: fc.boolean(),
      isRevoked: fc.boolean(),
    });
    const world = fc.record({
      records: fc.uniqueArray(record, { selector: ({ imageId }) => imageId }),
      approvedHistory: fc.uniqueArray(fc.constantFrom(...ids)),
      peerImageIds: fc.uniqueArray(fc.constantFrom(...ids)),
      attempt: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(world, ({ records, approvedHistory, peerImageIds, attempt }) => {
        const known = records.map(({ imageId, groupId, isVerified, isRevoked }) =>
          isVerified ? verified(imageId, groupId, { isRevoked }) : image(imageId, { isRevoked }),
        );
        const choice = chooseImage({ groupId: GROUP, attempt, approvedHistory, records: known, peerImageIds });
        if (choice.kind === 'none') return;
        const chosen = records.find(({ imageId }) => imageId === choice.imageId);
        expect(chosen?.isRevoked ?? false).toBe(false);
        const isVerifiedHere = chosen?.isVerified === true && chosen.groupId === GROUP && approvedHistory.includes(choice.imageId);
        expect(isVerifiedHere || peerImageIds.includes(choice.imageId)).toBe(true);
      }),
    );
  });
});
