import type { SystemRecord } from '../../inventory/records.ts';

/** Members of a group as the last sweep saw it; at least one: a group that nobody has seen yet has room for one repair. */
export function membersOf(groupId: string, system: Pick<SystemRecord, 'observed'> | undefined): number {
  const role = groupId.slice(groupId.indexOf('/') + 1);
  return Math.max(1, system?.observed.membersByRole[role] ?? 1);
}
