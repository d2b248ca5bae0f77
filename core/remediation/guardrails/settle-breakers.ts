import type { CompiledCatalog } from '../../catalog/schema.ts';
import type { Clock, Scope } from '../../environment/ports.ts';
import type { Timestamp } from '../../environment/time.ts';
import { systemRecordType } from '../../inventory/records.ts';
import { keys, partitions } from '../../records/keys.ts';
import { readAll, readRecord, updateRecord } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import { isBreakerOpen, nextBreaker, nextPlatform } from './breaker.ts';
import { settleCauses } from './cause-breaker.ts';
import { membersOf } from './group-size.ts';
import { type Group, groupType, type Platform, platformType } from '../record.ts';

interface SettlePorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
}

/**
 * Lets time close open breakers (design section 7): claims only look at a breaker when something fails, so without this the first
 * failure after a calm week would still find it open. Opens nothing. Writes only what changed.
 *
 * @returns how many records were written
 */
export async function settleBreakers(ports: SettlePorts, catalog: CompiledCatalog): Promise<number> {
  const groups = await readAll(groupType, (page) => ports.store.query(partitions.groups(ports.scope), '', page));
  let written = (await settlePlatform(ports, catalog)) ? 1 : 0;
  for (const { body } of groups.filter((group) => isBreakerOpen(group.body.breaker))) {
    if (await settleGroup(ports, catalog, body)) written += 1;
  }
  return written;
}

async function settlePlatform({ store, scope, clock }: SettlePorts, catalog: CompiledCatalog): Promise<boolean> {
  // Policies may differ; the strictest keeps it open longest.
  const minimum = Math.min(...catalog.policies.map((policy) => policy.spec.caps.platformUnhealthySystems));
  const cooldownSeconds = Math.max(...catalog.policies.map((policy) => policy.spec.cooldownSeconds));
  if (!Number.isFinite(minimum)) return false;
  const calmed = (platform: Platform): Platform =>
    isBreakerOpen(platform.breaker) ? nextPlatform(platform, catalog.systems.length, undefined, minimum, clock.now()) : platform;
  const result = await updateRecord(store, platformType, keys.platform(scope), (platform) => {
    return platform === undefined ? platform : unlessSame(platform, settleCauses(calmed(platform), cooldownSeconds, clock.now()));
  });
  return result.written;
}

async function settleGroup({ store, scope, clock }: SettlePorts, catalog: CompiledCatalog, { id }: Group): Promise<boolean> {
  const policy = catalog.policies.find(({ spec }) => id.startsWith(`${spec.system}/`));
  if (policy === undefined) return false;
  const system = (await readRecord(store, systemRecordType, keys.system(scope, policy.spec.system)))?.body;
  if (system === undefined) return false;
  const rule = { maxUnhealthyPercent: policy.spec.caps.maxUnhealthyPercent, cooldownSeconds: policy.spec.cooldownSeconds };
  const members = membersOf(id, system);
  const result = await updateRecord(store, groupType, keys.group(scope, id), (group) =>
    group === undefined ? group : settled(group, members, rule, clock.now()),
  );
  return result.written;
}

function settled(group: Group, members: number, rule: Parameters<typeof nextBreaker>[2], now: Timestamp): Group {
  return isBreakerOpen(group.breaker)
    ? unlessSame(group, { ...group, breaker: nextBreaker(group.breaker, { members, unhealthy: group.unhealthy.length }, rule, now) })
    : group;
}

function unlessSame<Body>(before: Body, after: Body): Body {
  return JSON.stringify(before) === JSON.stringify(after) ? before : after;
}
