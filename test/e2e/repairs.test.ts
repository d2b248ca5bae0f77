import { setTimeout as delay } from 'node:timers/promises';
import {
  DeregisterImageCommand,
  DescribeAddressesCommand,
  DescribeSnapshotsCommand,
  DescribeVolumesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { DescribeTargetHealthCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import * as z from 'zod/mini';
import { createClients } from '../../sandbox/demo/clients.ts';
import { runNow, until } from '../../sandbox/demo/story.ts';
import { alarmNameOf, misledAlarms, SECURITY_GROUP, stormNames, stormSystems, storySystems, type TestSystem } from './catalog.ts';
import { type Belongings, createRepairsFleet, DATA_DEVICE, equip, failChecks, putInstanceAlarm, type RepairsFleet } from './repairs-fleet.ts';
import {
  type Delivered,
  type FleetCall,
  type Ground,
  launchedBy,
  markStatus,
  markTarget,
  markTargetGroup,
  phaseOf,
  prepareGround,
  readAlarm,
  readChangesOf,
  readDeliveries,
  readFleetCalls,
  readInstance,
  readInstances,
  readIsolation,
  readItems,
  type RemediationItem,
  remediationItem,
  repairOf,
  tagsOf,
  typed,
  untilQuiet,
  untilRecorded,
} from './world.ts';

/*
 * What operators fear, on real parts: one system for each story, all in one fleet. Stories that have nothing to do with each other run at
 * once, at most two failures in a zone, because a third would open the breaker of the zone; storms come last. Assertions read the emulators
 * with the plain SDK. Each story waits for conditions with a deadline.
 */

const local = inject('localAws');
const clients = createClients(local);

let ground: Ground;
let fleet: RepairsFleet;
let foreign: string;
let belongings: Belongings;
/** The machines of the last story are launched while the first stories run. */
let storm: Promise<void> | undefined;

const onlyOf = (system: string): string => fleet.of(system).instanceIds[0] ?? 'none';
const newIdOf = (repair: RemediationItem): string => repair.newInstanceId ?? 'none';
const poll = (): Promise<string> => runNow(clients, ground.outputs.ImpairedFunctionName);
const sweep = (): Promise<string> => runNow(clients, ground.outputs.SweepFunctionName);

const imageItem = z.object({ role: z.string(), verifiedGroups: z.array(z.object({ groupId: z.string() })) });

/** Two looks of the sweep make an image one that has been seen in service. */
async function learn(systems: readonly TestSystem[]): Promise<void> {
  const wanted = systems.filter(({ hasNoImage }) => hasNoImage !== true).map(({ name }) => name);
  await until('The verification of all images', 300, async () => {
    const verified = new Set((await readItems(ground, 'image', imageItem)).filter(({ verifiedGroups }) => verifiedGroups.length > 0).map(({ role }) => role));
    if (wanted.every((role) => verified.has(role))) return true;
    await sweep();
    return undefined;
  });
}

async function remediationsOf(...systems: readonly string[]): Promise<readonly RemediationItem[]> {
  return (await readItems(ground, 'remediation', remediationItem)).filter(({ system }) => systems.includes(system));
}

const notificationItem = z.object({ id: z.string(), step: z.string(), channels: z.array(z.string()), subject: z.string(), messageId: z.optional(z.string()) });
type Page = Pick<z.infer<typeof notificationItem>, 'id' | 'subject'>;
/** A mail is written down right after it was sent. */
const NOT_ON_RECORD = 'not on record';

/** Came as it is, or with others in one mail because too many came at once. */
function isDelivered({ messageId, subject }: z.infer<typeof notificationItem>, mails: readonly Delivered[]): boolean {
  return mails.some((mail) => mail.messageId === messageId || (mail.subject.includes('in one mail') && mail.text.includes(`  ${subject}`)));
}

/**
 * What was delivered, is meant for phones and wants somebody: the word that it is over is none. Phones get many pages of one minute as
 * one message, so that the record says what is meant for them.
 */
async function phonePages(): Promise<readonly Page[]> {
  const [mails, told] = [await readDeliveries(ground), await readItems(ground, 'notification', notificationItem)];
  const known = new Set(told.map(({ messageId }) => messageId));
  const recorded = told.filter((item) => item.channels.includes('sms') && item.step !== 'recovered' && isDelivered(item, mails));
  const others = mails.filter(({ messageId, channels }) => !known.has(messageId) && channels.includes('sms'));
  return [...recorded.map(({ id, subject }) => ({ id, subject })), ...others.map(({ subject }) => ({ id: NOT_ON_RECORD, subject }))];
}

/** A repair that takes longer than those before it reminds people of itself (docs/adr/0006); on a busy machine one may. */
const isReminder = ({ id }: Page): boolean => id.endsWith(':page-anyway');

/** `<notification>: <subject>` of each page about a system, reminders apart. */
async function pagesOf(system: string): Promise<readonly string[]> {
  const pages = (await phonePages()).filter((page) => page.subject.includes(` ${system}:`) && !isReminder(page));
  return pages.map(({ id, subject }) => `${id}: ${subject}`);
}

/** What is put together with others comes with the desk's next minute. */
const PAGE_LIMIT_SECONDS = 180;

const untilPaged = (system: string): Promise<readonly string[]> =>
  until(`A page about ${system}`, PAGE_LIMIT_SECONDS, async () => {
    const found = await pagesOf(system);
    return found.length > 0 && !found.some((page) => page.startsWith(NOT_ON_RECORD)) ? found : undefined;
  });

/** `<group> <instance>:<port>` → state. */
async function targetsOf(system: string): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const [name, TargetGroupArn] of Object.entries(fleet.of(system).targetGroupArns)) {
    const answer = await clients.elb.send(new DescribeTargetHealthCommand({ TargetGroupArn }));
    for (const { Target, TargetHealth } of answer.TargetHealthDescriptions ?? []) found[`${name} ${Target?.Id}:${Target?.Port}`] = TargetHealth?.State ?? '';
  }
  return found;
}

/** Waits out the draining of targets that have left. */
async function expectTargets(system: string, wanted: Readonly<Record<string, string>>): Promise<void> {
  const targets = await until(`The end of all draining of ${system}`, 60, async () => {
    const found = await targetsOf(system);
    return Object.values(found).includes('draining') ? undefined : found;
  });
  expect(targets).toEqual(wanted);
}

const names = ({ parameters }: FleetCall, id: string): boolean => Object.values(parameters).includes(id);
const isLaunch = ({ action, statusCode, parameters }: FleetCall): boolean => action === 'RunInstances' && statusCode === 200 && parameters['DryRun'] !== 'true';

/** It serves as it did, and nothing of it was ever asked to change since the fleet was built. */
async function expectUntouched(instanceId: string): Promise<void> {
  const instance = await readInstance(ground, instanceId);
  expect(instance.State?.Name).toBe('running');
  expect(Object.keys(tagsOf(instance)).filter((key) => /^perennial:(?:quarantine|remediation)/.test(key))).toEqual([]);
  const changes = await readChangesOf(ground, [instanceId]);
  expect(changes.map(({ action }) => action)).toEqual([]);
}

/** The old one is stopped before the new one is launched, and both were asked once. */
async function expectFenced({ id, oldInstanceId }: RemediationItem): Promise<void> {
  const calls = await readFleetCalls(ground);
  const stops = calls.flatMap((call, index) => (call.action === 'StopInstances' && names(call, oldInstanceId) ? [index] : []));
  const launches = calls.flatMap((call, index) => (isLaunch(call) && names(call, id) ? [index] : []));
  expect(launches).toHaveLength(1);
  expect(stops[0]).toBeLessThan(launches[0] ?? 0);
}

async function expectReplaced(repair: RemediationItem): Promise<void> {
  expect(repair.state, repair.reason).toBe('succeeded');
  expect(await launchedBy(ground, repair)).toEqual([repair.newInstanceId]);
  const [replacement, old] = [await readInstance(ground, newIdOf(repair)), await readInstance(ground, repair.oldInstanceId)];
  expect([replacement.State?.Name, replacement.ImageId]).toEqual(['running', fleet.of(repair.system).imageId]);
  expect(old.State?.Name).toBe('stopped');
  expect(tagsOf(old)['perennial:quarantine']).toBe(repair.incidentId);
  expect(await readIsolation(ground, old)).toEqual({ groups: 1, rules: 0 });
}

/** Not one change of an instance was asked for, and its targets are as they were. */
async function expectLeftAlone(system: string, targets: Readonly<Record<string, string>>): Promise<void> {
  for (const instanceId of fleet.of(system).instanceIds) await expectUntouched(instanceId);
  await expectTargets(system, targets);
}

const healthyTargetsOf = (system: string): Readonly<Record<string, string>> =>
  Object.fromEntries(fleet.of(system).instanceIds.map((instanceId) => [`${system} ${instanceId}:80`, 'healthy']));

/** Asks for a replacement by hand, as a person would. */
const replaceByHand = (system: string): Promise<void> => order('replace', onlyOf(system), '--reason', 'a test asks for it', '--yes');

/** A command that must be obeyed. */
async function order(...words: readonly string[]): Promise<void> {
  const { exitCode, text } = await typed(words);
  expect(exitCode, text).toBe(0);
}

beforeAll(async () => {
  const building = createRepairsFleet(clients, local.region).then(async (built) => {
    await built.add(storySystems);
    return built;
  });
  [fleet, ground] = await Promise.all([building, prepareGround('e2e-repairs')]);
  foreign = await fleet.addForeign();
  belongings = await equip(clients, onlyOf('ledger'));
  const alarmed = [[alarmNameOf('ledger'), onlyOf('ledger')], ...misledAlarms.map((name, index) => [name, fleet.of('misled').instanceIds[index]])];
  for (const [alarmName = '', instanceId = ''] of alarmed) await putInstanceAlarm(clients, alarmName, instanceId, ground.outputs.AlarmsTopicArn);
  await sweep();
  await clients.ec2.send(new TerminateInstancesCommand({ InstanceIds: [onlyOf('ended')] }));
  await learn(storySystems.filter(({ name }) => name !== 'ended'));
});

/** Nothing of these stories is in trouble any more, for whoever comes next on this local AWS. */
async function calm(): Promise<void> {
  for (const name of ['paced', 'misread']) await markTargetGroup(ground, name, 'healthy');
  const targets = ['halted', 'paced'].flatMap((name) => fleet.of(name).instanceIds);
  await Promise.all(targets.map((instanceId) => markTarget(ground, instanceId, 'healthy')));
  await Promise.all(['baker', ...stormNames].map((name) => markStatus(ground, onlyOf(name), 'ok')));
  // Twice: a run of the schedule that has looked before this may overtake the first, which then says nothing.
  await poll();
  await poll();
  // Who resumes before the last word was heard would have the repairs tried again that are not needed any more.
  await untilQuiet(ground);
  await order('resume');
}

afterAll(async () => {
  if (storm === undefined) return;
  await storm;
  await calm();
});

/** How long a frozen repair is watched doing nothing. */
const FROZEN_MILLISECONDS = 5000;

describe('stories that run at once', () => {
  let returned: Promise<RemediationItem>;

  beforeAll(async () => {
    await clients.ec2.send(new DeregisterImageCommand({ ImageId: fleet.of('baker').imageId }));
    await failChecks(clients, onlyOf('ledger'));
    for (const name of ['clerk', 'baker', 'member', 'approved']) await markStatus(ground, onlyOf(name), 'impaired');
    await markTarget(ground, onlyOf('halted'), 'unhealthy');
    await Promise.all([
      poll(),
      ...['asked', 'frozen', 'returned', 'aborted'].map(replaceByHand),
      order('drill', 'drilled', '--reason', 'a test asks for it', '--yes'),
    ]);
    returned = repairOf(ground, onlyOf('returned'));
    returned.catch(() => undefined);
    storm = fleet.add(stormSystems).then(() => fleet.close());
    storm.catch(() => undefined);
  });

  it.concurrent('a machine with a data volume, an Elastic IP, two ports and an alarm is replaced with all of them (S0-17, S0-27)', async () => {
    const repair = await repairOf(ground, onlyOf('ledger'));
    await expectReplaced(repair);
    await expectFenced(repair);
    const newId = newIdOf(repair);
    const { Volumes } = await clients.ec2.send(new DescribeVolumesCommand({ VolumeIds: [belongings.volumeId] }));
    expect(Volumes?.[0]?.Attachments).toMatchObject([{ InstanceId: newId, Device: DATA_DEVICE, State: 'attached' }]);
    const { Snapshots } = await clients.ec2.send(new DescribeSnapshotsCommand({ Filters: [{ Name: 'volume-id', Values: [belongings.volumeId] }] }));
    expect(Snapshots).toHaveLength(1);
    const { Addresses } = await clients.ec2.send(new DescribeAddressesCommand({ AllocationIds: [belongings.allocationId] }));
    const primary = (await readInstance(ground, newId)).NetworkInterfaces?.find(({ Attachment }) => Attachment?.DeviceIndex === 0);
    expect(Addresses).toMatchObject([{ NetworkInterfaceId: primary?.NetworkInterfaceId, PublicIp: belongings.publicIp }]);
    await expectTargets('ledger', { [`ledger ${newId}:8080`]: 'healthy', [`ledger-8443 ${newId}:8443`]: 'healthy' });
    const alarm = alarmNameOf('ledger');
    expect((await readAlarm(ground, alarm)).alarm.ActionsEnabled).toBe(false);
    const clone = await readAlarm(ground, `${alarm}--${newId}`);
    expect(clone.alarm).toMatchObject({ ActionsEnabled: true, Dimensions: [{ Name: 'InstanceId', Value: newId }] });
    expect(repair.differences).not.toEqual([]);
  });

  it.concurrent('a single machine is stopped before its replacement is launched (S0-14)', async () => {
    const repair = await repairOf(ground, onlyOf('clerk'));
    await expectReplaced(repair);
    await expectFenced(repair);
  });

  it.concurrent('a member of an Auto Scaling group is replaced by its group, which is told once', async () => {
    const victim = onlyOf('member');
    const repair = await repairOf(ground, victim);
    expect(repair.state, repair.reason).toBe('succeeded');
    const calls = await readFleetCalls(ground);
    const marked = calls.filter((call) => call.action === 'SetInstanceHealth' && names(call, victim));
    expect(marked).toHaveLength(1);
    expect(marked[0]?.parameters).toMatchObject({ HealthStatus: 'Unhealthy' });
    const replacement = await readInstance(ground, newIdOf(repair));
    expect(tagsOf(replacement)).toMatchObject({ 'aws:autoscaling:groupName': 'member', 'perennial:system': 'member' });
    expect(fleet.of('member').instanceIds).not.toContain(newIdOf(repair));
    expect(calls.filter((call) => isLaunch(call) && names(call, repair.id))).toEqual([]);
  });

  it.concurrent('a bad golden image is found before anything is touched, and people are paged once', async () => {
    const repair = await repairOf(ground, onlyOf('baker'));
    expect(repair.state).toBe('stood-down');
    expect(repair.reason).toContain(`the image ${fleet.of('baker').imageId} does not exist`);
    expect(repair.newInstanceId).toBeUndefined();
    await expectUntouched(onlyOf('baker'));
    expect(await untilPaged('baker')).toHaveLength(1);
  });

  it.concurrent('a pause in mid-flight undoes what was begun', async () => {
    const victim = onlyOf('halted');
    await phaseOf(ground, victim, 'await-healthy');
    await order('pause', 'halted', '--reason', 'a person wants to look');
    const repair = await repairOf(ground, victim);
    expect(repair.state).toBe('failed');
    expect(repair.reason).toContain('a person wants to look');
    expect((await readInstance(ground, newIdOf(repair))).State?.Name).toBe('stopped');
    expect((await readInstance(ground, victim)).State?.Name).toBe('running');
    const [, peer = ''] = fleet.of('halted').instanceIds;
    await expectTargets('halted', { [`halted ${victim}:80`]: 'unhealthy', [`halted ${peer}:80`]: 'healthy' });
  });

  it.concurrent('an abort in mid-flight undoes what was begun, and the old instance has served all the time', async () => {
    const victim = onlyOf('aborted');
    const { id } = await phaseOf(ground, victim, 'await-healthy');
    await order('abort', id, '--reason', 'it was the wrong one');
    const repair = await repairOf(ground, victim);
    expect(repair.state).toBe('failed');
    expect(repair.reason).toContain('it was the wrong one');
    expect(await launchedBy(ground, repair)).toEqual([repair.newInstanceId]);
    expect((await readInstance(ground, newIdOf(repair))).State?.Name).toBe('stopped');
    await expectLeftAlone('aborted', healthyTargetsOf('aborted'));
  });

  it.concurrent('an approval that comes in time lets the repair go on to its end', async () => {
    const victim = onlyOf('approved');
    const { id } = await phaseOf(ground, victim, 'await-approval');
    expect(await untilPaged('approved')).toHaveLength(1);
    await expectUntouched(victim);
    await order('approve', id);
    const repair = await repairOf(ground, victim);
    expect(repair.id).toBe(id);
    await expectReplaced(repair);
    await expectFenced(repair);
  });

  it.concurrent('a drill goes the whole way on a copy, and no instance in service is touched (S3-19)', async () => {
    const drill = await untilRecorded(ground, 'The end of the drill', async () => (await remediationsOf('drilled')).find(({ state }) => state !== 'running'));
    expect(drill.state, drill.reason).toBe('succeeded');
    expect(drill.phases.map(({ name }) => name)).toEqual(expect.arrayContaining(['launch-throwaway', 'launch', 'quarantine', 'verify', 'quarantine-new']));
    const copies = await readInstances(ground, { 'tag:perennial:drill': drill.id });
    expect(new Set(copies.map(({ InstanceId }) => InstanceId))).toEqual(new Set([drill.oldInstanceId, newIdOf(drill)]));
    expect(copies.map((copy) => [copy.State?.Name, tagsOf(copy)['perennial:quarantine']])).toEqual(copies.map(() => ['stopped', drill.incidentId]));
    await expectLeftAlone('drilled', healthyTargetsOf('drilled'));
    expect(await pagesOf('drilled')).toEqual([]);
  });

  it.concurrent('a freeze in mid-flight stops everything where it is', async () => {
    const victim = onlyOf('frozen');
    await phaseOf(ground, victim, 'await-healthy');
    await order('pause', 'frozen', '--freeze', '--reason', 'nobody moves');
    const held = await untilRecorded(ground, 'The frozen record', async () => (await remediationsOf('frozen')).find(({ frozen }) => frozen !== undefined));
    expect(held.reason).toContain('nobody moves');
    const [before, targets] = [await readChangesOf(ground, [victim, newIdOf(held)]), await targetsOf('frozen')];
    expect(Object.keys(targets)).toHaveLength(3);
    const end = performance.now() + FROZEN_MILLISECONDS;
    while (performance.now() < end) {
      await delay(500);
      expect(await readChangesOf(ground, [victim, newIdOf(held)])).toEqual(before);
      expect((await remediationsOf('frozen')).map(({ state, phase }) => [state, phase])).toEqual([['running', held.phase]]);
    }
    await order('resume', 'frozen');
  });

  it.concurrent('a replacement is taken back: the old instance serves again, as it was', async () => {
    const repair = await returned;
    await expectReplaced(repair);
    await order('revert', repair.id, '--yes', '--reason', 'the old one was fine');
    const back = await untilRecorded(ground, 'The end of the way back', async () =>
      (await remediationsOf('returned')).find(({ revertOf, state }) => revertOf === repair.id && state !== 'running'),
    );
    expect(back.state, back.reason).toBe('succeeded');
    const [old, replacement] = [await readInstance(ground, repair.oldInstanceId), await readInstance(ground, newIdOf(repair))];
    expect([old.State?.Name, replacement.State?.Name]).toEqual(['running', 'stopped']);
    expect(old.SecurityGroups?.map(({ GroupName }) => GroupName)).toEqual([SECURITY_GROUP]);
    expect(Object.keys(tagsOf(old)).filter((key) => key.startsWith('perennial:quarantine'))).toEqual([]);
    expect(tagsOf(replacement)['perennial:quarantine']).toBeDefined();
    await expectTargets('returned', healthyTargetsOf('returned'));
  });

  const badInput: readonly { readonly what: string; readonly instanceId: () => string; readonly planExit: number; readonly words: RegExp }[] = [
    { what: 'an instance that nobody has', instanceId: () => 'i-00000000000000000', planExit: 1, words: /is not in the inventory/ },
    { what: 'an instance of another team', instanceId: () => foreign, planExit: 2, words: /belongs to no system/ },
    { what: 'a system whose role has no approved image', instanceId: () => onlyOf('imageless'), planExit: 0, words: /has no approved image/ },
  ];
  it.concurrent.for(badInput)('$what gets a clear answer and is not touched', async ({ instanceId, planExit, words }, { expect: check }) => {
    const plan = await typed(['plan', instanceId()]);
    check(plan.exitCode, plan.text).toBe(planExit);
    check(plan.text).toMatch(words);
    const replace = await typed(['replace', instanceId(), '--yes', '--reason', 'a test asks for it']);
    check(replace.exitCode, replace.text).toBe(1);
    check(replace.text).toMatch(words);
    check(await readChangesOf(ground, [instanceId()])).toEqual([]);
  });

  it.concurrent('an instance that was terminated cannot be planned for, or replaced', async () => {
    const [plan, replace] = [await typed(['plan', onlyOf('ended')]), await typed(['replace', onlyOf('ended'), '--yes', '--reason', 'a test asks for it'])];
    expect(plan.exitCode).toBe(2);
    expect(plan.text).toMatch(/is gone; there is nothing to plan/);
    expect(replace.exitCode).toBe(1);
    expect(replace.text).toMatch(/is gone.*Nothing was touched/s);
    expect(await remediationsOf('ended', 'imageless')).toEqual([]);
  });
});

/** Three are replaced, the probe that a wrong check condemns has failed, and every wrong alarm has its answer. */
async function areGroupsOver(): Promise<boolean> {
  const all = await remediationsOf('paced', 'misread', 'misled');
  const of = (system: string): readonly RemediationItem[] => all.filter((repair) => repair.system === system);
  const answered = new Set(of('misled').flatMap(({ state, oldInstanceId }) => (state === 'running' ? [] : [oldInstanceId])));
  return of('paced').filter(({ state }) => state === 'succeeded').length === 3 && of('misread').some(({ state }) => state === 'failed') && answered.size === 5;
}

describe('most of a group at once', () => {
  beforeAll(async () => {
    await storm;
    await calm();
    for (const instanceId of fleet.of('paced').instanceIds.slice(0, 3)) await markTarget(ground, instanceId, 'unhealthy');
    await markTargetGroup(ground, 'misread', 'unhealthy');
    await Promise.all([poll(), ...fleet.of('misled').instanceIds.map((instanceId) => failChecks(clients, instanceId))]);
    await untilRecorded(ground, 'The end of both storms', async (): Promise<true | undefined> => {
      await sweep();
      return (await areGroupsOver()) ? true : undefined;
    });
  });

  it('60 % that are really unhealthy are repaired one after the other, each after the last was verified', async () => {
    const repairs = (await remediationsOf('paced')).filter(({ state }) => state === 'succeeded');
    for (const repair of repairs) await expectReplaced(repair);
    const calls = await readFleetCalls(ground);
    const steps = repairs
      .map(({ id, oldInstanceId }) => ({
        launch: calls.findIndex((call) => isLaunch(call) && names(call, id)),
        stop: calls.findIndex((call) => call.action === 'StopInstances' && names(call, oldInstanceId)),
      }))
      .toSorted((left, right) => left.launch - right.launch);
    const sequence = steps.flatMap(({ launch, stop }) => [launch, stop]);
    expect(sequence).toEqual(sequence.toSorted((left, right) => left - right));
    expect(Object.values(await targetsOf('paced')).filter((state) => state === 'healthy')).toHaveLength(5);
  });

  it('60 % that are really unhealthy page once', async () => {
    expect(await untilPaged('paced')).toEqual([expect.stringMatching(/^breaker:paced\/paced:/)]);
  });

  it('a health check that is wrong for all costs one failed probe, and then nothing', async () => {
    await sweep();
    await poll();
    const ids = (await remediationsOf('misread')).map(({ id }) => id);
    const launches = (await readFleetCalls(ground)).filter((call) => isLaunch(call) && ids.some((id) => names(call, id)));
    expect(launches).toHaveLength(1);
    for (const instanceId of fleet.of('misread').instanceIds) expect((await readInstance(ground, instanceId)).State?.Name).toBe('running');
    const targets = await targetsOf('misread');
    for (const instanceId of fleet.of('misread').instanceIds) expect(targets[`misread ${instanceId}:80`]).toBe('unhealthy');
  });

  it('alarms that are wrong for all cost nothing: their targets say that they serve, so no probe is launched', async () => {
    // An alarm that still rings is taken up again after its veto: that one, too, ends in a veto.
    const repairs = await untilRecorded(ground, 'The answer to every wrong alarm', async () => {
      const all = await remediationsOf('misled');
      return all.every(({ state }) => state !== 'running') ? all : undefined;
    });
    expect(repairs.filter(({ state }) => state !== 'vetoed')).toEqual([]);
    expect(repairs.some(({ reason }) => reason.includes('its targets are healthy: an incident, not a repair'))).toBe(true);
    await expectLeftAlone('misled', healthyTargetsOf('misled'));
  });
});

describe('stories that took their time', () => {
  it('a frozen repair goes on from where it stood once it is resumed', async () => {
    const repair = await repairOf(ground, onlyOf('frozen'));
    await expectReplaced(repair);
    expect(await remediationsOf('frozen')).toHaveLength(1);
  });

  it('an approval that comes too late is told so, and nothing is touched', async () => {
    const asked = await untilRecorded(ground, 'The end of the request', async () => (await remediationsOf('asked')).find(({ state }) => state !== 'running'));
    expect(asked.phases.map(({ name }) => name)).toContain('await-approval');
    const answer = await typed(['approve', asked.id]);
    expect(answer.exitCode).toBe(1);
    expect(answer.text).toMatch(/too late/i);
    await expectUntouched(onlyOf('asked'));
  });
});

const platformItem = z.object({ inFlight: z.array(z.string()), breaker: z.object({ state: z.string() }) });

/** How many repairs were in flight at once, looked at again and again. */
function sampleInFlight(): { readonly stop: () => Promise<number> } {
  const over = new AbortController();
  let most = 0;
  const loop = (async () => {
    while (!over.signal.aborted) {
      const platform = (await readItems(ground, 'platform', z.partial(platformItem))).find(({ inFlight }) => inFlight !== undefined);
      most = Math.max(most, platform?.inFlight?.length ?? 0);
      await delay(100);
    }
  })();
  return {
    stop: async () => {
      over.abort();
      await loop;
      return most;
    },
  };
}

describe('fifty machines at once', () => {
  let all: readonly RemediationItem[] = [];
  let mostInFlight = 0;
  let earlier: ReadonlySet<string> = new Set();

  beforeAll(async () => {
    await calm();
    await learn(stormSystems);
    earlier = new Set((await readItems(ground, 'notification', notificationItem)).map(({ id }) => id));
    await Promise.all(stormNames.map((name) => markStatus(ground, onlyOf(name), 'impaired')));
    const sampler = sampleInFlight();
    await poll();
    all = await untilRecorded(ground, 'An answer for each', async () => {
      const found = await remediationsOf(...stormNames);
      const answered = new Set(found.map(({ system }) => system));
      return answered.size === stormNames.length && found.every(({ state }) => state !== 'running') ? found : undefined;
    });
    mostInFlight = await sampler.stop();
  });

  it('are not replaced at once: at most five begin, and every one has its answer on record', async () => {
    expect(new Set(all.map(({ system }) => system)).size).toBe(stormNames.length);
    const begun = all.filter(({ state }) => state !== 'vetoed');
    expect(all.some(({ attempt }) => attempt > 0)).toBe(true);
    expect(mostInFlight).toBeLessThanOrEqual(5);
    expect(begun.length).toBeLessThanOrEqual(5);
    const launches = (await readFleetCalls(ground)).filter((call) => isLaunch(call) && all.some(({ id }) => names(call, id)));
    expect(launches).toHaveLength(begun.length);
    const left = all.filter(({ state }) => state === 'vetoed').map(({ oldInstanceId }) => oldInstanceId);
    expect(await readChangesOf(ground, left)).toEqual([]);
  });

  it('page people once for the breaker, and wait until a person resumes', async () => {
    // The page names the system that came first, which may be one of the earlier stories that is tried again meanwhile.
    const pages = await until('A page about the storm', PAGE_LIMIT_SECONDS, async () => {
      const found = (await phonePages()).filter((page) => !earlier.has(page.id) && !isReminder(page));
      return found.length > 0 ? found : undefined;
    });
    // Those that the cap refused before the breaker opened have pages of their own.
    expect(pages.length, JSON.stringify(pages)).toBeLessThanOrEqual(8);
    const { text } = await typed(['resume', '--reason', 'somebody has looked']);
    expect(text).toContain('"platform"');
  });
});
