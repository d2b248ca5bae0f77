import { PermanentError } from '../environment/errors.ts';
import type { Clock, Log, Scope } from '../environment/ports.ts';
import { parseTimestamp, type Timestamp } from '../environment/time.ts';
import { addTimelineEvent, type IncidentPorts } from '../incidents/incidents.ts';
import { tagKeys } from '../inventory/records.ts';
import { keys } from '../records/keys.ts';
import { readRecord } from '../records/record-type.ts';
import type { RecordStore } from '../records/store.ts';
import type { InstanceFacts, InstanceTerminator } from './ports.ts';
import { type Remediation, remediationType } from './record.ts';

export interface ReapPorts extends IncidentPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
  readonly log: Log;
  readonly terminator: InstanceTerminator;
}

export type ReapDecision =
  | { readonly kind: 'terminate'; readonly instanceId: string; readonly incidentId: string; readonly reason: string }
  | { readonly kind: 'keep'; readonly instanceId: string; readonly reason: string }
  /** The tag says quarantine, our record does not: somebody else's business, reported and left alone. */
  | { readonly kind: 'report'; readonly instanceId: string; readonly reason: string };

/** Ended quarantines end one a call; more than this wait for the next run. */
const MAX_TERMINATIONS = 20;

/** Pure: tag and record must agree before anything is terminated (design section 7, quarantine). */
export function decideReap(instance: InstanceFacts, remediation: Remediation | undefined, now: Timestamp): ReapDecision {
  const { instanceId, tags } = instance;
  const untilTag = tags[tagKeys.quarantineUntil];
  const incidentId = tags[tagKeys.quarantine];
  if (incidentId === undefined || untilTag === undefined) return { kind: 'report', instanceId, reason: 'It carries a part of our quarantine tags only' };
  if (remediation === undefined || remediation.incidentId !== incidentId)
    return { kind: 'report', instanceId, reason: `No remediation of incident ${incidentId} knows it` };
  // The intent of this very call is the record's half of the agreement; being the old instance is not: a repair that was undone keeps it.
  if (!Object.hasOwn(remediation.calls, `mark:${instanceId}`))
    return { kind: 'report', instanceId, reason: `The record ${remediation.id} did not put it into quarantine` };
  if (remediation.state === 'running') return { kind: 'keep', instanceId, reason: `${remediation.id} is still running` };
  if (tags[tagKeys.hold] !== undefined) return { kind: 'keep', instanceId, reason: `It is on hold (${tags[tagKeys.hold]})` };
  // Only a moment compares with a moment: a hand-written tag never ends an instance early.
  const until = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(untilTag) ? parseTimestamp(untilTag) : undefined;
  if (until === undefined) return { kind: 'report', instanceId, reason: `Its tag ${tagKeys.quarantineUntil} is no moment` };
  if (now < until) return { kind: 'keep', instanceId, reason: `Kept as evidence until ${until}` };
  return decideByState(instance, incidentId, until);
}

function decideByState({ instanceId, state }: InstanceFacts, incidentId: string, until: Timestamp): ReapDecision {
  if (state === 'shutting-down' || state === 'terminated') return { kind: 'keep', instanceId, reason: `It is ${state} already` };
  if (state !== 'stopped') return { kind: 'report', instanceId, reason: `Its quarantine is over but it is ${state}: somebody started it again` };
  return { kind: 'terminate', instanceId, incidentId, reason: `Its quarantine ended at ${until}` };
}

/** Ends expired quarantines. Says what it will do before it does it; one id a call; bounded per run; run twice it does nothing more. */
export async function reap(ports: ReapPorts): Promise<readonly ReapDecision[]> {
  const quarantined = await ports.terminator.quarantined();
  const decisions = await Promise.all(quarantined.map((instance) => decide(ports, instance)));
  ports.log.info('The reaper has decided', { decisions });
  let terminated = 0;
  for (const decision of decisions) {
    if (decision.kind !== 'terminate' || terminated === MAX_TERMINATIONS) continue;
    // One id a call, and only what ended counts: protected instances must not stop the others, however many they are.
    if (await terminate(ports, decision)) terminated += 1;
  }
  return decisions;
}

async function decide(ports: ReapPorts, instance: InstanceFacts): Promise<ReapDecision> {
  const remediationId = instance.tags[tagKeys.remediation];
  try {
    const record = remediationId === undefined ? undefined : await readRecord(ports.store, remediationType, keys.remediation(ports.scope, remediationId));
    return decideReap(instance, record?.body, ports.clock.now());
  } catch (error) {
    // A record nobody can read agrees with nothing; it must not keep the others.
    if (!(error instanceof PermanentError)) throw error;
    return { kind: 'report', instanceId: instance.instanceId, reason: error.message };
  }
}

async function terminate(ports: ReapPorts, decision: ReapDecision & { kind: 'terminate' }): Promise<boolean> {
  const { instanceId, incidentId, reason } = decision;
  try {
    await ports.terminator.terminate(instanceId);
    await addTimelineEvent(ports, incidentId, {
      at: ports.clock.now(),
      eventId: `reaped:${instanceId}`,
      kind: 'reaper',
      text: `Terminated ${instanceId}. ${reason}`,
    });
    return true;
  } catch (error) {
    // One that cannot be ended must not keep the others; the next run tries again and the alarm on this log line tells a person.
    if (!(error instanceof PermanentError)) throw error;
    ports.log.error('A quarantined instance could not be terminated', { instanceId, reason: error.message });
    return false;
  }
}
