import { tagKeys } from '../core/inventory/records.ts';
import type { InstanceFacts } from '../core/remediation/ports.ts';
import type { LooseInterface, LooseVolume } from '../core/remediation/reaper/reaping-ports.ts';

/** What Perennial left outside its stacks, as AWS lists it now. Everything here carries a tag or a name of ours. */
export interface LeftOutside {
  readonly quarantined: readonly InstanceFacts[];
  /** Instances that launches of ours made, in quarantine or not. */
  readonly launched: readonly InstanceFacts[];
  readonly securityGroups: readonly { readonly id: string; readonly vpcId: string }[];
  /** Alarms with our tag `perennial:alarm-of`; `isWatching`: the instance they are about exists. */
  readonly alarms: readonly { readonly name: string; readonly isWatching: boolean }[];
  /** Armed pages. */
  readonly timers: readonly string[];
  readonly interfaces: readonly LooseInterface[];
  readonly volumes: readonly LooseVolume[];
  readonly tableName: string;
}

export const leavingActions = [
  'terminate',
  'delete-timer',
  'delete-alarm',
  'untag-alarm',
  'untag-instance',
  'delete-interface',
  'delete-group',
  'leave',
] as const;
export type LeavingAction = (typeof leavingActions)[number];

/** One thing that was left outside, and what becomes of it. */
export interface LeavingItem {
  readonly kind: string;
  readonly id: string;
  /** `leave`: a person decides; `how` says with which words. */
  readonly action: LeavingAction;
  readonly why: string;
  readonly how: string;
  /** The tags that come off. */
  readonly tagKeys: readonly string[];
}

/** Set on replacements by us; `perennial:system`, `perennial:role` and `perennial:hold` are people's own words. */
const launchTags = [tagKeys.slot, tagKeys.remediation] as const;
const quarantineTags = [tagKeys.quarantine, tagKeys.quarantineUntil, tagKeys.remediation, tagKeys.slot] as const;

/**
 * What `uninstall` does, in order: pure. Reaping ends what only Perennial needs; handing over takes our tags off and leaves the thing to
 * its owner. What serves is never ended either way, and a data volume is never deleted (S0-27).
 */
export function planLeaving(found: LeftOutside, isHandOver: boolean): readonly LeavingItem[] {
  const quarantinedIds = new Set(found.quarantined.map(({ instanceId }) => instanceId));
  return [
    ...found.timers.map((id) => item('page timer', id, 'delete-timer', 'No repair will be watched any more', 'Scheduler: delete the one-time schedule')),
    ...found.quarantined.map((instance) => quarantinedItem(instance, isHandOver)),
    ...found.launched.filter(({ instanceId }) => !quarantinedIds.has(instanceId)).map(launchedItem),
    ...found.alarms.map((alarm) => alarmItem(alarm, isHandOver)),
    ...found.interfaces.map((loose) => interfaceItem(loose, isHandOver)),
    ...found.volumes.map(volumeItem),
    ...found.securityGroups.map((group) => groupItem(group, isHandOver)),
    item(
      'table',
      found.tableName,
      'leave',
      'It holds the history of incidents and repairs and outlives the stack',
      `When nobody needs it: ${deleteTable(found.tableName)}`,
    ),
  ];
}

function item(kind: string, id: string, action: LeavingAction, why: string, how: string, tags: readonly string[] = []): LeavingItem {
  return { kind, id, action, why, how, tagKeys: tags };
}

const deleteTable = (name: string): string =>
  `aws dynamodb update-table --table-name ${name} --no-deletion-protection-enabled && aws dynamodb delete-table --table-name ${name}`;

/** Only the tags that it carries: what lacks them is not touched. */
function carried(instance: InstanceFacts, wanted: readonly string[]): readonly string[] {
  return wanted.filter((key) => instance.tags[key] !== undefined);
}

function quarantinedItem(instance: InstanceFacts, isHandOver: boolean): LeavingItem {
  const { instanceId, state, tags } = instance;
  const untag = (why: string): LeavingItem =>
    item('quarantined instance', instanceId, 'untag-instance', why, 'EC2: take our tags off; it stays stopped and isolated', carried(instance, quarantineTags));
  if (isHandOver) return untag('Handed over to its owner');
  if (tags[tagKeys.hold] !== undefined) return untag(`On hold (${tags[tagKeys.hold]}): handed over, not ended`);
  if (state !== 'stopped') return untag(`It is ${state}: somebody uses it, so it is handed over, not ended`);
  return item(
    'quarantined instance',
    instanceId,
    'terminate',
    `Kept as evidence of ${tags[tagKeys.quarantine] ?? 'an incident'}`,
    'EC2: lift its protections and terminate it; a member in standby is detached from its Auto Scaling group first',
  );
}

function launchedItem(instance: InstanceFacts): LeavingItem {
  const why = 'A replacement that Perennial launched: it is yours and goes on';
  return item('instance', instance.instanceId, 'untag-instance', why, 'EC2: take our tags off; nothing else changes', carried(instance, launchTags));
}

function alarmItem({ name, isWatching }: LeftOutside['alarms'][number], isHandOver: boolean): LeavingItem {
  if (isWatching || isHandOver)
    return item('alarm', name, 'untag-alarm', 'A copy that watches a replacement: it is yours and goes on', 'CloudWatch: take our tag off', [tagKeys.alarmOf]);
  return item('alarm', name, 'delete-alarm', 'A copy that watches an instance which does not exist any more', 'CloudWatch: delete the alarm');
}

function interfaceItem({ networkInterfaceId, isManagedByAws }: LooseInterface, isHandOver: boolean): LeavingItem {
  const why = 'A launch of ours left it, and nobody has it attached';
  const how = `aws ec2 delete-network-interface --network-interface-id ${networkInterfaceId}`;
  if (isHandOver || isManagedByAws) return item('interface', networkInterfaceId, 'leave', why, how);
  return item('interface', networkInterfaceId, 'delete-interface', why, 'EC2: delete the interface');
}

function volumeItem({ volumeId }: LooseVolume): LeavingItem {
  const why = 'A launch of ours left it; there may be data on it, so a person decides';
  return item('volume', volumeId, 'leave', why, `aws ec2 delete-volume --volume-id ${volumeId}`);
}

function groupItem({ id, vpcId }: LeftOutside['securityGroups'][number], isHandOver: boolean): LeavingItem {
  if (isHandOver)
    return item('security group', id, 'leave', `Instances that are handed over in ${vpcId} may be in it`, `aws ec2 delete-security-group --group-id ${id}`);
  return item('security group', id, 'delete-group', `The quarantine of ${vpcId}`, 'EC2: delete the group once no instance is in it');
}
