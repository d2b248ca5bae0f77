import type { PhaseName, Remediation } from './record.ts';

/**
 * The procedure as data: what runs, in which role, for how long, and what undoes it.
 * The driver (`driver.ts`), the state machine's graph and the documentation read this table; order and reasons are design section 7's.
 */

/** Grows whenever a row changes its meaning; every remediation records the version it started with. */
export const procedureVersion = 1;

export type Topology = Remediation['topology'];

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
  readonly onFailure: Readonly<Record<Topology, readonly PhaseName[]>>;
  /** One sentence for the plan and the timeline. */
  readonly summary: string;
}

const nothingToUndo = { multiple: [], single: [] } as const;

/** The old one was fenced: it is all the slot has, so it must come back. */
const bringBackOld = ['start-old', 'await-old-running', 'register-old'] as const;

/** The replacement is taken out and kept stopped as evidence; only then may the old one of a `single` system run again. */
const withdrawNew = ['deregister-new', 'quarantine-new'] as const;

const withdraw = { multiple: withdrawNew, single: [...withdrawNew, ...bringBackOld] } as const;

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
    onFailure: { multiple: [], single: bringBackOld },
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
    onFailure: { multiple: ['register-old', ...withdrawNew], single: [...withdrawNew, ...bringBackOld] },
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
    onFailure: { multiple: ['restore-old'], single: ['restore-old'] },
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

/** The full replacement. `single` is fenced before the launch; `multiple` keeps the old one until the new one serves. */
const fullReplacement: readonly PhaseName[] = [
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
];

/** The phases of a full replacement for this topology, in order. A `multiple` or concurrency-safe system is not fenced. */
export function phasesOf(topology: Topology, isConcurrencySafe: boolean): readonly PhaseName[] {
  const isFenced = topology === 'single' && !isConcurrencySafe;
  return fullReplacement.filter((name) => name !== 'fence' || isFenced);
}

/** True for a phase that undoes: it is not part of the full replacement. */
export function isCompensation(phase: PhaseName): boolean {
  return phase !== 'finish' && !fullReplacement.includes(phase);
}

/** The phase row, typed as the general row. */
export function rowOf(phase: PhaseName): PhaseRow {
  return procedure[phase];
}
