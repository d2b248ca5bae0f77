import { addTimelineEvent } from '../incidents/incidents.ts';
import { lists } from '../records/keys.ts';
import { readAll } from '../records/record-type.ts';
import { createJournal, type JournalPorts } from '../remediation/driver/journal.ts';
import { type Remediation, remediationType } from '../remediation/record.ts';
import type { IntakeResult } from './intake.ts';
import type { Signal } from './signal.ts';

/**
 * An execution of ours that ended badly is a signal (design section 4). Where the driver recorded the end itself, people know;
 * where the record still says running, the state machine was aborted or timed out: a person must look at what is half-done.
 */
export async function takeInExecution(ports: JournalPorts, signal: Signal): Promise<IntakeResult> {
  if (signal.state !== 'firing') return { kind: 'noted', reason: 'An execution of ours goes its way' };
  const running = await readAll(remediationType, (page) => ports.store.list(lists.runningRemediations(ports.scope), page));
  const record = running.map(({ body }) => body).find((body) => belongsTo(body, signal));
  if (record === undefined) return { kind: 'noted', reason: 'Its remediation has recorded its end itself' };
  await addTimelineEvent(ports, record.incidentId, {
    at: signal.at,
    eventId: `${record.id}:execution:${signal.at}`,
    kind: 'remediation',
    text: `${signal.summary} The record still says ${record.phase}: what was begun is half-done.`,
  });
  await createJournal(ports).pageAnyway(record);
  return { kind: 'incident', incidentId: record.incidentId, reason: 'The execution ended without its remediation' };
}

function belongsTo(record: Remediation, signal: Signal): boolean {
  return signal.subject.id.endsWith(record.executionName);
}
