import type { AlarmFacts } from '../ports.ts';
import type { ActPhase, ActPorts, PhaseContext } from '../phase.ts';

/** Name globs of the alarms that may watch an instance of this system: what the catalog lists, and what the policy listens to. */
function alarmGlobs({ system, policy }: PhaseContext<ActPorts>): readonly string[] {
  const listed = policy.spec.triggers.flatMap((trigger) => (typeof trigger === 'string' ? [] : [trigger.alarm]));
  return [...new Set([...system.spec.alarms, ...listed])];
}

async function transfer({ ports, session }: PhaseContext<ActPorts>, alarm: AlarmFacts, newInstanceId: string): Promise<string> {
  const originalName = alarm.alarmOf ?? alarm.name;
  const { alarmName } = await session.mutate(`clone-alarm:${alarm.name}`, () =>
    ports.alarmCloner.clone(alarm.name, originalName, session.record.oldInstanceId, newInstanceId),
  );
  // The clone watches before the original falls silent: a crash in between leaves two alarms, never none.
  await session.mutate(`retire-alarm:${alarm.name}`, () => ports.alarmCloner.retire(alarm.name).then(() => undefined));
  return `${alarm.name} → ${alarmName ?? 'its clone'}`;
}

/** Instance-scoped alarms go on watching the slot: cloned to the new id under a name that leads back to the original. */
export const transferAlarms: ActPhase = async (context) => {
  const { ports, session } = context;
  const { newInstanceId, oldInstanceId } = session.record;
  if (newInstanceId === undefined) return { kind: 'failed', reason: 'No replacement was launched' };
  const alarms = await ports.alarms.ofInstance(oldInstanceId, alarmGlobs(context));
  const moved: string[] = [];
  for (const alarm of alarms) {
    // PutMetricAlarm allows 3 a second; one after the other stays below
    moved.push(await transfer(context, alarm, newInstanceId));
  }
  return { kind: 'done', reason: moved.length === 0 ? 'No alarm names the old instance' : `Alarms follow: ${moved.join(', ')}` };
};
