import type { AlarmFacts } from '../ports.ts';
import { keys } from '../../records/keys.ts';
import { readRecord } from '../../records/record-type.ts';
import type { ActPhase, ActPorts, PhaseContext, PhaseResult } from '../phase.ts';
import { remediationType } from '../record.ts';

const CLONE = 'clone-alarm:';

/** The call that clones an alarm; its result names the clone. */
export const cloneCallOf = (alarmName: string): string => `${CLONE}${alarmName}`;

/** Name globs of the alarms that may watch an instance of this system: what the catalog lists, and what the policy listens to. */
function alarmGlobs({ system, policy }: PhaseContext<ActPorts>): readonly string[] {
  const listed = policy.spec.triggers.flatMap((trigger) => (typeof trigger === 'string' ? [] : [trigger.alarm]));
  return [...new Set([...system.spec.alarms, ...listed])];
}

async function transfer({ ports, session }: PhaseContext<ActPorts>, alarm: AlarmFacts, newInstanceId: string): Promise<string> {
  const originalName = alarm.alarmOf ?? alarm.name;
  const { alarmName } = await session.mutate(cloneCallOf(alarm.name), () =>
    ports.alarmCloner.clone(alarm.name, originalName, session.record.oldInstanceId, newInstanceId),
  );
  // The clone watches before the original falls silent: a crash in between leaves two alarms, never none.
  await session.mutate(`retire-alarm:${alarm.name}`, () => ports.alarmCloner.retire(alarm.name).then(() => undefined));
  return `${alarm.name} → ${alarmName ?? 'its clone'}`;
}

/** Dashboards that name the old instance show the new one. One that is not there is no reason to fail a repair that serves. */
async function followDashboards({ ports, session, system }: PhaseContext<ActPorts>, newInstanceId: string): Promise<readonly string[]> {
  const followed: string[] = [];
  for (const name of system.spec.dashboards) {
    const { isFollowed } = await session.mutate(`dashboard:${name}`, async () => ({
      isFollowed: String(await ports.dashboards.follow(name, session.record.oldInstanceId, newInstanceId)),
    }));
    if (isFollowed === 'true') followed.push(`the dashboard ${name}`);
  }
  return followed;
}

/** Undoes, from its record, what a remediation did with the alarms: the original speaks again before its clone falls silent. */
async function transferBack({ ports, session }: PhaseContext<ActPorts>, revertOf: string): Promise<PhaseResult> {
  const calls = (await readRecord(ports.store, remediationType, keys.remediation(ports.scope, revertOf)))?.body.calls ?? {};
  const moved = Object.entries(calls).flatMap(([call, { result }]) =>
    call.startsWith(CLONE) ? [[call.slice(CLONE.length), result?.['alarmName']] as const] : [],
  );
  if (session.record.failure !== undefined) return transferForth({ ports, session }, moved);
  for (const [original, cloned] of moved) {
    if (calls[`retire-alarm:${original}`] !== undefined)
      await session.mutate(`revive-alarm:${original}`, () => ports.alarmCloner.revive(original).then(() => undefined));
    if (cloned !== undefined) await session.mutate(`retire-alarm:${cloned}`, () => ports.alarmCloner.retire(cloned).then(() => undefined));
  }
  return { kind: 'done', reason: moved.length === 0 ? 'No alarm had moved' : `Alarms are back: ${moved.map(([original]) => original).join(', ')}` };
}

/** The way back has failed after it: what it had changed, and nothing else, is as before, the clone first. */
async function transferForth(
  { ports, session }: Pick<PhaseContext<ActPorts>, 'ports' | 'session'>,
  moved: readonly (readonly [original: string, cloned: string | undefined])[],
): Promise<PhaseResult> {
  for (const [original, cloned = ''] of moved) {
    if (session.record.calls[`retire-alarm:${cloned}`] !== undefined)
      await session.mutate(`revive-alarm:${cloned}`, () => ports.alarmCloner.revive(cloned).then(() => undefined));
    if (session.record.calls[`revive-alarm:${original}`] !== undefined)
      await session.mutate(`retire-alarm:${original}`, () => ports.alarmCloner.retire(original).then(() => undefined));
  }
  return { kind: 'done', reason: moved.length === 0 ? 'No alarm had moved' : 'The alarms watch the replacement again' };
}

/** Instance-scoped alarms go on watching the slot: cloned to the new id under a name that leads back to the original. */
export const transferAlarms: ActPhase = async (context) => {
  const { ports, session } = context;
  const { newInstanceId, oldInstanceId, revertOf } = session.record;
  if (revertOf !== undefined) return transferBack(context, revertOf);
  if (newInstanceId === undefined) return { kind: 'failed', reason: 'No replacement was launched' };
  const alarms = await ports.alarms.ofInstance(oldInstanceId, alarmGlobs(context));
  const moved: string[] = [];
  for (const alarm of alarms) {
    // PutMetricAlarm allows 3 a second; one after the other stays below
    moved.push(await transfer(context, alarm, newInstanceId));
  }
  moved.push(...(await followDashboards(context, newInstanceId)));
  return { kind: 'done', reason: moved.length === 0 ? 'No alarm and no dashboard names the old instance' : `They follow: ${moved.join(', ')}` };
};
