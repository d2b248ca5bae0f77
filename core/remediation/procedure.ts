import type { PathName, PhaseName, Remediation } from './record.ts';

/**
 * The procedure as data: what runs, in which role, for how long, and what undoes it.
 * The driver (`driver.ts`), the state machine's graph and the documentation read this table; order and reasons are design section 7's.
 */

/** Grows whenever a row changes its meaning; every remediation records the version it started with. */
export const procedureVersion = 2;

/**
 * `launch-first`: the old instance stays until the new one serves, so undoing means taking the new one away.
 * `fenced`: the old one was stopped before the launch, so undoing also means bringing it back.
 */
export const failureModes = ['launch-first', 'fenced'] as const;
export type FailureMode = (typeof failureModes)[number];

/** What the instance is, as far as it decides which phases apply. */
export interface Traits {
  /** It must be stopped before its replacement runs. */
  readonly isFenced: boolean;
}

/** Which policy field bounds a phase, in seconds. */
export type DeadlineField =
  | 'confirmDeadlineSeconds'
  | 'launchDeadlineSeconds'
  | 'healthyDeadlineSeconds'
  | 'drainDeadlineSeconds'
  | 'stopDeadlineSeconds'
  | 'verifyDeadlineSeconds';

export interface PhaseRow {
  /** `observe` may only read AWS; `act` may change it, but terminate nothing. */
  readonly role: 'observe' | 'act';
  readonly deadline: DeadlineField;
  /** Up to and including this phase a pause undoes; after it a pause lets the repair finish. */
  readonly isBeforeDrain: boolean;
  /** What runs instead of the rest when this phase fails. */
  readonly onFailure: Readonly<Record<FailureMode, readonly PhaseName[]>>;
  /** Runs only for an instance of which this is true. */
  readonly onlyIf?: keyof Traits;
  /** A failure is no failure of the repair while the policy's ladder has a next path: that one is taken instead. */
  readonly escalates?: true;
  /** One sentence for the plan and the timeline. */
  readonly summary: string;
}

const nothingToUndo = { 'launch-first': [], fenced: [] } as const;

/** The old one was fenced: it is all the slot has, so it must come back. */
const bringBackOld = ['start-old', 'await-old-running', 'register-old'] as const;

/** The replacement is taken out and kept stopped as evidence; only then may the old one of a `single` system run again. */
const withdrawNew = ['deregister-new', 'quarantine-new'] as const;

const withdraw = { 'launch-first': withdrawNew, fenced: [...withdrawNew, ...bringBackOld] } as const;

export const procedure = {
  confirm: {
    role: 'observe',
    deadline: 'confirmDeadlineSeconds',
    isBeforeDrain: true,
    onFailure: nothingToUndo,
    summary: 'Wait the pending time and read the triggering source again',
  },
  guard: {
    role: 'observe',
    deadline: 'confirmDeadlineSeconds',
    isBeforeDrain: true,
    onFailure: nothingToUndo,
    summary: 'Ask every guardrail, in order',
  },
  preflight: {
    role: 'act',
    deadline: 'confirmDeadlineSeconds',
    isBeforeDrain: true,
    onFailure: nothingToUndo,
    summary: 'Rehearse the launch: image, capacity, permissions, addresses',
  },
  capture: {
    role: 'observe',
    deadline: 'confirmDeadlineSeconds',
    isBeforeDrain: true,
    onFailure: nothingToUndo,
    summary: 'Record everything the replacement must get back',
  },
  fence: {
    role: 'act',
    deadline: 'stopDeadlineSeconds',
    isBeforeDrain: true,
    onlyIf: 'isFenced',
    onFailure: { 'launch-first': [], fenced: bringBackOld },
    summary: 'Stop the old instance and see it stopped, before another one may run',
  },
  launch: {
    role: 'act',
    deadline: 'launchDeadlineSeconds',
    isBeforeDrain: true,
    // A launch that failed may still have launched: withdrawing looks for what carries our tag.
    onFailure: withdraw,
    summary: 'Launch the replacement from the approved image',
  },
  'await-running': {
    role: 'observe',
    deadline: 'launchDeadlineSeconds',
    isBeforeDrain: true,
    onFailure: withdraw,
    summary: 'See it running, see that running persists and both status checks pass',
  },
  register: {
    role: 'act',
    deadline: 'healthyDeadlineSeconds',
    isBeforeDrain: true,
    onFailure: withdraw,
    summary: 'Register it with the target groups of the old one, with their ports',
  },
  'await-healthy': {
    role: 'observe',
    deadline: 'healthyDeadlineSeconds',
    isBeforeDrain: true,
    onFailure: withdraw,
    summary: 'Read its target health until it is healthy several times in a row',
  },
  deregister: {
    role: 'act',
    deadline: 'drainDeadlineSeconds',
    isBeforeDrain: true,
    onFailure: { 'launch-first': ['register-old', ...withdrawNew], fenced: [...withdrawNew, ...bringBackOld] },
    summary: 'Take the old instance out of its target groups',
  },
  drain: {
    role: 'observe',
    deadline: 'drainDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    summary: 'Let its connections end',
  },
  'transfer-alarms': {
    role: 'act',
    deadline: 'stopDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    summary: 'Clone its alarms to the new instance id and retire the old id',
  },
  quarantine: {
    role: 'act',
    deadline: 'stopDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    summary: 'Keep evidence, then isolate, stop and tag the old instance',
  },
  verify: {
    role: 'observe',
    deadline: 'verifyDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: { 'launch-first': ['restore-old'], fenced: ['restore-old'] },
    summary: 'See the replacement serve for the verification time',
  },
  'deregister-new': {
    role: 'act',
    deadline: 'drainDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    summary: 'Take the failed replacement out of the target groups',
  },
  'quarantine-new': {
    role: 'act',
    deadline: 'stopDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    summary: 'Keep evidence of the failed replacement, isolate it and see it stopped',
  },
  'start-old': {
    role: 'act',
    deadline: 'launchDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    summary: 'Start the fenced old instance again',
  },
  'await-old-running': {
    role: 'observe',
    deadline: 'launchDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    summary: 'See that the old instance keeps running',
  },
  'register-old': {
    role: 'act',
    deadline: 'healthyDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    summary: 'Register the old instance with its target groups again',
  },
  'restore-old': {
    role: 'act',
    deadline: 'healthyDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    summary: 'Register the old instance again if it is still healthy',
  },
  finish: {
    role: 'observe',
    deadline: 'stopDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    summary: 'Record the result, tell people, release the slot',
  },
} as const satisfies Record<PhaseName, PhaseRow>;

/** What every repair does before a path is chosen. */
const opening: readonly PhaseName[] = ['confirm', 'guard'];

/**
 * The ways to repair, each with its phases after the opening (design section 7). The guard phase chooses one with a reason;
 * the policy's ladder may name several, tried in turn.
 */
export const paths = {
  /** The full replacement: fenced before the launch, or with the old one beside it until the new one serves. */
  replace: [
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
  ],
} as const satisfies Record<PathName, readonly PhaseName[]>;

const planned: ReadonlySet<PhaseName> = new Set([...opening, ...Object.values(paths).flat()]);

/** The phases of a path after the guard phase, in order, without those that do not apply to the instance. */
export function phasesOf(path: PathName, traits: Traits): readonly PhaseName[] {
  return paths[path].filter((name) => {
    const { onlyIf } = rowOf(name);
    return onlyIf === undefined || traits[onlyIf];
  });
}

/** All phases of a repair on this path. */
export function allPhasesOf(path: PathName, traits: Traits): readonly PhaseName[] {
  return [...opening, ...phasesOf(path, traits)];
}

/** What is left of a path after one of its phases; used when a phase learns what the instance is. */
export function phasesAfter(phase: PhaseName, path: PathName, traits: Traits): readonly PhaseName[] {
  const phases = phasesOf(path, traits);
  return phases.slice(phases.indexOf(phase) + 1);
}

/** How failures of this remediation are undone. Records of before procedure version 2 say it by their topology. */
export function failureModeOf(record: Pick<Remediation, 'isFenced' | 'topology'>): FailureMode {
  return (record.isFenced ?? record.topology === 'single') ? 'fenced' : 'launch-first';
}

/** True for a phase that only undoes: no path plans it. */
export function isCompensation(phase: PhaseName): boolean {
  return !planned.has(phase);
}

/** The phase row, typed as the general row. */
export function rowOf(phase: PhaseName): PhaseRow {
  return procedure[phase];
}
