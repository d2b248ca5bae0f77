import { tagKeys } from '../../inventory/records.ts';
import type { ActPhase, ActPorts, ObservePhase, PhaseContext, PhaseResult } from '../phase.ts';
import type { Remediation } from '../record.ts';
import { revertedBy, storedCapture } from './capture.ts';
import { quarantinedBy } from './quarantine.ts';
import { awaitHealthyInstance } from './targets.ts';
import { isGone } from './volumes.ts';

/** What our quarantine put on an instance, and must take off again. */
const quarantineTagKeys = [tagKeys.quarantine, tagKeys.quarantineUntil, tagKeys.remediation] as const;

/** Security groups by interface, from before it was isolated; a record of before they were kept has the capture's only. */
async function formerGroups(context: PhaseContext<ActPorts>, by: Remediation, instanceId: string): Promise<Readonly<Record<string, readonly string[]>>> {
  const recorded = by.calls[`groups:${instanceId}`]?.result;
  if (recorded !== undefined)
    return Object.fromEntries(Object.entries(recorded).map(([id, groups]) => [id, groups.split(',').filter((group) => group !== '')]));
  const { securityGroupIds } = await storedCapture(context);
  const interfaces = await context.ports.quarantine.interfaceGroups(instanceId);
  return Object.fromEntries(Object.keys(interfaces).map((id) => [id, securityGroupIds]));
}

/**
 * Undoes a quarantine from what the remediation that made it has recorded. The tags go last: until then the reaper and everybody else
 * sees what the instance is, and a repetition finds it as it was.
 */
async function release(context: PhaseContext<ActPorts>, by: Remediation, instanceId: string): Promise<void> {
  const { ports, session } = context;
  const groups = await formerGroups(context, by, instanceId);
  await session.mutate(`rejoin:${instanceId}`, () => ports.quarantine.rejoin(instanceId, groups).then(() => undefined));
  const arn = by.calls[`drop-profile:${instanceId}`]?.result?.['instanceProfileArn'];
  if (arn !== undefined) await session.mutate(`restore-profile:${instanceId}`, () => ports.quarantine.restoreProfile(instanceId, arn).then(() => undefined));
  const removed = by.calls[`mark:${instanceId}`]?.result ?? {};
  await session.mutate(`unmark:${instanceId}`, () => ports.quarantine.unmark(instanceId, quarantineTagKeys, removed).then(() => undefined));
}

/** Takes the old instance out of the quarantine in which the remediation that is taken back has put it. */
export const releaseOld: ActPhase = async (context) => {
  const { ports, session } = context;
  const { oldInstanceId, revertOf } = session.record;
  const reverted = await revertedBy(context);
  if (reverted === undefined)
    return { kind: 'failed', reason: `The record of ${revertOf ?? 'what is taken back'} is gone; nothing says what the instance had` };
  const instance = await ports.instances.read(oldInstanceId);
  if (instance?.state !== 'stopped') return { kind: 'failed', reason: `${oldInstanceId} is ${instance?.state ?? 'gone'}, not stopped in quarantine` };
  await release(context, reverted, oldInstanceId);
  return { kind: 'done', reason: `${oldInstanceId} has its security groups, profile and tags again` };
};

/** The way back has failed where only one may run: the replacement serves again. */
export const returnNew: ActPhase = async (context) => {
  const { ports, session } = context;
  const { newInstanceId } = session.record;
  const instance = newInstanceId === undefined ? undefined : await ports.instances.read(newInstanceId);
  if (instance === undefined || isGone(instance)) return { kind: 'failed', reason: `${newInstanceId ?? 'The replacement'} is gone and cannot return` };
  const { instanceId } = instance;
  if (instance.state === 'stopping') return { kind: 'wait', seconds: 5, reason: `${instanceId} is still stopping` };
  // An earlier way back, left half-done, may have put it away and this one never got to it.
  const by = session.record.calls[`mark:${instanceId}`] === undefined ? await quarantinedBy(ports, instance) : session.record;
  if (by !== undefined) await release(context, by, instanceId);
  await session.mutate('start-new', () => ports.power.start(instanceId).then(() => undefined));
  return { kind: 'done', reason: `${instanceId} is out of quarantine and starts again` };
};

/** The old instance must be seen to serve before the replacement goes. */
export const awaitOldHealthy: ObservePhase = async (context): Promise<PhaseResult> => {
  const { oldInstanceId } = context.session.record;
  const { patch: _timing, ...result } = await awaitHealthyInstance(context, oldInstanceId);
  return result;
};
