import type { Clock, Scope } from '../../environment/ports.ts';
import { addTimelineEvent } from '../../incidents/incidents.ts';
import { keys } from '../../records/keys.ts';
import { updateRecord } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import { isCompensation, rowOf } from '../paths/procedure.ts';
import { type Remediation, remediationType } from '../record.ts';

/*
 * What a person may tell a remediation that exists: yes, and stop. Both are conditional writes on its record, which the driver reads
 * at its next step; neither starts or ends anything itself. The documents of the console stack write the same fields.
 */

interface RequestPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
}

/** `refused`: nothing was written, for this reason. */
export type RequestAnswer =
  | { readonly kind: 'accepted' | 'already'; readonly remediation: Remediation; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

/** What becomes of the record, or why nothing does. */
type Decision = { readonly body: Remediation; readonly answer: RequestAnswer };

const refused = (body: Remediation, reason: string): Decision => ({ body, answer: { kind: 'refused', reason } });

/** Says yes to the plan that a repair waits with. It then goes on by itself, and asks its guardrails again. */
export async function approveRemediation(ports: RequestPorts, remediationId: string, by: string): Promise<RequestAnswer> {
  const at = ports.clock.now();
  const answer = await decideOn(ports, remediationId, (record) => decideApproval(record, by, at));
  if (answer.kind === 'accepted') await note(ports, answer.remediation, 'approved', `Approved by ${by}`);
  return answer;
}

/** Pure: what a yes at this moment does. */
export function decideApproval(record: Remediation, by: string, at: string): Decision {
  const { id, approval, state, phase, frozen } = record;
  if (state !== 'running') return refused(record, `${id} is over (${state}: ${record.reason}); there is nothing to approve, and nothing was touched.`);
  if (approval?.granted !== undefined) {
    return {
      body: record,
      answer: { kind: 'already', remediation: record, reason: `${approval.granted.by} approved ${id} at ${approval.granted.at} already.` },
    };
  }
  if (approval === undefined || phase !== 'await-approval')
    return refused(record, `${id} asks for no approval: it is in the phase ${phase}. Nothing was changed.`);
  // While it is frozen its time does not run out.
  if (frozen === undefined && at >= approval.expiresAt) {
    return refused(
      record,
      `Too late: the time to approve ${id} ended at ${approval.expiresAt}. Nothing was touched; a new alarm, or a replacement by hand, starts a new one.`,
    );
  }
  const body = { ...record, approval: { ...approval, granted: { by, at } } };
  return { body, answer: { kind: 'accepted', remediation: body, reason: `Approved ${id}. Its guardrails are asked once more, then it goes on.` } };
}

/** Sends a repair to its nearest safe point: undone before the drain, finished after it (design section 7). */
export async function abortRemediation(ports: RequestPorts, remediationId: string, by: string, reason: string): Promise<RequestAnswer> {
  const at = ports.clock.now();
  const answer = await decideOn(ports, remediationId, (record) => decideAbort(record, by, reason, at));
  if (answer.kind === 'accepted') await note(ports, answer.remediation, 'abort', `${by} asks for its end: ${reason}. ${answer.reason}`);
  return answer;
}

/** Pure: what an abort at this moment does. */
export function decideAbort(record: Remediation, by: string, reason: string, at: string): Decision {
  const { id, abort, state } = record;
  if (state !== 'running') return refused(record, `${id} is over (${state}: ${record.reason}); there is nothing to abort, and nothing was touched.`);
  if (abort !== undefined) {
    return {
      body: record,
      answer: { kind: 'already', remediation: record, reason: `${abort.by} asked for the end of ${id} at ${abort.at} already: ${abort.reason}` },
    };
  }
  const body = { ...record, abort: { by, reason, at } };
  return { body, answer: { kind: 'accepted', remediation: body, reason: safePointText(record) } };
}

/** Where an abort or a pause takes it from here. */
export function safePointText(record: Remediation): string {
  const { id, phase, failure } = record;
  const still = record.frozen === undefined ? '' : ' It is frozen: that happens once it is resumed.';
  if (failure !== undefined || isCompensation(phase)) return `${id} is undoing or taking back already (${phase}) and will end that.${still}`;
  return rowOf(phase).isBeforeDrain
    ? `${id} is before the drain (${phase}): what it has done is undone.${still}`
    : `${id} is past its last safe point to go back (${phase}): it is finished, not undone.${still}`;
}

async function decideOn(ports: RequestPorts, remediationId: string, decide: (record: Remediation) => Decision): Promise<RequestAnswer> {
  let answer: RequestAnswer = {
    kind: 'refused',
    reason: `There is no remediation ${remediationId} in ${ports.scope.accountId}/${ports.scope.region}. Nothing was changed.`,
  };
  await updateRecord(ports.store, remediationType, keys.remediation(ports.scope, remediationId), (record): Remediation | undefined => {
    if (record === undefined) return undefined;
    const decision = decide(record);
    answer = decision.answer;
    return decision.body;
  });
  return answer;
}

async function note(ports: RequestPorts, { id, incidentId }: Remediation, eventId: string, text: string): Promise<void> {
  await addTimelineEvent(ports, incidentId, { at: ports.clock.now(), eventId: `${id}:${eventId}`, kind: 'decision', text });
}
