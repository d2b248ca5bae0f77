import { keys } from '../../../core/records/keys.ts';
import { updateRecord } from '../../../core/records/record-type.ts';
import { pauseType } from '../../../core/remediation/record.ts';
import { testScope, type World } from './world.ts';

/** Somebody pauses `global` or `system#<name>`. */
export async function writePause(world: World, target: string): Promise<void> {
  await updateRecord(
    world.store,
    pauseType,
    keys.pause(testScope, target),
    (before) => before ?? { target, isPaused: true, by: 'kim', reason: 'migration', at: world.clock.now() },
  );
}
