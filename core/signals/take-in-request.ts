import type { System } from '../catalog/schema.ts';
import { type IncidentPorts, recordResolvedSignal } from '../incidents/incidents.ts';
import { groupIdOf } from '../inventory/classify.ts';
import { keys } from '../records/keys.ts';
import { readRecord } from '../records/record-type.ts';
import type { AdmitRequest } from '../remediation/admission/admit.ts';
import { drillPlaceOf, revertRefusal } from '../remediation/admission/asked.ts';
import { remediationType } from '../remediation/record.ts';
import type { Signal } from './signal.ts';

type Slot = AdmitRequest['slot'];

export type Asked =
  /** What the admission needs beside what every repair has. */
  | { readonly kind: 'possible'; readonly slot: Slot; readonly extra: Pick<AdmitRequest, 'request' | 'course'> }
  | { readonly kind: 'refused'; readonly reason: string };

/** What a person asks for with this signal; `undefined` for a signal of trouble. */
export async function readRequest(
  ports: Pick<IncidentPorts, 'store' | 'scope'>,
  signal: Signal,
  system: System,
  slot: Slot | undefined,
): Promise<Asked | undefined> {
  if (signal.request === undefined) return undefined;
  const request = { by: signal.request.by, reason: signal.request.reason, at: signal.at };
  const { name } = system.metadata;
  if (signal.kind === 'check.drill-requested') {
    return { kind: 'possible', slot: drillPlaceOf(name), extra: { request, course: { kind: 'drill', groupId: groupIdOf(name, system.spec.image.role) } } };
  }
  if (slot === undefined) return { kind: 'refused', reason: `${signal.subject.id} holds no place of a system` };
  if (signal.kind !== 'instance.revert-requested') return { kind: 'possible', slot, extra: { request, course: { kind: 'replace' } } };
  return readRevert(ports, signal, slot, request);
}

async function readRevert(
  { store, scope }: Pick<IncidentPorts, 'store' | 'scope'>,
  signal: Signal,
  slot: Slot,
  request: NonNullable<AdmitRequest['request']>,
): Promise<Asked> {
  const id = signal.request?.remediationId ?? '';
  const revertOf = (await readRecord(store, remediationType, keys.remediation(scope, id)))?.body;
  if (revertOf === undefined) return { kind: 'refused', reason: `There is no remediation ${id} to take back` };
  const reason = revertRefusal(revertOf);
  if (reason !== undefined) return { kind: 'refused', reason };
  if (slot.id !== revertOf.slotId || slot.instanceId !== revertOf.newInstanceId)
    return { kind: 'refused', reason: `${slot.instanceId} holds the place ${revertOf.slotId} now, not ${revertOf.newInstanceId}: it was replaced again since` };
  return { kind: 'possible', slot, extra: { request, course: { kind: 'revert', revertOf } } };
}

/** A request that was not granted is over: nothing fails, so its incident ends with it unless something else keeps it open. */
export async function endRequest(
  ports: IncidentPorts,
  over: { readonly signal: Signal; readonly fingerprint: string; readonly place: string },
  reason: string,
): Promise<void> {
  const { signal } = over;
  await recordResolvedSignal(ports, { ...over, signal: { ...signal, state: 'resolved', severity: 'info', summary: `The request was not granted: ${reason}` } });
}
