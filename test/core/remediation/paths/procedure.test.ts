import { describe, expect, it } from 'vitest';
import type { DriverPorts } from '../../../../core/remediation/driver/driver.ts';
import { advance } from '../../../../core/remediation/driver/driver.ts';
import { captureType } from '../../../../core/remediation/surroundings/capture.ts';
import { deadlineSeconds } from '../../../../core/remediation/guardrails/policy.ts';
import { allPhasesOf, failureModes, isCompensation, procedure, rowOf, type Traits, undoOf, paths } from '../../../../core/remediation/paths/procedure.ts';
import { partNames, type PhaseName, phaseNames, remediationType } from '../../../../core/remediation/record.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord } from '../../../../core/records/record-type.ts';
import { remediationOf } from '../builders.ts';
import { createWorld, driverPorts, OLD, testScope, webPolicy, webTarget } from '../world.ts';

/** What goes back, in reverse: volumes after the replacement has stopped, because they are taken from a stopped instance only. */
const withdrawing: readonly PhaseName[] = [
  'deregister-new',
  'return-associations',
  'return-records',
  'return-addresses',
  'return-interfaces',
  'quarantine-new',
  'return-volumes',
];
const bringingBack: readonly PhaseName[] = ['start-old', 'await-old-running', 'register-old', 'rearm-old'];

const everyTrait: Traits = {
  isFenced: true,
  hasVolumes: true,
  hasInterfaces: true,
  hasDetachables: true,
  hasAddresses: true,
  hasRecords: true,
  hasAssociations: true,
};
const replacing = allPhasesOf('replace', everyTrait);

describe('the procedure', () => {
  it('has a row for every phase and no other', () => {
    expect(Object.keys(procedure).toSorted()).toEqual([...phaseNames].toSorted());
  });

  it.each(phaseNames)('has code for %s in the role that its row names', async (phase) => {
    const world = createWorld();
    const record = remediationOf({ instanceId: OLD }, { phase, newInstanceId: 'i-peer1', imageId: 'ami-v2' });
    await createRecord(world.store, remediationType, keys.remediation(testScope, record.id), record);
    const capture = await world.region.captures.capture(OLD, [webTarget.targetGroupName], world.clock.now());
    if (capture !== undefined) await createRecord(world.store, captureType, keys.capture(testScope, OLD), capture);
    const { act: _act, ...observing } = driverPorts(world);
    const ports: DriverPorts = rowOf(phase).role === 'act' ? driverPorts(world) : observing;
    // A phase may refuse this made-up record, but never because nobody knows what to do.
    await expect(advance(ports, record.id, rowOf(phase).role)).resolves.toMatchObject({ remediationId: record.id });
  });

  it('of a `multiple` or concurrency-safe system never fences; that of a `single` one does before it launches', () => {
    expect(allPhasesOf('replace', { isFenced: false })).not.toContain('fence');
    const single = allPhasesOf('replace', { isFenced: true });
    expect(single.indexOf('fence')).toBe(single.indexOf('launch') - 1);
  });

  it('keeps the order of design section 7: nothing is touched before every check, the old one goes only after the new one serves', () => {
    expect(replacing).toEqual([
      'confirm',
      'guard',
      'preflight',
      'capture',
      'evidence',
      'defuse',
      'snapshot',
      'fence',
      'launch',
      'await-running',
      'move-volumes',
      'move-interfaces',
      'register',
      'await-healthy',
      'move-addresses',
      'move-records',
      'move-associations',
      'deregister',
      'drain',
      'transfer-alarms',
      'quarantine',
      'rearm',
      'verify',
      'finish',
    ]);
  });

  it('moves only what the instance has', () => {
    const moving = replacing.filter((phase) => phase.startsWith('move-') || phase === 'defuse' || phase === 'snapshot' || phase === 'rearm');
    expect(allPhasesOf('replace', { isFenced: true })).toEqual(replacing.filter((phase) => !moving.includes(phase)));
    expect(allPhasesOf('replace', { isFenced: false, hasAddresses: true }).filter((phase) => moving.includes(phase))).toEqual(['move-addresses']);
    const record = remediationOf({}, { isFenced: true, phase: 'deregister', parts: ['volumes'] });
    expect(undoOf(record)).toEqual(['deregister-new', 'quarantine-new', 'return-volumes', ...bringingBack]);
    expect(undoOf({ ...record, parts: [] })).toEqual(['deregister-new', 'quarantine-new', 'start-old', 'await-old-running', 'register-old']);
  });

  it('compensates with compensation phases only, none twice, and none compensates a compensation', () => {
    const undoing = new Set(replacing.flatMap((phase) => failureModes.flatMap((mode) => rowOf(phase).onFailure[mode])));
    expect([...undoing].toSorted()).toEqual([...withdrawing, ...bringingBack, 'restore-old'].toSorted());
    for (const phase of phaseNames) {
      for (const mode of failureModes) {
        const undo = rowOf(phase).onFailure[mode];
        expect(undo.filter((name) => !isCompensation(name))).toEqual([]);
        expect(new Set(undo).size).toBe(undo.length);
        if (isCompensation(phase)) expect(undo).toEqual([]);
      }
    }
  });

  it('of a `single` system withdraws the new instance before the old one starts again, whatever failed after the launch: never two', () => {
    const afterLaunch = replacing.slice(replacing.indexOf('launch'), replacing.indexOf('deregister') + 1);
    expect(afterLaunch).toHaveLength(10);
    for (const phase of afterLaunch) expect(rowOf(phase).onFailure.fenced).toEqual([...withdrawing, ...bringingBack]);
    for (const phase of phaseNames) {
      const undo = rowOf(phase).onFailure.fenced;
      if (undo.includes('start-old') && phase !== 'fence') expect(undo.indexOf('quarantine-new')).toBeGreaterThanOrEqual(0);
      if (undo.includes('start-old')) expect(undo.indexOf('quarantine-new')).toBeLessThan(undo.indexOf('start-old'));
    }
  });

  it('brings a fenced instance back when the fence itself fails, and leaves a `multiple` one where it serves', () => {
    expect(rowOf('fence').onFailure.fenced).toEqual(bringingBack);
    for (const phase of allPhasesOf('replace', { isFenced: false })) expect(rowOf(phase).onFailure['launch-first']).not.toContain('start-old');
    expect(rowOf('deregister').onFailure['launch-first'][0]).toBe('register-old');
  });

  it('undoes on a pause up to the drain and finishes after it', () => {
    const drain = replacing.indexOf('drain');
    expect(replacing.map((phase) => rowOf(phase).isBeforeDrain)).toEqual(replacing.map((_, index) => index < drain));
    for (const phase of [...withdrawing, ...bringingBack]) expect(rowOf(phase).isBeforeDrain).toBe(false);
  });

  it('drills every phase of a replacement but those that move what a throw-away copy does not have', () => {
    const drilled: readonly PhaseName[] = paths.drill;
    const replaced = paths.replace.filter((phase) => (rowOf(phase).onlyIf ?? 'isFenced') === 'isFenced');
    expect(drilled.filter((phase) => replaced.some((name) => name === phase))).toEqual(replaced);
    expect(drilled.slice(0, 2)).toEqual(['launch-throwaway', 'await-throwaway']);
    expect(drilled.at(-2)).toBe('quarantine-new');
  });

  it('takes a revert back where it fails: the old one away again, the new one in service', () => {
    for (const phase of ['release-old', 'start-old', 'await-old-running', 'register-old', 'await-old-healthy'] as const) {
      expect(undoOf(remediationOf({}, { phase, path: 'revert' })).at(-1)).toBe('quarantine');
      expect(undoOf(remediationOf({}, { phase, path: 'revert-fenced', isFenced: true })).slice(-4)).toEqual([
        'quarantine',
        'return-new',
        'await-running',
        'register',
      ]);
    }
    // A quarantine would isolate every interface that the old one has got back, and a volume leaves a stopped instance only.
    const parts: (typeof partNames)[number][] = [...partNames];
    const away = paths['revert-fenced'].map((phase) => undoOf(remediationOf({}, { phase, path: 'revert-fenced', isFenced: true, parts })));
    for (const undo of away.filter((names) => names.includes('quarantine'))) {
      const order = ['move-interfaces', 'quarantine', 'move-volumes', 'return-new', 'register', 'move-addresses', 'move-records', 'move-associations'] as const;
      expect(undo.filter((phase) => order.some((name) => name === phase))).toEqual(order);
    }
    expect(away.filter((names) => names.includes('quarantine'))).toHaveLength(8);
    // What has failed once is left to a person.
    expect(undoOf(remediationOf({}, { phase: 'return-new', path: 'revert-fenced', failure: { phase: 'start-old', reason: 'x' } }))).toEqual([]);
  });

  it('observes in phases that only look', () => {
    const observing = replacing.filter((phase) => rowOf(phase).role === 'observe');
    expect(observing).toEqual(['confirm', 'guard', 'capture', 'await-running', 'await-healthy', 'drain', 'verify', 'finish']);
  });
});

describe('deadlines of the policy', () => {
  const policy = webPolicy({
    pendingSeconds: 60,
    drainSeconds: 120,
    drainDeadlineSeconds: 90,
    verifiedAfterSeconds: 600,
    launchDeadlineSeconds: 500,
    healthyDeadlineSeconds: 400,
    stopDeadlineSeconds: 200,
    snapshotDeadlineSeconds: 1800,
    moveDeadlineSeconds: 700,
  });

  it.each([
    ['confirmDeadlineSeconds', 360],
    ['launchDeadlineSeconds', 500],
    ['healthyDeadlineSeconds', 400],
    ['drainDeadlineSeconds', 210],
    ['stopDeadlineSeconds', 200],
    ['verifyDeadlineSeconds', 900],
    ['snapshotDeadlineSeconds', 1800],
    ['moveDeadlineSeconds', 700],
  ] as const)('%s is %i s', (field, seconds) => {
    expect(deadlineSeconds(field, policy)).toBe(seconds);
  });
});
