import { createHash } from 'node:crypto';
import { type RemediationPolicy, policySchema, type System, systemSchema } from '../../../core/catalog/schema.ts';
import type { Hasher, Scope } from '../../../core/environment/ports.ts';
import type { NotificationMessage } from '../../../core/incidents/ports.ts';
import { type Incident, incidentType } from '../../../core/incidents/record.ts';
import { recordFiring } from '../../../core/incidents/incidents.ts';
import { imageRecordType } from '../../../core/images/records.ts';
import { tagKeys } from '../../../core/inventory/records.ts';
import { keys } from '../../../core/records/keys.ts';
import { createRecord, readRecord } from '../../../core/records/record-type.ts';
import type { RecordStore } from '../../../core/records/store.ts';
import { admit, type Admission } from '../../../core/remediation/admission/admit.ts';
import type { DriverAnswer } from '../../../core/remediation/driver/driver-answer.ts';
import { advance, type DriverPorts, type GiveUp } from '../../../core/remediation/driver/driver.ts';
import { createJournal } from '../../../core/remediation/driver/journal.ts';
import type { ActPorts, ObservePorts } from '../../../core/remediation/phase.ts';
import { type Remediation, remediationType } from '../../../core/remediation/record.ts';
import type { Signal } from '../../../core/signals/signal.ts';
import { VirtualClock } from '../../../sim/deterministic.ts';
import { SharedRecordStore } from '../../../sim/shared-record-store.ts';
import { SimulatedRegion } from '../../../sim/simulated-region.ts';

export const testHasher: Hasher = { sha256: (text) => createHash('sha256').update(text).digest('hex') };
export const testScope: Scope = { accountId: '111122223333', region: 'eu-central-1' };
const START = '2026-11-21T09:00:00.000Z';

export function webSystem(topology: 'multiple' | 'single' = 'multiple'): System {
  return systemSchema.parse({
    apiVersion: 'perennial/v1',
    kind: 'System',
    metadata: { name: 'shop-web' },
    spec: {
      purpose: 'Storefront pages',
      impact: 'Customers cannot order',
      owners: { owner: 'team-shop' },
      environment: 'prod',
      topology,
      roles: ['web'],
      recovery: { rtoSeconds: 600, rpoSeconds: 0 },
      access: { securityGroups: ['shop-web'] },
      targetGroups: ['shop-web'],
      alarms: ['shop-web-*'],
      image: { role: 'web' },
    },
  });
}

export function webPolicy(spec: Readonly<Record<string, unknown>> = {}): RemediationPolicy {
  return policySchema.parse({
    apiVersion: 'perennial/v1',
    kind: 'RemediationPolicy',
    metadata: { name: 'shop-web' },
    spec: { system: 'shop-web', mode: 'auto', triggers: ['instance.status-check', 'instance.target-unhealthy', { alarm: 'shop-web-unhealthy' }], ...spec },
  });
}

export const webTarget = { targetGroupArn: 'arn:tg/shop-web', targetGroupName: 'shop-web', port: 80 };
export const OLD = 'i-old';

/** The crash tests play a world thousands of times, so it keeps the bodies it is given. */
export type TestStore = RecordStore & Pick<SharedRecordStore, 'snapshot'>;

export interface World {
  readonly clock: VirtualClock;
  readonly region: SimulatedRegion;
  readonly store: TestStore;
  readonly sent: NotificationMessage[];
  readonly armed: { readonly remediationId: string; readonly at: string }[];
  readonly started: string[];
  readonly system: System;
  readonly policy: RemediationPolicy;
}

/** Three web instances, the third on v1 with a failing target and an alarm of its own. */
export function createWorld(topology: 'multiple' | 'single' = 'multiple', spec: Readonly<Record<string, unknown>> = {}): World {
  const clock = new VirtualClock(START);
  const region = new SimulatedRegion(clock);
  const launchedAt = '2026-11-20T09:00:00.000Z';
  const tags = { [tagKeys.system]: 'shop-web', [tagKeys.role]: 'web', Name: 'shop-web' };
  region.addImage('ami-v1');
  region.addImage('ami-v2');
  region.approveImage('web', 'ami-v1');
  region.approveImage('web', 'ami-v2');
  const peers = topology === 'multiple' ? ['i-peer1', 'i-peer2'] : [];
  for (const instanceId of peers) region.addInstance({ instanceId, imageId: 'ami-v2', tags, launchedAt, targets: [webTarget] });
  region.addInstance({
    instanceId: OLD,
    imageId: 'ami-v1',
    tags,
    launchedAt,
    targets: [webTarget],
    instanceProfileArn: 'arn:aws:iam::111122223333:instance-profile/shop-web',
  });
  region.setTargetUnhealthy(OLD, true);
  region.addAlarm({ name: 'shop-web-unhealthy', state: 'ALARM', instanceId: OLD });
  return { clock, region, store: new SharedRecordStore(clock), sent: [], armed: [], started: [], system: webSystem(topology), policy: webPolicy(spec) };
}

/** Wraps the ports: a test counts calls, or crashes before or after one. */
export type Wrap = <Port extends object>(name: string, port: Port) => Port;
const plain: Wrap = (_name, port) => port;

export function observePorts(world: World, wrap: Wrap = plain): ObservePorts {
  const { region, clock } = world;
  return {
    store: wrap<RecordStore>('store', world.store),
    scope: testScope,
    clock,
    instances: wrap('instances', region.instances),
    targets: wrap('targets', region.targets),
    images: wrap('images', region.images),
    captures: wrap('captures', region.captures),
    recovery: wrap('recovery', region.recovery.reader),
    groups: wrap('groups', region.groups.reader),
    preflight: wrap('preflight', region.preflight.reader),
    alarms: wrap('alarms', region.alarms),
  };
}

function actPorts(world: World, wrap: Wrap): ActPorts {
  const { region } = world;
  return {
    ...observePorts(world, wrap),
    launcher: wrap('launcher', region.launcher),
    registrar: wrap('registrar', region.registrar),
    power: wrap('power', region.power),
    evidence: wrap('evidence', region.evidence),
    commands: wrap('commands', region.commands),
    quarantine: wrap('quarantine', region.quarantine),
    rebooter: wrap('rebooter', region.recovery.rebooter),
    rootSwapper: wrap('rootSwapper', region.recovery.rootSwapper),
    processRestarter: wrap('processRestarter', region.recovery.processRestarter),
    groupChanger: wrap('groupChanger', region.groups.changer),
    alarmCloner: wrap('alarmCloner', region.alarmCloner),
    volumes: wrap('volumes', region.attachments.volumes),
    interfaces: wrap('interfaces', region.attachments.interfaces),
    addresses: wrap('addresses', region.attachments.addresses),
    dnsRecords: wrap('dnsRecords', region.attachments.dnsRecords),
    associations: wrap('associations', region.attachments.associations),
    snapshots: wrap('snapshots', region.attachments.snapshots),
    dashboards: wrap('dashboards', region.dashboards),
  };
}

export function driverPorts(world: World, wrap: Wrap = plain): DriverPorts {
  const act = actPorts(world, wrap);
  const publisher = wrap('publisher', {
    publish: async (message: NotificationMessage) => {
      world.sent.push(message);
      return { messageId: `m-${world.sent.length}` };
    },
  });
  const journal = createJournal({
    store: act.store,
    scope: testScope,
    clock: world.clock,
    hasher: testHasher,
    publisher,
    catalog: async () => ({ systems: [world.system] }),
  });
  return { observe: act, act, journal, declared: async () => ({ system: world.system, policy: world.policy }) };
}

export function unhealthySignal(world: World, instanceId = OLD): Signal & { readonly fingerprint: string } {
  return {
    kind: 'instance.target-unhealthy',
    subject: { type: 'instance', id: instanceId },
    severity: 'high',
    state: 'firing',
    at: world.clock.now(),
    source: 'perennial',
    rule: 'Target Unhealthy',
    scope: testScope,
    summary: `The target ${instanceId} is unhealthy`,
    details: {},
    fingerprint: testHasher.sha256(instanceId).slice(0, 32),
  };
}

/** v2 has been seen in service in the group. */
export async function verifyImage(world: World): Promise<void> {
  await createRecord(world.store, imageRecordType, keys.image(testScope, 'web', 'ami-v2'), {
    role: 'web',
    imageId: 'ami-v2',
    firstApprovedAt: START,
    isApproved: true,
    isRevoked: false,
    verifiedGroups: [{ groupId: 'shop-web/web', at: START, instanceId: 'i-peer1' }],
  });
}

/** An incident and an admitted remediation for the failing instance. */
export async function admitOld(world: World, instanceId = OLD, wrap: Wrap = plain): Promise<Admission> {
  const signal = unhealthySignal(world, instanceId);
  const store = wrap<RecordStore>('store', world.store);
  const { incident } = await recordFiring(
    { store, scope: testScope, clock: world.clock, hasher: testHasher },
    { signal, fingerprint: signal.fingerprint, place: `shop-web/${OLD}`, system: world.system, wasInInventory: true },
  );
  return admit(
    {
      store,
      scope: testScope,
      clock: world.clock,
      hasher: testHasher,
      executions: wrap('executions', { start: async ({ remediationId }) => void world.started.push(remediationId) }),
      pageTimer: wrap('pageTimer', { arm: async (remediationId, at) => void world.armed.push({ remediationId, at }) }),
    },
    {
      system: world.system,
      policy: world.policy,
      incidentId: incident.id,
      slot: { id: `shop-web/${OLD}`, groupId: 'shop-web/web', instanceId },
      trigger: { kind: signal.kind, rule: signal.rule, fingerprint: signal.fingerprint, at: signal.at, summary: signal.summary },
      groupMembers: 3,
      systemsInCatalog: 2,
    },
  );
}

const MAX_STEPS = 400;

/** Plays the state machine: one step, its wait, the next, until the end. `ports` may differ per step (crashes). */
export async function play(
  world: World,
  remediationId: string,
  portsOfStep: (step: number) => DriverPorts = () => driverPorts(world),
  between: () => Promise<void> = async () => undefined,
): Promise<DriverAnswer> {
  let role: 'observe' | 'act' = 'observe';
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const answer = await stepWithRetries(world, remediationId, role, () => portsOfStep(step));
    if (answer.next === 'end') return answer;
    world.clock.advance(Math.max(0.01, answer.waitSeconds));
    await between();
    role = answer.next;
  }
  throw new Error(`The remediation did not end within ${MAX_STEPS} steps`);
}

/** The state machine's retry: a step that throws is called again, at last with `giveUp`. */
async function stepWithRetries(world: World, remediationId: string, role: 'observe' | 'act', ports: () => DriverPorts): Promise<DriverAnswer> {
  let giveUp: GiveUp | undefined;
  for (let attempt = 0; attempt < 6; attempt += 1) {
    try {
      return await advance(ports(), remediationId, giveUp === undefined ? role : 'observe', giveUp);
    } catch (error) {
      world.clock.advance(2);
      if (attempt === 4) giveUp = { error: 'States.TaskFailed', cause: String(error) };
    }
  }
  throw new Error('The step kept failing, also when it was given up');
}

export async function readRemediation(world: World, remediationId: string): Promise<Remediation> {
  const found = await readRecord(world.store, remediationType, keys.remediation(testScope, remediationId));
  if (found === undefined) throw new Error(`no remediation ${remediationId}`);
  return found.body;
}

export async function readIncident(world: World, incidentId: string): Promise<Incident> {
  const found = await readRecord(world.store, incidentType, keys.incident(testScope, incidentId));
  if (found === undefined) throw new Error(`no incident ${incidentId}`);
  return found.body;
}

/** Admits and expects a start. */
export async function startOld(world: World): Promise<string> {
  const admission = await admitOld(world);
  if (admission.kind !== 'started') throw new Error(`not started: ${JSON.stringify(admission)}`);
  return admission.remediation.id;
}
