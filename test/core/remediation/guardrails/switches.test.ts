import { describe, expect, it } from 'vitest';
import { RetryableError } from '../../../../core/environment/errors.ts';
import { keys } from '../../../../core/records/keys.ts';
import { frozenBy, pausedBy, readSwitches, standstillReason } from '../../../../core/remediation/guardrails/switches.ts';
import { VirtualClock } from '../../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../../sim/memory-record-store.ts';
import { NOW } from '../builders.ts';
import { admitOld, createWorld, testScope, verifyImage } from '../world.ts';

const switchOf = (target: string, changes: object = {}) => ({ target, isPaused: true, by: 'kim', reason: 'odd', at: NOW, ...changes });

async function read(bodies: Readonly<Record<string, unknown>>, system?: string) {
  const store = new MemoryRecordStore(new VirtualClock(NOW));
  for (const [target, body] of Object.entries(bodies)) await store.write([{ key: keys.pause(testScope, target), expectedVersion: 0, body }]);
  return readSwitches(store, testScope, system);
}

describe('the pause switches', () => {
  it.each([
    ['nobody has turned one', {}, undefined, undefined],
    ['everything goes on again', { global: switchOf('global', { isPaused: false }) }, undefined, undefined],
    ['everything is paused', { global: switchOf('global') }, 'Paused (global) by kim: odd', undefined],
    ['the system is paused', { 'system#shop-web': switchOf('system#shop-web') }, 'Paused (system#shop-web) by kim: odd', undefined],
    ['another system is paused', { 'system#shop-db': switchOf('system#shop-db') }, undefined, undefined],
    ['everything is frozen', { global: switchOf('global', { isFrozen: true }) }, 'Paused (global) by kim: odd', 'Frozen (global) by kim: odd'],
    ['a freeze is over', { global: switchOf('global', { isPaused: false, isFrozen: true }) }, undefined, undefined],
  ] as const)('say what stands when %s', async (_what, bodies, paused, frozen) => {
    const switches = await read(bodies, 'shop-web');
    expect([pausedBy(switches), standstillReason(switches)]).toEqual([paused, frozen]);
  });

  it('count as paused, and for the reaper as frozen, when one cannot be read; a repair that runs goes to its safe point instead', async () => {
    const switches = await read({ 'system#shop-web': { target: 7 } }, 'shop-web');
    expect(pausedBy(switches)).toContain('could not be read, which counts as paused');
    expect(standstillReason(switches)).toContain('could not be read, which counts as frozen');
    expect(frozenBy(switches)).toBeUndefined();
  });

  it('are read without a system for everything only', async () => {
    expect(pausedBy(await read({ 'system#shop-web': switchOf('system#shop-web') }))).toBeUndefined();
  });

  it('that the store cannot give just now are asked again', async () => {
    const store = { get: () => Promise.reject(new RetryableError('throttled')) };
    const whole = new MemoryRecordStore(new VirtualClock(NOW));
    const failing = { ...store, write: whole.write.bind(whole), query: whole.query.bind(whole), list: whole.list.bind(whole) };
    await expect(readSwitches(failing, testScope, 'shop-web')).rejects.toThrow(RetryableError);
  });

  it.each([
    ['paused', switchOf('global'), 'Paused (global) by kim: odd'],
    ['not to be read', { target: 7 }, 'could not be read, which counts as paused'],
  ])('let no repair begin while one is %s, and the veto says why', async (_what, body, says) => {
    const world = createWorld();
    await verifyImage(world);
    await world.store.write([{ key: keys.pause(testScope, 'global'), expectedVersion: 0, body }]);
    const admission = await admitOld(world);
    expect(admission).toMatchObject({ kind: 'vetoed', guardrail: 'pause' });
    expect(admission.reason).toContain(says);
    expect(world.started).toEqual([]);
  });
});
