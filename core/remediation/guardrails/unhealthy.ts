import type { Group } from '../record.ts';

type Trouble = Group['unhealthy'][number];

/** True for the trouble of this slot; of a slot that members share, only for the trouble of this member. */
export function isTroubleOf({ slotId, instanceId }: Trouble, slot: { readonly id: string; readonly memberId?: string | undefined }): boolean {
  return slotId === slot.id && (instanceId === undefined || slot.memberId === undefined || instanceId === slot.memberId);
}
