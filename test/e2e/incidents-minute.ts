import { GetScheduleCommand, ListSchedulesCommand, type ScheduleState, SchedulerClient, UpdateScheduleCommand } from '@aws-sdk/client-scheduler';
import { inject } from 'vitest';
import { runNow } from '../../sandbox/demo/story.ts';
import type { Ground } from './world.ts';

/** The desk's minute, which comes when the test says so and at no other time. */
export interface Minute {
  /** The deployed function looks at every incident, as it does each minute. */
  readonly desk: () => Promise<void>;
  /** The schedules go on. */
  readonly release: () => Promise<void>;
}

/** Both send what is due. */
const held = { desk: /Desk/, sweep: /Sweep/ } as const;

/** Stops the schedules of desk and sweep: what a story finds after a call of the desk is then what that call has done. */
export async function holdMinute({ clients }: Ground): Promise<Minute> {
  const { controlEndpoint, region } = inject('localAws');
  const client = new SchedulerClient({ endpoint: controlEndpoint, region, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } });
  const [desk, sweep] = await Promise.all([switchOf(client, held.desk), switchOf(client, held.sweep)]);
  const set = async (state: ScheduleState): Promise<void> => {
    await Promise.all([desk.set(state), sweep.set(state)]);
  };
  await set('DISABLED');
  return {
    desk: async () => {
      await runNow(clients, desk.functionName);
    },
    release: () => set('ENABLED'),
  };
}

/** The one schedule whose function is called so. */
async function switchOf(client: SchedulerClient, name: RegExp) {
  const { Schedules = [] } = await client.send(new ListSchedulesCommand({}));
  const listed = Schedules.filter(({ Target }) => name.test(Target?.Arn?.split(':')[6] ?? ''));
  if (listed.length !== 1) throw new Error(`${listed.length} schedules call a function like ${name.source}`);
  const { Name, GroupName, ScheduleExpression, FlexibleTimeWindow, Target } = await client.send(
    new GetScheduleCommand({ Name: listed[0]?.Name, GroupName: listed[0]?.GroupName }),
  );
  return {
    functionName: Target?.Arn?.split(':')[6] ?? '',
    set: (State: ScheduleState) => client.send(new UpdateScheduleCommand({ Name, GroupName, ScheduleExpression, FlexibleTimeWindow, Target, State })),
  };
}
