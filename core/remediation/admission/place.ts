import type { RemediationPolicy } from '../../catalog/schema.ts';
import { RetryableError } from '../../environment/errors.ts';
import type { Scope } from '../../environment/ports.ts';
import { systemRecordType } from '../../inventory/records.ts';
import { keys } from '../../records/keys.ts';
import { readRecord, updateRecord, writeOf } from '../../records/record-type.ts';
import { RecordConflictError, type RecordStore } from '../../records/store.ts';
import { groupLimit } from '../guardrails/breaker.ts';
import { membersOf } from '../guardrails/group-size.ts';
import { type Group, groupType, type Platform, platformType, type Remediation } from '../record.ts';

interface PlacePorts {
  readonly store: RecordStore;
  readonly scope: Scope;
}

const without = <Body extends { readonly inFlight: string[] }>(body: Body | undefined, id: string): Body | undefined =>
  body?.inFlight.includes(id) === true ? { ...body, inFlight: body.inFlight.filter((held) => held !== id) } : body;

/** Gives back the places under the caps while a person is asked; the slot stays claimed. Writes only what changes. */
export async function releasePlace({ store, scope }: PlacePorts, { id, groupId }: Remediation): Promise<void> {
  await updateRecord(store, platformType, keys.platform(scope), (platform) => without(platform, id));
  await updateRecord(store, groupType, keys.group(scope, groupId), (group) => without(group, id));
}

export type PlaceDecision =
  | { readonly kind: 'held'; readonly platform: Platform; readonly group: Group }
  | { readonly kind: 'refused'; readonly guardrail: string; readonly reason: string };

/** Pure: may the remediation have its places under the caps back? What it holds already stays. */
export function decidePlace(platform: Platform, group: Group, id: string, members: number, { spec }: RemediationPolicy): PlaceDecision {
  const { maxInFlight, maxInFlightPercent } = spec.caps;
  if (!platform.inFlight.includes(id) && platform.inFlight.length >= maxInFlight)
    return { kind: 'refused', guardrail: 'platform caps', reason: `${platform.inFlight.length} remediations are in flight, the cap is ${maxInFlight}` };
  const limit = groupLimit(members, maxInFlightPercent);
  if (!group.inFlight.includes(id) && group.inFlight.length >= limit)
    return { kind: 'refused', guardrail: 'one at a time', reason: `${group.inFlight.length} remediations run in the group, at most ${limit} may` };
  const held = <Body extends { readonly inFlight: string[] }>(body: Body): Body =>
    body.inFlight.includes(id) ? body : { ...body, inFlight: [...body.inFlight, id] };
  return { kind: 'held', platform: held(platform), group: held(group) };
}

/** Each conflict means that another claim or release went through. */
const RECLAIM_ATTEMPTS = 50;

/** Takes the places under the caps back, both or neither; so many approvals at once give as many repairs as the caps allow. */
export async function reclaimPlace(ports: PlacePorts, policy: RemediationPolicy, record: Remediation): Promise<PlaceDecision> {
  for (let attempt = 1; attempt <= RECLAIM_ATTEMPTS; attempt += 1) {
    const decision = await tryReclaim(ports, policy, record);
    if (decision !== 'conflict') return decision;
  }
  throw new RetryableError(
    `The place of ${record.id} could not be taken back in ${RECLAIM_ATTEMPTS} tries because its records kept changing; it is tried again.`,
  );
}

async function tryReclaim({ store, scope }: PlacePorts, policy: RemediationPolicy, { id, groupId, system }: Remediation): Promise<PlaceDecision | 'conflict'> {
  const [platform, group, observed] = await Promise.all([
    readRecord(store, platformType, keys.platform(scope)),
    readRecord(store, groupType, keys.group(scope, groupId)),
    readRecord(store, systemRecordType, keys.system(scope, system)),
  ]);
  // The claim wrote both.
  if (platform === undefined || group === undefined) return { kind: 'refused', guardrail: 'platform caps', reason: 'The records of the caps are gone' };
  const decision = decidePlace(platform.body, group.body, id, membersOf(groupId, observed?.body), policy);
  if (decision.kind === 'refused') return decision;
  const writes = [
    ...(decision.platform === platform.body ? [] : [writeOf(platformType, platform.key, decision.platform, platform.version)]),
    ...(decision.group === group.body ? [] : [writeOf(groupType, group.key, decision.group, group.version)]),
  ];
  try {
    if (writes.length > 0) await store.write(writes);
    return decision;
  } catch (error) {
    if (error instanceof RecordConflictError) return 'conflict';
    throw error;
  }
}
