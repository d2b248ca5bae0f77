import { addSeconds, secondsBetween, type Timestamp } from '../../environment/time.ts';
import { addTimelineEvent } from '../../incidents/incidents.ts';
import { tagKeys } from '../../inventory/records.ts';
import { keys } from '../../records/keys.ts';
import { readRecord } from '../../records/record-type.ts';
import { maskOf, maskPersonalData } from '../../signals/mask.ts';
import type { InstanceFacts } from '../ports.ts';
import type { ActPhase, ActPorts, ObservePorts, PhaseContext, PhaseResult } from '../phase.ts';
import { isLaunch, launchedIds } from '../paths/launch-calls.ts';
import { type Remediation, remediationType } from '../record.ts';
import { storedCapture } from './capture.ts';
import { describeTargets } from './targets.ts';

/** Tags by which schedulers and backup plans would start or copy a quarantined instance; they move into the record. */
export const foreignAutomationTags = ['Schedule', 'schedule', 'backup', 'Backup', 'aws-backup', 'dlm'] as const;

const MAX_EVIDENCE_CHARACTERS = 4000;

const isEnded = ({ state }: InstanceFacts): boolean => state === 'terminated' || state === 'shutting-down';

/** Seen to be stopped or ended. EC2 shows an ended instance for a while: one that is not listed just now is a read that lags, not an end. */
const isDown = (instance: InstanceFacts | undefined): boolean => instance !== undefined && (instance.state === 'stopped' || isEnded(instance));

const seenState = (instance: InstanceFacts | undefined): string => instance?.state ?? 'not listed just now';

/**
 * A first look that does not list an instance may be a read that lags, also where a crash has hidden that it was just told to stop; a second
 * one in a row is its end (https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html).
 *
 * @returns the wait for the second look; `undefined` when all are there, or this was it
 */
function lookAgain({ session, policy }: PhaseContext<ActPorts>, unlisted: readonly string[]): PhaseResult | undefined {
  if (unlisted.length === 0 || session.record.memory['unlisted'] === unlisted.join(',')) return undefined;
  const reason = `${unlisted.join(', ')} ${unlisted.length === 1 ? 'is' : 'are'} not listed just now`;
  return { kind: 'wait', seconds: policy.spec.statusPollSeconds, reason, memory: { unlisted: unlisted.join(',') } };
}

/** The wait of a look that has seen its instance: one that does not would be the first in a row again. */
function listedWait({ session, policy }: PhaseContext<ActPorts>, reason: string): PhaseResult {
  const wait: PhaseResult = { kind: 'wait', seconds: policy.spec.statusPollSeconds, reason };
  return session.record.memory['unlisted'] === undefined ? wait : { ...wait, memory: {} };
}

/** The instance; `undefined` when it has ended or EC2 does not know it any more. */
async function readLeft({ instances }: ActPorts, instanceId: string): Promise<InstanceFacts | undefined> {
  const instance = await instances.read(instanceId);
  return instance === undefined || isEnded(instance) ? undefined : instance;
}

/** Evidence first: nothing is done to an instance before what it said last is kept with the incident. */
async function keepEvidence({ ports, session, system }: PhaseContext<ActPorts>, instanceId: string): Promise<readonly string[]> {
  const { record } = session;
  const evidence = await ports.evidence.collect(instanceId, ports.clock.now());
  const absent = evidence.absent.length === 0 ? '' : ` Not to be had: ${evidence.absent.join(', ')}.`;
  const tail = maskOf(system)(maskPersonalData(evidence.consoleOutput ?? '')).slice(-MAX_EVIDENCE_CHARACTERS);
  await addTimelineEvent(ports, record.incidentId, {
    at: evidence.collectedAt,
    eventId: `${record.id}:evidence:${instanceId}`,
    kind: 'evidence',
    text: `Console output of ${instanceId}.${absent}${tail === '' ? '' : `\n${tail}`}`,
  });
  return evidence.absent;
}

/** The evidence phase has asked the old instance already; records of before it, and other instances, are asked here. */
function hasEvidence({ calls, phases, oldInstanceId }: Remediation, instanceId: string): boolean {
  if (calls[`mark:${instanceId}`]?.outcomeAt !== undefined) return true;
  return instanceId === oldInstanceId && phases.some(({ name, outcome }) => name === 'evidence' && outcome === 'done');
}

function quarantineTags({ ports, session, policy }: PhaseContext<ActPorts>): Readonly<Record<string, string>> {
  // What a drill leaves is evidence of nothing: the reaper may have it at once.
  const until = addSeconds(ports.clock.now(), session.record.isDrill ? 0 : policy.spec.quarantineHours * 3600);
  return { [tagKeys.quarantine]: session.record.incidentId, [tagKeys.quarantineUntil]: until, [tagKeys.remediation]: session.record.id };
}

/** The remediation in whose quarantine an instance is, by its tags; `undefined` where it is in none, or that record is gone. */
export async function quarantinedBy({ store, scope }: ObservePorts, { tags }: InstanceFacts): Promise<Remediation | undefined> {
  const id = tags[tagKeys.quarantine] === undefined ? undefined : tags[tagKeys.remediation];
  return id === undefined ? undefined : (await readRecord(store, remediationType, keys.remediation(scope, id)))?.body;
}

type FormerState = (call: 'mark' | 'groups' | 'drop-profile') => Readonly<Record<string, string>> | undefined;

/**
 * One that is still in the quarantine of another remediation, which was left half-done, had its security groups, profile and tags before
 * that: they stand in its record only. Noted before the mark, which takes the name of the other off the instance.
 */
async function formerState({ ports, session }: PhaseContext<ActPorts>, instance: InstanceFacts): Promise<FormerState> {
  const { instanceId, tags } = instance;
  const note = `still-quarantined:${instanceId}`;
  const tagged = tags[tagKeys.quarantine] === undefined ? undefined : tags[tagKeys.remediation];
  if (tagged !== undefined && tagged !== session.record.id) await session.mutate(note, async () => ({ remediationId: tagged }));
  const id = session.record.calls[note]?.result?.['remediationId'];
  const former = id === undefined ? undefined : await readRecord(ports.store, remediationType, keys.remediation(ports.scope, id));
  return (call) => former?.body.calls[`${call}:${instanceId}`]?.result;
}

/** Of the interfaces that it has now, the groups from before the first isolation. */
async function groupsBefore({ quarantine: keeper }: ActPorts, instanceId: string, former: FormerState): Promise<Record<string, string>> {
  const now = textsOf(await keeper.interfaceGroups(instanceId));
  const before = former('groups') ?? {};
  return Object.fromEntries(Object.entries(now).map(([id, groups]) => [id, before[id] ?? groups]));
}

/**
 * The order, and why a crash anywhere is safe: the tag first, so that everybody sees what the instance is; isolated before it is
 * stopped, so that a stuck stop no longer matters to others; the profile last, because evidence tools need it.
 */
async function quarantineInstance(context: PhaseContext<ActPorts>, instance: InstanceFacts): Promise<PhaseResult> {
  const { ports, session } = context;
  const { instanceId, vpcId } = instance;
  const missing = hasEvidence(session.record, instanceId) ? [] : await keepEvidence(context, instanceId);
  if (missing.length > 0 && context.policy.spec.evidenceRequired) {
    return { kind: 'failed', reason: `The policy requires evidence before ${instanceId} is touched; not to be had: ${missing.join(', ')}` };
  }
  const former = await formerState(context, instance);
  await session.mutate(`mark:${instanceId}`, async () => ({
    ...former('mark'),
    ...(await ports.quarantine.mark(instanceId, quarantineTags(context), foreignAutomationTags)).removedTags,
  }));
  // Before the isolation begins: a repetition of it would find its own group only.
  await session.mutate(`groups:${instanceId}`, () => groupsBefore(ports, instanceId, former));
  await session.mutate(`isolate:${instanceId}`, () => ports.quarantine.isolate(instanceId, vpcId).then(({ securityGroupId }) => ({ securityGroupId })));
  // A root on instance store cannot be stopped, only ended: it is left running, alone, until the reaper ends it.
  const isStoppable = instance.rootDeviceType === 'ebs';
  if (isStoppable) await session.mutate(`stop:${instanceId}`, () => ports.power.stop(instanceId).then(() => undefined));
  const after = await ports.instances.read(instanceId);
  if (isStoppable && !isDown(after)) return listedWait(context, `${instanceId} is ${seenState(after)}`);
  await session.mutate(`drop-profile:${instanceId}`, () =>
    ports.quarantine
      .dropProfile(instanceId)
      .then(({ instanceProfileArn }) => (instanceProfileArn === undefined ? former('drop-profile') : { instanceProfileArn })),
  );
  const state = isStoppable ? 'stopped' : 'left running because its root is on instance store,';
  const stay = session.record.isDrill ? 'may be ended at once: it was part of a drill' : `kept for ${context.policy.spec.quarantineHours} h`;
  return { kind: 'done', reason: `${instanceId} is isolated, ${state} and ${stay}` };
}

const textsOf = (groups: Readonly<Record<string, readonly string[]>>): Record<string, string> =>
  Object.fromEntries(Object.entries(groups).map(([id, ids]) => [id, ids.join(',')]));

/** So many looks in a row must say that the replacement does not serve. */
const BAD_LOOKS = 2;

/**
 * The replacement may have died while the old instance drained: right before the old one is put away it must be seen to serve. Once that has
 * begun it is finished, and the verification speaks for the replacement.
 */
async function doubt(context: PhaseContext<ActPorts>): Promise<PhaseResult | undefined> {
  const { record } = context.session;
  const { newInstanceId, oldInstanceId, path = 'replace', failure, calls } = record;
  const hasBegun = calls[`mark:${oldInstanceId}`] !== undefined;
  if (path !== 'replace' || failure !== undefined || newInstanceId === undefined || hasBegun) return undefined;
  const seen = await notServing(context, newInstanceId);
  if (seen === undefined) return undefined;
  const looks = Number(record.memory['badLooks'] ?? 0) + 1;
  const reason = `The replacement ${newInstanceId} does not serve any more (${seen})`;
  if (looks < BAD_LOOKS) return { kind: 'wait', seconds: context.policy.spec.healthyReadIntervalSeconds, reason, memory: { badLooks: looks } };
  return { kind: 'failed', reason: `${reason}; ${oldInstanceId} is not put away`, undo: ['restore-old'] };
}

/** How it shows that an instance does not serve; `undefined` when it does. */
async function notServing(context: PhaseContext<ActPorts>, instanceId: string): Promise<string | undefined> {
  const { instances, targets: reader } = context.ports;
  const { targets } = await storedCapture(context);
  const instance = await instances.read(instanceId);
  if (instance?.state !== 'running') return `it is ${instance?.state ?? 'not listed'}`;
  const health = targets.length === 0 ? [] : await reader.health(instanceId, targets);
  return health.every(({ state }) => state === 'healthy') ? undefined : describeTargets(health);
}

/** Puts the old instance away as evidence. */
export const quarantine: ActPhase = async (context) => {
  const { oldInstanceId } = context.session.record;
  const doubted = await doubt(context);
  if (doubted !== undefined) return doubted;
  const instance = await context.ports.instances.read(oldInstanceId);
  const again = lookAgain(context, instance === undefined ? [oldInstanceId] : []);
  if (again !== undefined) return again;
  if (instance === undefined || isEnded(instance)) return { kind: 'done', reason: `${oldInstanceId} is gone; there is nothing to keep` };
  return quarantineInstance(context, instance);
};

/** Puts every instance away that this remediation launched, also one whose launch nobody heard of. */
export const quarantineNew: ActPhase = async (context) => {
  const { ports, session, policy } = context;
  const found = await replacementsOf(ports, session.record);
  const lookingSeconds = secondsToLook(context, found);
  if (lookingSeconds > 0)
    return {
      kind: 'wait',
      seconds: Math.min(policy.spec.statusPollSeconds, lookingSeconds),
      reason: `Nobody heard what the launch gave, and nothing carries its tag yet; looked for ${Math.ceil(lookingSeconds)} s more`,
    };
  const again = lookAgain(context, unlistedOf(session.record, found));
  if (again !== undefined) return again;
  const ours = found.filter((instance) => !isEnded(instance));
  if (ours.length === 0) return { kind: 'done', reason: 'No replacement exists' };
  for (const instance of ours) {
    // One after the other: each write of intent and outcome goes to the same record.
    const result = await quarantineInstance(context, instance);
    if (result.kind !== 'done') return result;
  }
  return { kind: 'done', reason: `Quarantined ${ours.map((instance) => instance.instanceId).join(', ')}` };
};

/**
 * How long a launch whose answer was lost is looked for: EC2 shows what it has launched only after a while, mostly seconds
 * (https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html). What shows later still is found by the reaper.
 */
const UNHEARD_LAUNCH_SECONDS = 120;

/** What launches are known to have given, and is not there. */
function unlistedOf(record: Remediation, found: readonly InstanceFacts[]): readonly string[] {
  const known = new Set([...launchedIds(record), ...(record.newInstanceId === undefined ? [] : [record.newInstanceId])]);
  return [...known].filter((instanceId) => !found.some((instance) => instance.instanceId === instanceId)).toSorted();
}

/** Seconds for which an empty read is no proof yet: a launch was asked for, nobody heard the answer, and nothing unknown is there. */
function secondsToLook({ ports, session, policy }: PhaseContext<ActPorts>, found: readonly InstanceFacts[]): number {
  const launches = Object.entries(session.record.calls).flatMap(([name, call]) => (isLaunch(name) ? [call] : []));
  const asked: readonly Timestamp[] = launches.flatMap(({ intentAt, outcomeAt }) => (outcomeAt === undefined ? [intentAt] : []));
  const heard = new Set(launches.map(({ result }) => result?.['instanceId']));
  const last = asked.toSorted().at(-1);
  if (last === undefined || found.some(({ instanceId }) => !heard.has(instanceId))) return 0;
  // The phase must not run out of its own time by looking.
  const seconds = Math.min(UNHEARD_LAUNCH_SECONDS, policy.spec.stopDeadlineSeconds / 2);
  return Math.max(0, seconds - secondsBetween(last, ports.clock.now()));
}

/** What this remediation launched; of a way back the instance that it replaces, of a drill also its throw-away instance. */
async function replacementsOf(ports: ActPorts, { id, oldInstanceId, newInstanceId, revertOf, isDrill }: Remediation): Promise<readonly InstanceFacts[]> {
  if (revertOf !== undefined) {
    const current = newInstanceId === undefined ? undefined : await ports.instances.read(newInstanceId);
    return current === undefined ? [] : [current];
  }
  const launched = await ports.instances.findByTag(tagKeys.remediation, id);
  return launched.filter((instance) => isDrill || instance.instanceId !== oldInstanceId);
}

/** Stops the old instance of a `single` system and sees it stopped: never two running instances of its slot. */
export const fence: ActPhase = async (context) => {
  const { ports, session } = context;
  const { oldInstanceId } = session.record;
  const before = await ports.instances.read(oldInstanceId);
  const again = lookAgain(context, before === undefined ? [oldInstanceId] : []);
  if (again !== undefined) return again;
  if (before === undefined || isEnded(before)) return { kind: 'done', reason: `${oldInstanceId} is gone, which fences it` };
  await session.mutate('fence', () => ports.power.stop(oldInstanceId).then(() => undefined));
  const after = await ports.instances.read(oldInstanceId);
  const reason = `${oldInstanceId} is ${seenState(after)}`;
  return isDown(after) ? { kind: 'done', reason } : listedWait(context, reason);
};

/** Starts the fenced old instance again; it is all the slot has. */
export const startOld: ActPhase = async ({ ports, session }) => {
  const { oldInstanceId } = session.record;
  const before = await readLeft(ports, oldInstanceId);
  if (before === undefined) return { kind: 'failed', reason: `${oldInstanceId} is gone and cannot be started again` };
  if (before.state === 'stopping') return { kind: 'wait', seconds: 5, reason: `${oldInstanceId} is still stopping` };
  await session.mutate('start-old', () => ports.power.start(oldInstanceId).then(() => undefined));
  return { kind: 'done', reason: `Started ${oldInstanceId} again` };
};
