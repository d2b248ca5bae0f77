import { describe, expect, it } from 'vitest';
import type { DriverPorts } from '../../../../core/remediation/driver/driver.ts';
import { advance } from '../../../../core/remediation/driver/driver.ts';
import { captureType } from '../../../../core/remediation/surroundings/capture.ts';
import { deadlineSeconds } from '../../../../core/remediation/guardrails/policy.ts';
import {
  allPhasesOf,
  failureModeOf,
  failureModes,
  goesOnRegardless,
  isCompensation,
  keepsInstance,
  paths,
  phasesAfter,
  phasesOf,
  procedure,
  rowOf,
  type Traits,
  traitsOf,
  undoOf,
} from '../../../../core/remediation/paths/procedure.ts';
import { partNames, type PathName, pathNames, type PhaseName, phaseNames, remediationType } from '../../../../core/remediation/record.ts';
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

describe('the phases of each path, after the opening', () => {
  const bare: Traits = { isFenced: false };
  const shared = ['await-running', 'register', 'await-healthy'] as const;
  const leaving = ['deregister', 'drain', 'transfer-alarms', 'quarantine'] as const;

  it.each<readonly [path: PathName, phases: readonly PhaseName[]]>([
    ['replace', ['preflight', 'capture', 'evidence', 'launch', ...shared, ...leaving, 'verify', 'finish']],
    [
      'revert',
      ['release-old', 'start-old', 'await-old-running', 'register-old', 'await-old-healthy', 'deregister-new', 'transfer-alarms', 'quarantine-new', 'finish'],
    ],
    [
      'revert-fenced',
      ['deregister-new', 'quarantine-new', 'release-old', 'start-old', 'await-old-running', 'register-old', 'await-old-healthy', 'transfer-alarms', 'finish'],
    ],
    [
      'drill',
      ['launch-throwaway', 'await-throwaway', 'preflight', 'capture', 'evidence', 'launch', ...shared, ...leaving, 'verify', 'quarantine-new', 'finish'],
    ],
    ['native-recovery', ['await-native-recovery', 'await-recovered', 'finish']],
    ['restart', ['evidence', 'restart-process', 'await-recovered', 'finish']],
    ['reboot', ['evidence', 'reboot', 'await-recovered', 'finish']],
    ['root-swap', ['preflight', 'capture', 'evidence', 'swap-root', 'await-swap', 'keep-root', 'await-recovered', 'verify-serving', 'finish']],
    ['group-member', ['preflight-member', 'evidence', 'replace-member', 'complete-hooks', 'await-member', 'quarantine-member', 'verify-serving', 'finish']],
  ])('%s, of an instance that has nothing to move', (path, phases) => {
    expect(phasesOf(path, bare)).toEqual(phases);
    expect(allPhasesOf(path, bare)).toEqual(['confirm', 'guard', ...phases]);
  });

  it.each<readonly [part: (typeof partNames)[number], going: readonly PhaseName[], returning: readonly PhaseName[]]>([
    ['volumes', ['defuse', 'snapshot', 'move-volumes', 'rearm'], ['return-volumes', 'rearm-old']],
    ['interfaces', ['defuse', 'move-interfaces', 'rearm'], ['return-interfaces', 'rearm-old']],
    ['addresses', ['move-addresses'], ['return-addresses']],
    ['records', ['move-records'], ['return-records']],
    ['associations', ['move-associations'], ['return-associations']],
  ])('with %s, a replacement and its way back have phases of their own for them', (part, going, returning) => {
    const traits = traitsOf({ isFenced: true, topology: 'multiple', parts: [part] });
    const plain: Traits = { isFenced: true };
    expect(phasesOf('replace', traits).filter((phase) => !phasesOf('replace', plain).includes(phase))).toEqual(going);
    expect(phasesOf('revert-fenced', traits).filter((phase) => !phasesOf('revert-fenced', plain).includes(phase))).toEqual(returning);
  });

  it('that are left after one of them are those behind it', () => {
    expect(phasesAfter('quarantine', 'replace', bare)).toEqual(['verify', 'finish']);
    expect(phasesAfter('quarantine', 'replace', everyTrait)).toEqual(['rearm', 'verify', 'finish']);
    expect(phasesAfter('finish', 'replace', bare)).toEqual([]);
    expect(phasesAfter('capture', 'root-swap', bare)).toEqual([
      'evidence',
      'swap-root',
      'await-swap',
      'keep-root',
      'await-recovered',
      'verify-serving',
      'finish',
    ]);
  });
});

describe('what is known of an instance', () => {
  it('is nothing but its topology before its capture', () => {
    const nothing = { hasVolumes: false, hasInterfaces: false, hasDetachables: false, hasAddresses: false, hasRecords: false, hasAssociations: false };
    expect(traitsOf({ topology: 'multiple' })).toEqual({ ...nothing, isFenced: false });
    expect(traitsOf({ topology: 'single', parts: [] })).toEqual({ ...nothing, isFenced: true });
    expect(traitsOf({ topology: 'multiple', isFenced: true, parts: [...partNames] })).toEqual(everyTrait);
  });

  it('decides how failures are undone: as it says itself, else by its topology, as before procedure version 2', () => {
    expect([true, false].map((isFenced) => failureModeOf({ isFenced, topology: 'multiple' }))).toEqual(['fenced', 'launch-first']);
    expect(failureModeOf({ isFenced: false, topology: 'single' })).toBe('launch-first');
    expect((['single', 'multiple'] as const).map((topology) => failureModeOf({ topology }))).toEqual(['fenced', 'launch-first']);
  });

  it('says which successes leave it where it is', () => {
    expect(pathNames.filter((path) => keepsInstance({ path }))).toEqual(['native-recovery', 'restart', 'reboot', 'root-swap']);
    expect(keepsInstance({})).toBe(false);
  });
});

/** What runs when this phase of an instance with everything fails. */
const failing = (phase: PhaseName, changes: Partial<Parameters<typeof undoOf>[0]> = {}) =>
  undoOf({ phase, topology: 'multiple', isDrill: false, parts: [...partNames], ...changes });

describe('what runs when a phase fails', () => {
  const startNew = ['return-new', 'await-running', 'register'] as const;
  const leadingToNew = ['move-addresses', 'move-records', 'move-associations'] as const;
  const serveWithNew = ['move-volumes', ...startNew, ...leadingToNew] as const;
  const oldAway = ['move-interfaces', 'quarantine', ...serveWithNew] as const;

  it('is nothing before anything was touched, and nothing once something has failed', () => {
    for (const phase of ['confirm', 'guard', 'await-approval', 'preflight', 'capture', 'evidence', 'replace-member', 'reboot', 'finish'] as const)
      expect(failing(phase)).toEqual([]);
    expect(failing('launch', { failure: { phase: 'launch', reason: 'x' } })).toEqual([]);
  });

  it('of a replacement takes the new one away, beside the old one or before the old one starts again', () => {
    expect(failing('launch', { isFenced: false })).toEqual(withdrawing);
    expect(failing('launch', { isFenced: true })).toEqual([...withdrawing, ...bringingBack]);
    expect(failing('launch', { isFenced: true, path: 'replace' })).toEqual([...withdrawing, ...bringingBack]);
    expect(failing('launch', { parts: [] })).toEqual(['deregister-new', 'quarantine-new']);
    expect(failing('deregister')).toEqual(['register-old', ...withdrawing]);
    expect(failing('fence', { isFenced: true })).toEqual(bringingBack);
    expect(failing('defuse')).toEqual(['rearm-old']);
    expect(failing('snapshot', { isFenced: true })).toEqual(['rearm-old']);
    expect(failing('verify')).toEqual(['restore-old']);
  });

  it.each<readonly [phase: PhaseName, besides: readonly PhaseName[], instead: readonly PhaseName[]]>([
    ['deregister-new', ['register', ...leadingToNew, 'deregister', 'quarantine'], ['register']],
    ['return-interfaces', [], ['move-interfaces', 'register']],
    ['quarantine-new', [], ['move-interfaces', ...startNew]],
    ['return-volumes', [], ['move-interfaces', ...serveWithNew]],
    ['release-old', ['quarantine'], oldAway],
    ['start-old', ['quarantine'], oldAway],
    ['await-old-running', ['quarantine'], oldAway],
    ['register-old', ['deregister', 'quarantine'], ['deregister', ...oldAway]],
    ['await-old-healthy', ['deregister', 'quarantine'], ['deregister', ...oldAway]],
    ['return-addresses', [...leadingToNew, 'deregister', 'quarantine'], ['deregister', ...oldAway]],
    ['return-records', [...leadingToNew, 'deregister', 'quarantine'], ['deregister', ...oldAway]],
    ['return-associations', [...leadingToNew, 'deregister', 'quarantine'], ['deregister', ...oldAway]],
    ['prove-old', [...startNew, ...leadingToNew, 'deregister', 'quarantine', 'transfer-alarms'], ['deregister', ...oldAway, 'transfer-alarms']],
    ['transfer-alarms', [], []],
    ['rearm-old', [], []],
  ])('%s of a way back: the replacement serves with everything again', (phase, besides, instead) => {
    expect(failing(phase, { path: 'revert' })).toEqual(besides);
    expect(failing(phase, { path: 'revert-fenced', isFenced: true })).toEqual(instead);
  });

  it('of a drill puts away all that it has launched; before that there is nothing', () => {
    const drilling = (phase: PhaseName) => failing(phase, { isDrill: true, path: 'drill' });
    expect((['confirm', 'guard', 'await-approval'] as const).map(drilling)).toEqual([[], [], []]);
    for (const phase of paths.drill) expect(drilling(phase)).toEqual(['quarantine-new']);
    expect(failing('launch', { isDrill: true, failure: { phase: 'launch', reason: 'x' } })).toEqual([]);
  });

  it.each<readonly [path: PathName, phases: readonly PhaseName[]]>([
    ['replace', ['drain', 'transfer-alarms', 'quarantine', 'rearm']],
    ['revert', ['transfer-alarms', 'quarantine-new']],
    ['revert-fenced', ['transfer-alarms']],
    ['drill', []],
    ['group-member', ['quarantine-member']],
    ['root-swap', []],
    ['reboot', []],
  ])('on the path %s is the rest all the same behind what only tidies up: %j', (path, phases) => {
    expect(phaseNames.filter((phase) => goesOnRegardless({ phase, path }))).toEqual(phases);
  });

  it('is the rest all the same while a repair is undone, where that only restores', () => {
    const failure = { phase: 'launch', reason: 'x' } as const;
    expect(phaseNames.filter((phase) => goesOnRegardless({ phase, failure }))).toEqual([
      'deregister-new',
      'return-associations',
      'return-records',
      'return-addresses',
      'return-interfaces',
      'await-old-running',
      'register-old',
    ]);
    expect(goesOnRegardless({ phase: 'quarantine', failure, path: 'replace' })).toBe(false);
    expect(goesOnRegardless({ phase: 'quarantine' })).toBe(true);
  });

  it('is never planned: these phases only undo', () => {
    expect(phaseNames.filter(isCompensation)).toEqual([
      'deregister-new',
      'return-associations',
      'return-records',
      'return-addresses',
      'return-interfaces',
      'quarantine-new',
      'return-volumes',
      'start-old',
      'await-old-running',
      'register-old',
      'rearm-old',
      'restore-old',
      'release-old',
      'await-old-healthy',
      'prove-old',
      'return-new',
    ]);
  });

  it('may be the next step of the ladder, on the paths that keep the instance', () => {
    expect(phaseNames.filter((phase) => rowOf(phase).escalates === true)).toEqual([
      'await-native-recovery',
      'restart-process',
      'reboot',
      'swap-root',
      'await-swap',
      'await-recovered',
      'verify-serving',
    ]);
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
