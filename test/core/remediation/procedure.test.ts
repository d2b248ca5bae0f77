import { describe, expect, it } from 'vitest';
import type { DriverPorts } from '../../../core/remediation/driver.ts';
import { advance } from '../../../core/remediation/driver.ts';
import { captureType } from '../../../core/remediation/capture.ts';
import { deadlineSeconds } from '../../../core/remediation/policy.ts';
import { allPhasesOf, failureModes, isCompensation, procedure, rowOf } from '../../../core/remediation/procedure.ts';
import { type PhaseName, phaseNames, remediationType } from '../../../core/remediation/record.ts';
import { keys } from '../../../core/records/keys.ts';
import { createRecord } from '../../../core/records/record-type.ts';
import { remediationOf } from './builders.ts';
import { createWorld, driverPorts, OLD, testScope, webPolicy, webTarget } from './world.ts';

const compensations: readonly PhaseName[] = ['deregister-new', 'quarantine-new', 'start-old', 'await-old-running', 'register-old', 'restore-old'];

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
    expect(allPhasesOf('replace', { isFenced: true })).toEqual([
      'confirm',
      'guard',
      'preflight',
      'capture',
      'fence',
      'launch',
      'await-running',
      'register',
      'await-healthy',
      'deregister',
      'drain',
      'transfer-alarms',
      'quarantine',
      'verify',
      'finish',
    ]);
  });

  it('compensates with compensation phases only, none twice, and none compensates a compensation', () => {
    expect(phaseNames.filter(isCompensation)).toEqual(compensations);
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
    const phases = allPhasesOf('replace', { isFenced: true });
    const afterLaunch = phases.slice(phases.indexOf('launch'), phases.indexOf('deregister') + 1);
    expect(afterLaunch).toEqual(['launch', 'await-running', 'register', 'await-healthy', 'deregister']);
    for (const phase of afterLaunch)
      expect(rowOf(phase).onFailure.fenced).toEqual(['deregister-new', 'quarantine-new', 'start-old', 'await-old-running', 'register-old']);
    for (const phase of phaseNames) {
      const undo = rowOf(phase).onFailure.fenced;
      if (undo.includes('start-old') && phase !== 'fence') expect(undo.indexOf('quarantine-new')).toBeGreaterThanOrEqual(0);
      if (undo.includes('start-old')) expect(undo.indexOf('quarantine-new')).toBeLessThan(undo.indexOf('start-old'));
    }
  });

  it('brings a fenced instance back when the fence itself fails, and leaves a `multiple` one where it serves', () => {
    expect(rowOf('fence').onFailure.fenced).toEqual(['start-old', 'await-old-running', 'register-old']);
    for (const phase of allPhasesOf('replace', { isFenced: false })) expect(rowOf(phase).onFailure['launch-first']).not.toContain('start-old');
    expect(rowOf('deregister').onFailure['launch-first'][0]).toBe('register-old');
  });

  it('undoes on a pause up to the drain and finishes after it', () => {
    const phases = allPhasesOf('replace', { isFenced: true });
    const drain = phases.indexOf('drain');
    expect(phases.map((phase) => rowOf(phase).isBeforeDrain)).toEqual(phases.map((_, index) => index < drain));
    for (const phase of compensations) expect(rowOf(phase).isBeforeDrain).toBe(false);
  });

  it('observes in phases that only look', () => {
    const observing = phaseNames.filter((phase) => rowOf(phase).role === 'observe');
    expect(observing).toEqual(['confirm', 'guard', 'capture', 'await-running', 'await-healthy', 'drain', 'verify', 'await-old-running', 'finish']);
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
  });

  it.each([
    ['confirmDeadlineSeconds', 360],
    ['launchDeadlineSeconds', 500],
    ['healthyDeadlineSeconds', 400],
    ['drainDeadlineSeconds', 210],
    ['stopDeadlineSeconds', 200],
    ['verifyDeadlineSeconds', 900],
  ] as const)('%s is %i s', (field, seconds) => {
    expect(deadlineSeconds(field, policy)).toBe(seconds);
  });
});
