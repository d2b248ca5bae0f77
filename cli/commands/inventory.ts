import { instanceRecordSchema, type InstanceRecord, instanceType } from '../../core/inventory/records.ts';
import { partitions } from '../../core/records/keys.ts';
import { readAll } from '../../core/records/record-type.ts';
import { type Answer, moment, ok, table } from '../output.ts';
import type { InventoryAnswer } from '../schemas.ts';
import { headerOf, type Target } from '../target.ts';
import { countsOf } from './status.ts';

type InstanceStatus = InstanceRecord['status'];

/** What `--status` takes. */
export const instanceStatuses = instanceRecordSchema.shape.status.options;

const reasons = {
  managed: 'Tagged for a system of the catalog',
  unknown: 'Matches no system of the catalog: listed, never touched. Find its owner, or opt it in with the tag perennial:system.',
  elsewhere: 'Managed by EKS, EMR or Batch, which replace their own instances',
  quarantined: 'Kept as evidence of an incident',
  gone: 'EC2 lists it no more',
} as const satisfies Record<InstanceStatus, string>;

/** `perennial inventory list`: every instance and what it is to us (S0-02). */
export async function inventoryList(target: Target, only: string | undefined): Promise<Answer> {
  const { records, scope } = target;
  const all = (await readAll(instanceType, (page) => records.query(partitions.instances(scope), '', page))).map(({ body }) => body);
  const shown = all.filter(({ status }) => only === undefined || status === only);
  const json: InventoryAnswer = shown.map(({ state, ...row }) => ({
    ...row,
    id: row.instanceId,
    system: row.system ?? null,
    state: row.status,
    ec2State: state,
    startedAt: row.firstSeenAt,
    reason: reasons[row.status],
  }));
  const counts = Object.entries(countsOf(all.map(({ status }) => status))).map(([status, count]) => `${count} ${status}`);
  const rows = shown.map((row) => [row.instanceId, row.name ?? '-', row.status, row.system ?? '-', row.state, row.imageId, moment(row.firstSeenAt)]);
  const none = only === undefined ? 'The inventory is empty; the sweep fills it every 10 minutes.' : `No instance is ${only}.`;
  const text = [
    headerOf(target),
    `${all.length} known (${counts.join(', ') || 'none'}); EC2 itself lists ${await target.fleet.countRunning()} running`,
    table(['instance', 'name', 'status', 'system', 'EC2', 'image', 'first seen'], rows, none),
    ...(shown.some(({ status }) => status === 'unknown') ? [`unknown: ${reasons.unknown}`] : []),
  ];
  return ok(json, text.join('\n'));
}
