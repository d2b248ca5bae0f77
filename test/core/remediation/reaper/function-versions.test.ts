import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { PermanentError, RetryableError } from '../../../../core/environment/errors.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord, updateRecord } from '../../../../core/records/record-type.ts';
import {
  decideVersions,
  type FunctionVersion,
  type FunctionVersionPorts,
  sweepFunctionVersions,
} from '../../../../core/remediation/reaper/function-versions.ts';
import { type Remediation, remediationType } from '../../../../core/remediation/record.ts';
import { VirtualClock } from '../../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../../sim/memory-record-store.ts';
import { WatchedStore } from '../../inventory/world.ts';
import { NOW, remediationOf } from '../builders.ts';
import { testScope } from '../world.ts';

const DAY = 86_400;
const functionArn = (name: string): string => `arn:aws:lambda:eu-central-1:111122223333:function:${name}`;
const versionOf = (number: number, name = 'act'): FunctionVersion => ({ arn: `${functionArn(name)}:${number}`, functionArn: functionArn(name), number });
const arnOf = (number: number, name = 'act'): string => versionOf(number, name).arn;

interface World {
  readonly clock: VirtualClock;
  readonly store: WatchedStore;
  readonly ports: FunctionVersionPorts;
  /** What Lambda has. */
  versions: FunctionVersion[];
  readonly deleted: string[];
  /** Execution → the versions it calls. */
  readonly executions: Map<string, readonly string[]>;
  beforeDelete: (version: FunctionVersion) => Promise<void>;
}

function versionWorld(numbers: readonly number[]): World {
  const clock = new VirtualClock(NOW);
  const store = new WatchedStore(new MemoryRecordStore(clock));
  const world: World = {
    clock,
    store,
    versions: numbers.map((number) => versionOf(number)),
    deleted: [],
    executions: new Map(),
    beforeDelete: async () => {},
    ports: {
      store,
      scope: testScope,
      clock,
      versions: {
        list: async (of) => world.versions.filter((version) => version.functionArn === of),
        delete: async (version) => {
          await world.beforeDelete(version);
          world.deleted.push(version.arn);
          world.versions = world.versions.filter(({ arn }) => arn !== version.arn);
        },
      },
      executions: { versionsOf: async (name) => world.executions.get(name) ?? [] },
    },
  };
  return world;
}

/** An open remediation whose execution calls a version. */
async function openRemediation(number: number, id = 'rem-1'): Promise<void> {
  const remediation = remediationOf({ id });
  await createRecord(world.store, remediationType, keys.remediation(testScope, id), remediation);
  world.executions.set(remediation.executionName, [arnOf(number), arnOf(1, 'observe')]);
}

async function endRemediation(id = 'rem-1'): Promise<void> {
  await updateRecord(world.store, remediationType, keys.remediation(testScope, id), (body): Remediation | undefined => body && { ...body, state: 'succeeded' });
}

let world: World;
beforeEach(() => {
  world = versionWorld([1, 2, 3]);
});

describe('which versions may go', () => {
  const facts = { versions: [versionOf(1), versionOf(2), versionOf(3)], current: new Set([arnOf(2)]), named: new Map<string, string>(), now: NOW };

  it('keeps what the next repair is started with, the newest, and what an open remediation names, each for its reason', () => {
    const named = new Map([[arnOf(1), 'rem-1']]);
    const unneededSince = Object.fromEntries([1, 2, 3].map((number) => [arnOf(number), '2026-01-01T00:00:00.000Z']));
    expect(decideVersions({ ...facts, named, unneededSince }).map(({ action, reason }) => `${action}: ${reason}`)).toEqual([
      'keep: rem-1 was started with it and is open',
      'keep: The next repair will be started with it',
      'keep: It is the newest version',
    ]);
  });

  it.each([
    [undefined, 'wait', NOW],
    ['2026-11-14T09:00:00.001Z', 'wait', '2026-11-14T09:00:00.001Z'],
    ['2026-11-14T09:00:00.000Z', 'delete', '2026-11-14T09:00:00.000Z'],
  ])('of one that nobody has needed since %s says %s', (since, action, from) => {
    const unneededSince = since === undefined ? {} : { [arnOf(1)]: since };
    expect(decideVersions({ ...facts, unneededSince })[0]).toEqual({
      version: versionOf(1),
      action,
      since: from,
      reason: `Nobody has needed it since ${from}`,
    });
  });

  it('looks at each function by itself: the newest of one is not that of the other', () => {
    const versions = [versionOf(7), versionOf(3, 'observe')];
    expect(decideVersions({ ...facts, versions, current: new Set(), unneededSince: {} }).map(({ action }) => action)).toEqual(['keep', 'keep']);
  });
});

const run = (current = 3) => sweepFunctionVersions(world.ports, [arnOf(current), arnOf(1, 'observe')]);

describe('the sweep of function versions', () => {
  it('deletes after seven days what nobody needs, and writes only when something changed', async () => {
    expect(await run()).toEqual({ deleted: [], problems: [] });
    expect(world.store.written).toHaveLength(1);
    world.clock.advance(7 * DAY - 1);
    expect(await run()).toEqual({ deleted: [], problems: [] });
    expect(world.store.written).toHaveLength(1);
    world.clock.advance(1);
    expect(await run()).toEqual({ deleted: [arnOf(1), arnOf(2)], problems: [] });
    expect(world.versions).toEqual([versionOf(3)]);
    await run();
    await run();
    expect(world.store.written).toHaveLength(2);
    expect(world.deleted).toHaveLength(2);
  });

  it('keeps the version that an open remediation was started with, and counts from its end', async () => {
    await run();
    await openRemediation(1);
    world.clock.advance(30 * DAY);
    expect((await run()).deleted).toEqual([arnOf(2)]);
    await endRemediation();
    expect((await run()).deleted).toEqual([]);
    world.clock.advance(7 * DAY);
    expect((await run()).deleted).toEqual([arnOf(1)]);
  });

  it('keeps for seven days what a deploy has just replaced, however old it is: a deploy that fails brings it back', async () => {
    world = versionWorld([1, 2]);
    await run(1);
    world.clock.advance(60 * DAY);
    await run(1);
    world.versions.push(versionOf(3));
    // The sweep of the deploy that will fail, and the one after it.
    expect((await run(3)).deleted).not.toContain(arnOf(1));
    expect((await run(1)).deleted).not.toContain(arnOf(1));
    expect(world.versions).toContainEqual(versionOf(1));
  });

  it.each([
    ['an execution cannot be read', new RetryableError('Throttling')],
    ['an execution does not say what it calls', new PermanentError('not ours')],
  ])('deletes nothing on a guess: %s', async (_what, error) => {
    await run();
    world.clock.advance(8 * DAY);
    await openRemediation(1);
    const executions = { versionsOf: () => Promise.reject(error) };
    expect(await sweepFunctionVersions({ ...world.ports, executions }, [arnOf(3)])).toEqual({ deleted: [], problems: [error.message] });
    expect(world.deleted).toEqual([]);
  });

  it('throws what is a bug', async () => {
    const versions = { ...world.ports.versions, list: () => Promise.reject(new TypeError('a bug')) };
    await expect(sweepFunctionVersions({ ...world.ports, versions }, [arnOf(3)])).rejects.toThrow(TypeError);
  });

  it('goes on beside one that cannot be deleted, and tries it again', async () => {
    await run();
    world.clock.advance(8 * DAY);
    world.beforeDelete = ({ number }) => (number === 1 ? Promise.reject(new PermanentError('an alias names it')) : Promise.resolve());
    expect(await run()).toEqual({ deleted: [arnOf(2)], problems: ['an alias names it'] });
    world.beforeDelete = async () => {};
    expect((await run()).deleted).toEqual([arnOf(1)]);
  });

  it('deletes at most twenty a run', async () => {
    world = versionWorld(Array.from({ length: 50 }, (_, index) => index + 1));
    await run(50);
    world.clock.advance(8 * DAY);
    expect((await run(50)).deleted).toHaveLength(20);
    expect((await run(50)).deleted).toHaveLength(20);
    expect((await run(50)).deleted).toHaveLength(9);
    expect(world.versions).toEqual([versionOf(50)]);
  });

  it('is safe when it dies between two deletes', async () => {
    await run();
    world.clock.advance(8 * DAY);
    world.beforeDelete = ({ number }) => (number === 2 ? Promise.reject(new TypeError('the process died')) : Promise.resolve());
    await expect(run()).rejects.toThrow('the process died');
    world.beforeDelete = async () => {};
    expect((await run()).deleted).toEqual([arnOf(2)]);
  });

  it('never deletes what is needed or was needed within seven days, over any history of deploys and repairs', async () => {
    const step = fc.record({ days: fc.integer({ min: 0, max: 5 }), event: fc.constantFrom('deploy', 'roll back', 'open', 'end', 'none') });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        world = versionWorld([1]);
        let [current, opened, inUse] = [1, 0, 0];
        const neededAt = new Map([[1, world.clock.now()]]);
        for (const { days, event } of steps) {
          if (event === 'deploy') {
            current = Math.max(...world.versions.map(({ number }) => number)) + 1;
            world.versions.push(versionOf(current));
          }
          if (event === 'roll back' && neededAt.has(current - 1) && world.versions.some(({ number }) => number === current - 1)) current -= 1;
          if (event === 'open' && inUse === 0) {
            opened += 1;
            inUse = current;
            await openRemediation(inUse, `rem-${opened}`);
          }
          if (event === 'end' && inUse > 0) {
            inUse = 0;
            await endRemediation(`rem-${opened}`);
          }
          for (const number of [current, inUse]) neededAt.set(number, world.clock.now());
          const { deleted, problems } = await run(current);
          expect(problems).toEqual([]);
          for (const arn of deleted) {
            const number = Number(arn.split(':').at(-1));
            expect([current, inUse]).not.toContain(number);
            const since = neededAt.get(number) ?? NOW;
            expect(Date.parse(world.clock.now()) - Date.parse(since)).toBeGreaterThanOrEqual(7 * DAY * 1000);
          }
          world.clock.advance(days * DAY);
          for (const number of [current, inUse]) neededAt.set(number, world.clock.now());
        }
      }),
      { numRuns: 100 },
    );
  });
});
