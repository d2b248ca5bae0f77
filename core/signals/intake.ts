import type { CompiledCatalog, RemediationPolicy, System } from '../catalog/schema.ts';
import { matchesGlob } from '../catalog/glob.ts';
import { declaredIn } from '../catalog/published.ts';
import { isWatchedAlarm } from '../catalog/watched-metrics.ts';
import { lastDeployment } from '../deployments/deployments.ts';
import { present } from '../environment/present.ts';
import { addTimelineEvent, attachRemediation, recordFiring, recordResolvedSignal } from '../incidents/incidents.ts';
import type { MessageStep } from '../incidents/messages/messages.ts';
import { type Incident, incidentType, isOver } from '../incidents/record.ts';
import { groupIdOf } from '../inventory/classify.ts';
import { type InstanceRecord, instanceType, systemRecordType } from '../inventory/records.ts';
import { recordUnlisted } from '../inventory/sweep.ts';
import { keys } from '../records/keys.ts';
import { createRecord, readRecord, updateRecord } from '../records/record-type.ts';
import { type Admission, type AdmitPorts, type AdmitRequest, admit } from '../remediation/admission/admit.ts';
import { calmSlot, causesOf } from '../remediation/guardrails/cause-breaker.ts';
import { membersOf } from '../remediation/guardrails/group-size.ts';
import { type JournalPorts, tellPeople } from '../remediation/driver/journal.ts';
import type { AlarmFacts, AlarmReader } from '../remediation/ports.ts';
import { groupType, platformType, slotType } from '../remediation/record.ts';
import { isTroubleOf } from '../remediation/guardrails/unhealthy.ts';
import { vetoPageOf } from '../remediation/guardrails/veto-page.ts';
import { decideSignal } from './admit.ts';
import { maskOf } from './mask.ts';
import { signalEventType, type SignalRecord, signalRecordType } from './record.ts';
import { eventIdOf, fingerprintOf, placeOfSubject, type Signal } from './signal.ts';
import { takeInDeployment } from './take-in-deployment.ts';
import { takeInExecution } from './take-in-execution.ts';
import { takeInHeartbeat } from './take-in-heartbeat.ts';
import { endRequest, readRequest } from './take-in-request.ts';

export interface IntakePorts extends AdmitPorts, JournalPorts {
  readonly alarms: Pick<AlarmReader, 'read'>;
}

export type IntakeResult =
  | { readonly kind: 'duplicate' | 'late' | 'noted'; readonly reason: string }
  | { readonly kind: 'incident'; readonly incidentId: string; readonly reason: string }
  | { readonly kind: 'repair'; readonly incidentId: string; readonly remediationId: string; readonly reason: string };

/** What a signal is about, in our words. */
interface Place {
  /** A slot id, else `type/id` of the subject. */
  readonly place: string;
  readonly system?: System;
  readonly slot?: { readonly id: string; readonly groupId: string; readonly instanceId: string; readonly memberId?: string };
  /** The instance as the inventory knows it; of a slot only. */
  readonly instance?: InstanceRecord;
  readonly wasInInventory: boolean;
  /** The instance was replaced: what it still says is information only. */
  readonly isRetired: boolean;
}

/**
 * Takes one signal in: whose it is, whether it is new, what it opens, updates or repairs (design section 4). Every step is
 * idempotent and the signal is marked handled last, so that a crash anywhere is repaired by the next delivery.
 */
export async function takeIn(ports: IntakePorts, catalog: CompiledCatalog, signal: Signal): Promise<IntakeResult> {
  if (signal.kind.startsWith('deploy.')) return takeInDeployment(ports, catalog, signal);
  if (signal.kind === 'platform.heartbeat') return takeInHeartbeat(ports, signal);
  if (signal.kind === 'platform.execution') return takeInExecution(ports, signal);
  const event = keys.signalEvent(ports.scope, eventIdOf(signal, ports.hasher));
  if ((await readRecord(ports.store, signalEventType, event)) !== undefined)
    return { kind: 'duplicate', reason: 'This very event was handled before, whatever the catalog said then' };
  const result = await takeInTrouble(ports, catalog, signal);
  const { kind, rule, at } = signal;
  await createRecord(ports.store, signalEventType, event, { kind, subject: placeOfSubject(signal.subject), rule, at, handledAt: ports.clock.now() });
  return result;
}

async function takeInTrouble(ports: IntakePorts, catalog: CompiledCatalog, signal: Signal): Promise<IntakeResult> {
  if (await isRetryOver(ports, signal)) return { kind: 'noted', reason: 'A repair was to be tried again, but its incident is over' };
  const alarm = signal.kind === 'alarm.state-change' ? (await ports.alarms.read([signal.rule]))[0] : undefined;
  const place = await findPlace(ports, catalog, signal, alarm);
  const heard = maskedFor(place.system, { ...signal, rule: alarm?.alarmOf ?? signal.rule, state: place.isRetired ? 'info' : signal.state });
  const fingerprint = fingerprintOf(heard, place.place, ports.hasher);
  const stored = await remember(ports, fingerprint, heard);
  if (stored.kind !== 'new') return { kind: stored.kind, reason: stored.reason };
  const result = await handle(ports, catalog, { signal: heard, alarmName: signal.rule, alarm, place, fingerprint });
  await updateRecord(ports.store, signalRecordType, keys.signal(ports.scope, fingerprint), (body) =>
    body === undefined || body.isHandled || body.changedAt !== heard.at ? body : { ...body, isHandled: true },
  );
  return result;
}

/** Before anything of it is stored or sent (S4-23). Names and ids stay: they are what things are found by. */
function maskedFor(system: System | undefined, signal: Signal): Signal {
  const mask = maskOf(system);
  return { ...signal, summary: mask(signal.summary), details: Object.fromEntries(Object.entries(signal.details).map(([name, value]) => [name, mask(value)])) };
}

/** A retry that the end of its incident overtook must not open another one. */
async function isRetryOver({ store, scope }: IntakePorts, { details }: Signal): Promise<boolean> {
  const { incidentId, retryOf } = details;
  if (retryOf === undefined || incidentId === undefined) return false;
  const incident = await readRecord(store, incidentType, keys.incident(scope, incidentId));
  return incident === undefined || isOver(incident.body) || incident.body.state === 'stable';
}

/** Writes the signal down unless it is known; a known one that was never handled to its end counts as new. */
async function remember(
  ports: IntakePorts,
  fingerprint: string,
  signal: Signal,
): Promise<{ readonly kind: 'new' | 'duplicate' | 'late'; readonly reason: string }> {
  let decision: { kind: 'new' | 'duplicate' | 'late'; reason: string } = { kind: 'new', reason: 'First of its kind' };
  await updateRecord(ports.store, signalRecordType, keys.signal(ports.scope, fingerprint), (body): SignalRecord | undefined => {
    decision = decideSignal(body, { ...signal, fingerprint });
    const isUnfinished = body !== undefined && !body.isHandled && body.changedAt === signal.at && body.state === signal.state;
    if (isUnfinished) decision = { kind: 'new', reason: 'An earlier delivery did not finish' };
    if (decision.kind !== 'new' || isUnfinished) return body;
    return {
      fingerprint,
      kind: signal.kind,
      state: signal.state,
      changedAt: signal.at,
      rule: signal.rule,
      subject: placeOfSubject(signal.subject),
      summary: signal.summary,
      isHandled: false,
    };
  });
  return decision;
}

/** One that the catalog names, or one that Perennial made for the metrics of the system. */
function isAlarmOf(system: System, alarmName: string): boolean {
  return (
    system.spec.alarms.some((glob) => matchesGlob(glob, alarmName)) || (alarmName.startsWith(`${system.metadata.name}-`) && isWatchedAlarm(system, alarmName))
  );
}

async function findPlace(ports: IntakePorts, catalog: CompiledCatalog, signal: Signal, alarm: AlarmFacts | undefined): Promise<Place> {
  if (signal.subject.type === 'instance') return findInstance(ports, catalog, signal.subject.id);
  const alarmName = alarm?.alarmOf ?? signal.rule;
  const byName = signal.subject.type === 'system' ? signal.subject.id : signal.details['system'];
  const system = catalog.systems.find(
    (candidate) => candidate.metadata.name === byName || (signal.subject.type === 'alarm' && isAlarmOf(candidate, alarmName)),
  );
  return { place: placeOfSubject(signal.subject), wasInInventory: true, isRetired: false, ...present({ system }) };
}

async function findInstance(ports: IntakePorts, catalog: CompiledCatalog, instanceId: string): Promise<Place> {
  const record = (await readRecord(ports.store, instanceType, keys.instance(ports.scope, instanceId)))?.body;
  const alone: Place = { place: `instance/${instanceId}`, wasInInventory: record !== undefined, isRetired: false };
  return record?.system === undefined || record.slotId === undefined
    ? alone
    : findSlot(ports, catalog, alone, { ...record, instanceId, slotId: record.slotId });
}

async function findSlot(ports: IntakePorts, catalog: CompiledCatalog, alone: Place, record: InstanceRecord & { readonly slotId: string }): Promise<Place> {
  const { instanceId } = record;
  const system = catalog.systems.find((candidate) => candidate.metadata.name === record.system);
  if (system === undefined) return alone;
  const slot = (await readRecord(ports.store, slotType, keys.slot(ports.scope, record.slotId)))?.body;
  const isRetired = record.status === 'quarantined' || slot?.retiredInstanceIds.includes(instanceId) === true;
  // What a retired instance says is not said of the slot: it must neither hide nor calm what its successor says.
  if (isRetired) return { ...alone, system, isRetired };
  const groupId = groupIdOf(system.metadata.name, record.role ?? system.spec.image.role);
  // Members of an Auto Scaling group share a slot: what one of them says is said of nobody else, and it is the one to be repaired.
  const isMember = record.autoScalingGroup !== undefined;
  return {
    place: isMember ? `${record.slotId}/${instanceId}` : record.slotId,
    system,
    slot: { id: record.slotId, groupId, ...(isMember ? { instanceId, memberId: instanceId } : { instanceId: slot?.instanceId ?? instanceId }) },
    instance: record,
    wasInInventory: true,
    isRetired: false,
  };
}

interface Heard {
  readonly signal: Signal;
  /** The alarm's own name; `signal.rule` is the original's. */
  readonly alarmName: string;
  readonly alarm: AlarmFacts | undefined;
  readonly place: Place;
  readonly fingerprint: string;
}

async function handle(ports: IntakePorts, catalog: CompiledCatalog, heard: Heard): Promise<IntakeResult> {
  switch (heard.signal.state) {
    case 'info':
      return { kind: 'noted', reason: heard.place.isRetired ? 'It speaks of a retired instance' : 'It asks for nothing' };
    case 'resolved':
      return resolved(ports, heard);
    case 'firing':
      return firing(ports, catalog, heard);
  }
}

async function resolved(ports: IntakePorts, { signal, place, fingerprint }: Heard): Promise<IntakeResult> {
  if (place.slot !== undefined) await calm(ports, place.slot);
  const incident = await recordResolvedSignal(ports, { signal, fingerprint, place: place.place });
  if (incident === undefined) return { kind: 'noted', reason: 'It resolves nothing that is open' };
  if (isOver(incident)) await tellPeople(ports, { incident, step: 'recovered', id: `${incident.id}:resolved:${signal.at}` });
  return { kind: 'incident', incidentId: incident.id, reason: `The incident is ${incident.state}` };
}

/** The slot no longer counts as unhealthy for the breakers of its group and of what it shares with others. */
async function calm(ports: IntakePorts, slot: NonNullable<Place['slot']>): Promise<void> {
  await updateRecord(ports.store, groupType, keys.group(ports.scope, slot.groupId), (group) =>
    group === undefined || !group.unhealthy.some((entry) => isTroubleOf(entry, slot))
      ? group
      : { ...group, unhealthy: group.unhealthy.filter((entry) => !isTroubleOf(entry, slot)) },
  );
  await updateRecord(ports.store, platformType, keys.platform(ports.scope), (platform) => (platform === undefined ? platform : calmSlot(platform, slot.id)));
}

async function firing(ports: IntakePorts, catalog: CompiledCatalog, heard: Heard): Promise<IntakeResult> {
  const { signal, place, fingerprint } = heard;
  const system = place.system;
  const deployment = system === undefined ? undefined : await lastDeployment(ports.store, ports.scope, system.metadata.name);
  const { incident } = await recordFiring(ports, {
    signal,
    fingerprint,
    place: place.place,
    wasInInventory: place.wasInInventory,
    ...present({ system, lastDeployment: deployment }),
  });
  // As the incident remembers it: after a crash the instance may have been listed by the first delivery.
  if (!incident.wasInInventory && signal.subject.type === 'instance') await recordUnlisted(ports, signal.subject.id, incident.id);
  const declared = system === undefined ? undefined : declaredIn(catalog, system.metadata.name);
  if (declared === undefined) return undeclared(ports, heard, incident);
  const asked = await readRequest(ports, signal, declared.system, place.slot);
  if (asked?.kind === 'refused') return refuseRequest(ports, heard, incident, asked.reason);
  const slot = asked?.slot ?? place.slot;
  if (slot === undefined) return undeclared(ports, heard, incident);
  const causes = causesOf(place.instance, deployment, ports.clock.now());
  return tryRepair(ports, catalog, heard, incident, { ...declared, slot, causes, ...asked?.extra });
}

async function undeclared(ports: IntakePorts, heard: Heard, incident: Incident): Promise<IntakeResult> {
  const result = await withoutRepair(ports, heard, incident, incident.wasInInventory ? 'detected' : 'unknown-instance', NOTHING_DECLARED);
  if (heard.signal.request !== undefined)
    await endRequest(ports, { signal: heard.signal, fingerprint: heard.fingerprint, place: heard.place.place }, NOTHING_DECLARED);
  return result;
}

const NOTHING_DECLARED = 'Nothing declares how to repair it';

/** Tells whoever asked why nothing happens, and ends the request. */
async function refuseRequest(ports: IntakePorts, heard: Heard, incident: Incident, reason: string): Promise<IntakeResult> {
  const result = await withoutRepair(ports, heard, incident, 'detected', reason);
  await endRequest(ports, { signal: heard.signal, fingerprint: heard.fingerprint, place: heard.place.place }, reason);
  return result;
}

interface Repairable extends Pick<AdmitRequest, 'request' | 'course'> {
  readonly system: System;
  readonly policy: RemediationPolicy;
  readonly slot: NonNullable<Place['slot']>;
  readonly causes: readonly string[];
}

async function tryRepair(
  ports: IntakePorts,
  catalog: CompiledCatalog,
  heard: Heard,
  incident: Incident,
  { system, policy, slot, causes, ...asked }: Repairable,
): Promise<IntakeResult> {
  const { signal, fingerprint } = heard;
  const observed = (await readRecord(ports.store, systemRecordType, keys.system(ports.scope, system.metadata.name)))?.body;
  const admission = await admit(ports, {
    system,
    policy,
    incidentId: incident.id,
    slot,
    groupMembers: membersOf(slot.groupId, observed),
    systemsInCatalog: catalog.systems.length,
    causes,
    ...asked,
    trigger: triggerOf(heard),
  });
  if (admission.kind === 'incident-only') return withoutRepair(ports, heard, incident, 'detected', admission.reason);
  await addTimelineEvent(ports, incident.id, {
    at: signal.at,
    eventId: `${admission.remediation.id}:admission`,
    kind: 'remediation',
    text: admissionText(admission),
  });
  // A second thing said of a failure that is being repaired wakes nobody: the page of that repair is armed.
  // Who asked by hand is told all the same.
  if (admission.kind === 'vetoed' && asked.request === undefined && (await isUnderRepair(ports, slot.id)))
    return { kind: 'incident', incidentId: incident.id, reason: `${admission.guardrail}: ${admission.reason}` };
  await attachRemediation(ports, incident.id, admission.remediation.id);
  const reason = admission.kind === 'vetoed' ? `${admission.guardrail}: ${admission.reason}` : undefined;
  await tellOfAdmission(ports, incident, admission, reason);
  if (reason !== undefined && asked.request !== undefined) await endRequest(ports, { signal, fingerprint, place: heard.place.place }, reason);
  return admission.kind === 'started'
    ? { kind: 'repair', incidentId: incident.id, remediationId: admission.remediation.id, reason: admission.reason }
    : { kind: 'incident', incidentId: incident.id, reason: `${admission.guardrail}: ${admission.reason}` };
}

/** A breaker that stops many is one page; what waits for another repair of its group is paged only when nothing follows. */
async function tellOfAdmission(
  ports: IntakePorts,
  incident: Incident,
  admission: Exclude<Admission, { kind: 'incident-only' }>,
  reason: string | undefined,
): Promise<void> {
  const { remediation } = admission;
  const page = admission.kind === 'vetoed' ? await vetoPageOf(ports, remediation) : { kind: 'own' as const };
  if (page.kind === 'held') await ports.pageTimer.arm(remediation.id, remediation.pageAt);
  const step = page.kind === 'held' ? 'detected' : admissionStep(admission);
  await tellPeople(ports, { incident, step, id: page.kind === 'shared' ? page.id : `${remediation.id}:${step}`, remediation, reason });
}

function triggerOf({ signal, fingerprint, alarmName }: Heard): AdmitRequest['trigger'] {
  const { kind, rule, at, summary } = signal;
  return { kind, rule, fingerprint, at, summary, ...(kind === 'alarm.state-change' ? { alarmName, originalAlarmName: rule } : {}) };
}

async function isUnderRepair({ store, scope }: IntakePorts, slotId: string): Promise<boolean> {
  return (await readRecord(store, slotType, keys.slot(scope, slotId)))?.body.remediationId !== undefined;
}

/** A drill that may not begin wakes nobody. */
function admissionStep({ kind, remediation }: Exclude<Admission, { kind: 'incident-only' }>): MessageStep {
  if (kind === 'started') return 'detected';
  return remediation.isDrill ? 'drill-ended' : 'needs-person';
}

function admissionText(admission: Exclude<Admission, { kind: 'incident-only' }>): string {
  return admission.kind === 'started'
    ? `Remediation ${admission.remediation.id} begins: ${admission.reason}`
    : `Vetoed by the guardrail "${admission.guardrail}": ${admission.reason}`;
}

/** No repair will come, so nothing holds the page: `critical` and `high` need a person now. */
async function withoutRepair(ports: IntakePorts, { signal }: Heard, incident: Incident, step: MessageStep, reason: string): Promise<IntakeResult> {
  const isLoud = incident.severity === 'critical' || incident.severity === 'high';
  const told: MessageStep = step === 'detected' && isLoud ? 'needs-person' : step;
  await addTimelineEvent(ports, incident.id, {
    at: signal.at,
    eventId: `${incident.id}:no-repair:${signal.rule}`,
    kind: 'decision',
    text: `No repair: ${reason}`,
  });
  await tellPeople(ports, { incident, step: told, id: `${incident.id}:${told}:${incident.severity}`, reason });
  return { kind: 'incident', incidentId: incident.id, reason };
}
