import type { Scope } from '../../environment/ports.ts';
import type { Timestamp } from '../../environment/time.ts';
import { keys, partitions } from '../../records/keys.ts';
import { readAll, readRecord } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import { isBreakerOpen } from './breaker.ts';
import { causeText } from './cause-breaker.ts';
import { type Group, groupType, type Platform, platformType } from '../record.ts';

/** A circuit breaker that is open, and what it waits for. */
export interface OpenBreaker {
  /** `platform`, `group:<id>` or the cause, for example `zone:eu-central-1a`. */
  readonly id: string;
  /** The system whose group it is; `null` for those that concern several. */
  readonly system: string | null;
  readonly since: Timestamp | null;
  /** `probing`: one repair is under way. `waiting-for-person`: the probe failed; `resume` lets it go on. */
  readonly state: 'open' | 'probing' | 'waiting-for-person';
  readonly reason: string;
}

type Probing = { readonly probeRemediationId?: string | undefined; readonly isProbeFailed: boolean };

function stateOf({ probeRemediationId, isProbeFailed }: Probing, inFlight: readonly string[]): OpenBreaker['state'] {
  if (isProbeFailed) return 'waiting-for-person';
  return inFlight.some((id) => id === probeRemediationId) ? 'probing' : 'open';
}

function ofGroup({ id, breaker, unhealthy, inFlight }: Group): readonly OpenBreaker[] {
  if (!isBreakerOpen(breaker)) return [];
  const reason = `${unhealthy.length} unhealthy in ${id}`;
  return [{ id: `group:${id}`, system: id.slice(0, id.indexOf('/')), since: breaker.since ?? null, state: stateOf(breaker, inFlight), reason }];
}

function ofPlatform({ breaker, unhealthySystems, causeBreakers = [], inFlight }: Platform): readonly OpenBreaker[] {
  const reason = `${unhealthySystems.length} systems became unhealthy within 5 minutes`;
  return [
    ...(isBreakerOpen(breaker) ? [{ id: 'platform', system: null, since: breaker.since ?? null, state: 'open' as const, reason }] : []),
    ...causeBreakers.map((open) => ({
      id: open.cause,
      system: null,
      since: open.since,
      state: stateOf(open, inFlight),
      reason: `Many fail together that share ${causeText(open.cause)}`,
    })),
  ];
}

/** Every open breaker of the account-region: the platform's, those of shared causes, those of groups. */
export async function listOpenBreakers(store: RecordStore, scope: Scope): Promise<readonly OpenBreaker[]> {
  const [platform, groups] = await Promise.all([
    readRecord(store, platformType, keys.platform(scope)),
    readAll(groupType, (page) => store.query(partitions.groups(scope), '', page)),
  ]);
  return [...(platform === undefined ? [] : ofPlatform(platform.body)), ...groups.flatMap(({ body }) => ofGroup(body))];
}
