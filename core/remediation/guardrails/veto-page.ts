import type { Scope } from '../../environment/ports.ts';
import { keys } from '../../records/keys.ts';
import { readRecord } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import { isBreakerOpen } from './breaker.ts';
import { openCausesOf } from './cause-breaker.ts';
import { type Group, groupType, type Platform, platformType, type Remediation } from '../record.ts';

/**
 * How people hear of a veto. `shared`: one page for everything that the same open breaker stops. `held`: another repair of the group
 * runs and this one follows it by itself; the page comes only when it does not. `own`: a page of its own.
 */
export type VetoPage = { readonly kind: 'shared'; readonly id: string } | { readonly kind: 'held' } | { readonly kind: 'own' };

const own: VetoPage = { kind: 'own' };

type Ports = { readonly store: RecordStore; readonly scope: Scope };

/** Vetoes by which one trouble stops many. */
const sharedGuardrails: readonly string[] = ['circuit breaker', 'one at a time', 'platform caps'];

/** Which page a vetoed remediation is part of; asked after the veto was recorded, so that it finds the breaker it opened. */
export async function vetoPageOf(ports: Ports, record: Remediation): Promise<VetoPage> {
  const guardrail = record.failure?.guardrail ?? '';
  // A person who asked by hand waits for an answer of their own.
  if (!sharedGuardrails.includes(guardrail) || record.request !== undefined || record.isDrill) return own;
  const { group, platform } = await readBreakers(ports, record.groupId);
  const id = openOnGroup(group) ?? openOnPlatform(platform, record);
  if (id !== undefined) return { kind: 'shared', id };
  return guardrail === 'one at a time' && isBehindAnother(group, record) ? { kind: 'held' } : own;
}

async function readBreakers({ store, scope }: Ports, groupId: string): Promise<{ readonly group: Group | undefined; readonly platform: Platform | undefined }> {
  const [group, platform] = await Promise.all([
    readRecord(store, groupType, keys.group(scope, groupId)),
    readRecord(store, platformType, keys.platform(scope)),
  ]);
  return { group: group?.body, platform: platform?.body };
}

function isBehindAnother(group: Group | undefined, { id }: Remediation): boolean {
  return group !== undefined && group.inFlight.some((other) => other !== id);
}

function openOnGroup(group: Group | undefined): string | undefined {
  return group !== undefined && isBreakerOpen(group.breaker) ? `breaker:${group.id}:${group.breaker.since ?? ''}` : undefined;
}

function openOnPlatform(platform: Platform | undefined, { slotId }: Remediation): string | undefined {
  if (platform === undefined) return undefined;
  const [cause] = openCausesOf(platform, slotId);
  if (cause !== undefined) return `breaker:${cause.cause}:${cause.since}`;
  return isBreakerOpen(platform.breaker) ? `breaker:platform:${platform.breaker.since ?? ''}` : undefined;
}
