import { describe, expect, it } from 'vitest';
import { tagKeys } from '../../../core/inventory/records.ts';
import { readEvidence } from '../../../core/remediation/evidence/evidence.ts';
import { createWorld, driverPorts, OLD, play, readRemediation, startOld, testScope, verifyImage, type World, type Wrap } from './world.ts';

/** Crashes once, before or after call `at` of the ports that evidence is taken with, or of the store. */
function crashing(at: number, moment: 'before' | 'after'): { readonly wrap: Wrap; readonly calls: () => number } {
  let calls = 0;
  const wrap: Wrap = (name, port) =>
    !['evidence', 'commands', 'store'].includes(name)
      ? port
      : new Proxy(port, {
          get: (target, property) => {
            const value: unknown = Reflect.get(target, property, target);
            if (typeof value !== 'function') return value;
            return async (...words: unknown[]): Promise<unknown> => {
              calls += 1;
              const isHere = calls === at;
              if (isHere && moment === 'before') throw new Error(`crash before call ${at}`);
              const result: unknown = await Reflect.apply(value, target, words);
              if (isHere) throw new Error(`crash after call ${at}`);
              return result;
            };
          },
        });
  return { wrap, calls: () => calls };
}

async function repair(at: number, moment: 'before' | 'after'): Promise<{ readonly world: World; readonly id: string; readonly calls: number }> {
  const world = createWorld();
  world.region.commands.bringOnline(OLD, () => '=== perennial:free\nMem: 1');
  await verifyImage(world);
  const id = await startOld(world);
  const { wrap, calls } = crashing(at, moment);
  await play(world, id, () => driverPorts(world, wrap));
  return { world, id, calls: calls() };
}

describe('a crash while evidence is taken', () => {
  it.each(['before', 'after'] as const)('%s any one call leaves one record of it, one timeline entry, and the repair whole (S4-33, S4-34)', async (moment) => {
    const { calls } = await repair(0, moment);
    for (let at = 1; at <= calls; at += 1) {
      const { world, id } = await repair(at, moment);
      const { state, incidentId } = await readRemediation(world, id);
      expect(state, `${moment} call ${at}`).toBe('succeeded');
      const kept = await readEvidence(world.store, testScope, incidentId);
      expect(kept.map(({ items }) => items.map(({ name }) => name))).toEqual([['console output', 'free']]);
      expect(world.region.commands.runs().length, 'read-only, so that a second start after a crash harms nobody').toBeLessThanOrEqual(2);
      expect(world.region.all().filter(({ instanceId, tags }) => instanceId !== OLD && tags[tagKeys.remediation] === id)).toHaveLength(1);
    }
  });
});
