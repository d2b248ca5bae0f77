import type { Scope } from '../../environment/ports.ts';
import type { Timestamp } from '../../environment/time.ts';
import { groupIdOf } from '../../inventory/classify.ts';
import type { Remediation } from '../record.ts';

/** What a person may ask for through the queue; each is a kind of signal. */
export const requestKinds = ['instance.replace-requested', 'instance.revert-requested', 'check.drill-requested'] as const;

/** A person asked for it: no trouble has to last, and nothing has to be read again to believe it. */
export function isRequested({ kind }: { readonly kind: string }): boolean {
  return requestKinds.some((known) => known === kind);
}

/** The same of the rule under which an incident remembers a signal: that of a request is its kind without the first part. */
export function isRequestRule(rule: string): boolean {
  return requestKinds.some((kind) => kind.endsWith(`.${rule}`));
}

/** What a remediation by hand does; `replace` is the repair itself. */
export type Course =
  | { readonly kind: 'replace' }
  | { readonly kind: 'revert'; readonly revertOf: Remediation }
  | { readonly kind: 'drill'; readonly groupId: string };

/** The place of a system's drills: apart from every real one, so that a drill never stands in the way of a repair. */
export function drillPlaceOf(system: string): { readonly id: string; readonly groupId: string; readonly instanceId: string } {
  const id = groupIdOf(system, 'drill');
  return { id, groupId: id, instanceId: NO_INSTANCE_YET };
}

/** Stands where an instance id will stand once the throw-away instance runs; no call ever gets it. */
export const NO_INSTANCE_YET = 'no-instance-yet';

/** Why a remediation cannot be taken back, if so: from its record alone. What EC2 says is asked by the guard phase. Pure. */
export function revertRefusal(record: Remediation): string | undefined {
  const { id, state, newInstanceId, isDrill, revertOf, path = 'replace' } = record;
  if (state === 'running') return `${id} is still running (${record.phase}). To undo it while it runs: abort`;
  if (isDrill) return `${id} was a drill; there is nothing to take back`;
  if (revertOf !== undefined) return `${id} has itself taken ${revertOf} back. To go forward again, replace the instance`;
  if (state !== 'succeeded' || newInstanceId === undefined) return `${id} ended ${state} and has replaced nothing`;
  if (path !== 'replace') return `${id} repaired by the path "${path}", which keeps no old instance to swap back to`;
  return undefined;
}

/** An event of our own bus that asks for something; it takes the same way as every signal. */
export type RequestEvent =
  | { readonly type: 'Instance Replace Requested'; readonly detail: { readonly instanceId: string; readonly by: string; readonly reason: string } }
  | {
      readonly type: 'Instance Revert Requested';
      /** `instanceId`: the replacement that serves now. */
      readonly detail: { readonly instanceId: string; readonly remediationId: string; readonly by: string; readonly reason: string };
    }
  | { readonly type: 'System Drill Requested'; readonly detail: { readonly system: string; readonly by: string; readonly reason: string } };

/** The body of the message that asks. */
export function requestBody({ accountId, region }: Scope, { type, detail }: RequestEvent, at: Timestamp): string {
  return JSON.stringify({
    version: '0',
    id: `request-${at}`,
    source: 'perennial',
    'detail-type': type,
    account: accountId,
    region,
    time: at,
    resources: [],
    detail,
  });
}
