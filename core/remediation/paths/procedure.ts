import type { PartName, PathName, PhaseName, Remediation } from '../record.ts';

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
  /** What it has that moves; not known before its capture. */
  readonly hasVolumes?: boolean;
  readonly hasInterfaces?: boolean;
  /** Volumes or interfaces: what is taken off one instance and put on another. */
  readonly hasDetachables?: boolean;
  readonly hasAddresses?: boolean;
  readonly hasRecords?: boolean;
  readonly hasAssociations?: boolean;
}

/** Which policy field bounds a phase, in seconds. */
export type DeadlineField =
  | 'confirmDeadlineSeconds'
  | 'launchDeadlineSeconds'
  | 'healthyDeadlineSeconds'
  | 'drainDeadlineSeconds'
  | 'stopDeadlineSeconds'
  | 'bringBackDeadlineSeconds'
  | 'verifyDeadlineSeconds'
  | 'snapshotDeadlineSeconds'
  | 'moveDeadlineSeconds'
  | 'approvalExpiresSeconds'
  | 'nativeRecoverySeconds'
  | 'stepDeadlineSeconds'
  | 'memberDeadlineSeconds';

export interface PhaseRow {
  /** `observe` may only read AWS; `act` may change it, but terminate nothing. */
  readonly role: 'observe' | 'act';
  readonly deadline: DeadlineField;
  /** Up to and including this phase a pause undoes; after it a pause lets the repair finish. */
  readonly isBeforeDrain: boolean;
  /** What runs instead of the rest when this phase fails. */
  readonly onFailure: Readonly<Record<FailureMode, readonly PhaseName[]>>;
  /** What runs instead on a path whose way back is another one. */
  readonly undoOnPath?: Partial<Readonly<Record<PathName, readonly PhaseName[]>>>;
  /** Runs only for an instance of which this is true. */
  readonly onlyIf?: keyof Traits;
  /** A failure is no failure of the repair while the policy's ladder has a next path: that one is taken instead. */
  readonly escalates?: true;
  /**
   * On these paths another instance serves already when this phase runs, and the phase only tidies up: its failure is told and left to be
   * finished, and the repair goes on to prove and record who holds the slot.
   */
  readonly tidiesUpOn?: readonly PathName[];
  /**
   * While a repair is undone, what follows runs though this phase failed: the old instance is to be as it was as far as can be. Without this
   * the way back ends here, for two must never run at once, and no instance may start without its data.
   */
  readonly restoresAllTheSame?: true;
  /** One sentence for the plan and the timeline. */
  readonly summary: string;
}

const nothingToUndo = { 'launch-first': [], fenced: [] } as const;

/** The old one was fenced: it is all the slot has, so it must come back. */
const bringBackOld = ['start-old', 'await-old-running', 'register-old', 'rearm-old'] as const;

/**
 * What moved goes back in reverse, the replacement is taken out and kept stopped as evidence; only then may the old one of a `single`
 * system run again. Volumes go back last: they are taken from a stopped instance only.
 */
const withdrawNew = [
  'deregister-new',
  'return-associations',
  'return-records',
  'return-addresses',
  'return-interfaces',
  'quarantine-new',
  'return-volumes',
] as const;

const withdraw = { 'launch-first': withdrawNew, fenced: [...withdrawNew, ...bringBackOld] } as const;

/**
 * A way back that fails ends with the replacement in service, and with everything at it: each of these steps does nothing where nothing
 * had gone back. What is attached comes before it starts; what leads people there comes last, once it runs.
 */
const startNew = ['return-new', 'await-running', 'register'] as const;
const serveWithNew = ['move-volumes', ...startNew, 'move-addresses', 'move-records', 'move-associations'] as const;

/**
 * The old instance is put away again, and seen stopped; beside a replacement that still serves that is all. Its secondary interfaces
 * leave it before: a quarantine isolates every interface that it finds.
 */
const returnOld = { revert: ['quarantine'], 'revert-fenced': ['move-interfaces', 'quarantine', ...serveWithNew] } as const;
const withdrawOld = { revert: ['deregister', 'quarantine'], 'revert-fenced': ['deregister', ...returnOld['revert-fenced']] } as const;
/** Also what had begun to lead to the old instance leads to the replacement again, before the old one goes. */
const turnBack = {
  revert: ['move-addresses', 'move-records', 'move-associations', ...withdrawOld.revert],
  'revert-fenced': withdrawOld['revert-fenced'],
} as const;

/** The same from wherever a way back has got to, also when the replacement had been put away: each step does nothing where nothing had changed. */
const wholeTurn = {
  revert: [...startNew, ...turnBack.revert, 'transfer-alarms'],
  'revert-fenced': [...turnBack['revert-fenced'], 'transfer-alarms'],
} as const;

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
  'await-approval': {
    role: 'observe',
    deadline: 'approvalExpiresSeconds',
    isBeforeDrain: true,
    onFailure: nothingToUndo,
    summary: 'Wait for a person who approves the plan',
  },
  'launch-throwaway': {
    role: 'act',
    deadline: 'launchDeadlineSeconds',
    isBeforeDrain: true,
    onFailure: nothingToUndo,
    summary: 'Launch a copy of a healthy member that the drill may break',
  },
  'await-throwaway': {
    role: 'observe',
    deadline: 'launchDeadlineSeconds',
    isBeforeDrain: true,
    onFailure: nothingToUndo,
    summary: 'See that the throw-away instance keeps running',
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
  evidence: {
    role: 'act',
    deadline: 'confirmDeadlineSeconds',
    isBeforeDrain: true,
    onFailure: nothingToUndo,
    summary: 'Keep what the old instance can still say: console, host tools, error lines, snapshot',
  },
  defuse: {
    role: 'act',
    deadline: 'stopDeadlineSeconds',
    isBeforeDrain: true,
    onlyIf: 'hasDetachables',
    onFailure: { 'launch-first': ['rearm-old'], fenced: ['rearm-old'] },
    summary: 'See to it that no volume and no interface can end with the old instance',
  },
  snapshot: {
    role: 'act',
    deadline: 'snapshotDeadlineSeconds',
    isBeforeDrain: true,
    onlyIf: 'hasVolumes',
    onFailure: { 'launch-first': ['rearm-old'], fenced: ['rearm-old'] },
    summary: 'Take fresh snapshots of the data volumes; wait for them where the system is stateful',
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
  'move-volumes': {
    role: 'act',
    deadline: 'moveDeadlineSeconds',
    isBeforeDrain: true,
    onlyIf: 'hasVolumes',
    onFailure: withdraw,
    summary: 'Take the data volumes off the stopped old instance and attach them to the new one at the same devices',
  },
  'move-interfaces': {
    role: 'act',
    deadline: 'moveDeadlineSeconds',
    isBeforeDrain: true,
    onlyIf: 'hasInterfaces',
    onFailure: withdraw,
    summary: 'Take the secondary network interfaces, with their addresses, over to the new instance',
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
  'move-addresses': {
    role: 'act',
    deadline: 'moveDeadlineSeconds',
    isBeforeDrain: true,
    onlyIf: 'hasAddresses',
    onFailure: withdraw,
    summary: 'Point the Elastic IP addresses and secondary private addresses to the new instance, which serves now',
  },
  'move-records': {
    role: 'act',
    deadline: 'moveDeadlineSeconds',
    isBeforeDrain: true,
    onlyIf: 'hasRecords',
    onFailure: withdraw,
    summary: 'Write the new addresses into the DNS records that named the old ones, and see them in sync',
  },
  'move-associations': {
    role: 'act',
    deadline: 'moveDeadlineSeconds',
    isBeforeDrain: true,
    onlyIf: 'hasAssociations',
    onFailure: withdraw,
    summary: 'Let the Systems Manager associations name the new instance',
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
    tidiesUpOn: ['replace'],
    summary: 'Let its connections end',
  },
  'transfer-alarms': {
    role: 'act',
    deadline: 'stopDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    tidiesUpOn: ['replace', 'revert', 'revert-fenced'],
    summary: 'Clone its alarms to the new instance id and retire the old id',
  },
  quarantine: {
    role: 'act',
    deadline: 'stopDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    tidiesUpOn: ['replace'],
    summary: 'Keep evidence, then isolate, stop and tag the old instance',
  },
  rearm: {
    role: 'act',
    deadline: 'stopDeadlineSeconds',
    isBeforeDrain: false,
    onlyIf: 'hasDetachables',
    onFailure: nothingToUndo,
    tidiesUpOn: ['replace'],
    summary: 'Let what stays with the old instance end with it again, as it was',
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
    undoOnPath: { revert: ['register', ...turnBack.revert], 'revert-fenced': ['register'] },
    restoresAllTheSame: true,
    summary: 'Take the failed replacement out of the target groups',
  },
  'return-associations': {
    role: 'act',
    deadline: 'moveDeadlineSeconds',
    isBeforeDrain: false,
    onlyIf: 'hasAssociations',
    onFailure: nothingToUndo,
    undoOnPath: turnBack,
    restoresAllTheSame: true,
    summary: 'Let the Systems Manager associations name the old instance again',
  },
  'return-records': {
    role: 'act',
    deadline: 'moveDeadlineSeconds',
    isBeforeDrain: false,
    onlyIf: 'hasRecords',
    onFailure: nothingToUndo,
    undoOnPath: turnBack,
    restoresAllTheSame: true,
    summary: 'Write the old addresses into the DNS records again',
  },
  'return-addresses': {
    role: 'act',
    deadline: 'moveDeadlineSeconds',
    isBeforeDrain: false,
    onlyIf: 'hasAddresses',
    onFailure: nothingToUndo,
    undoOnPath: turnBack,
    restoresAllTheSame: true,
    summary: 'Point the Elastic IP addresses and secondary private addresses to the old instance again',
  },
  'return-interfaces': {
    role: 'act',
    deadline: 'moveDeadlineSeconds',
    isBeforeDrain: false,
    onlyIf: 'hasInterfaces',
    onFailure: nothingToUndo,
    undoOnPath: { 'revert-fenced': ['move-interfaces', 'register'] },
    restoresAllTheSame: true,
    summary: 'Give the secondary network interfaces back to the old instance',
  },
  'quarantine-new': {
    role: 'act',
    deadline: 'stopDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    undoOnPath: { 'revert-fenced': ['move-interfaces', ...startNew] },
    tidiesUpOn: ['revert'],
    summary: 'Keep evidence of the failed replacement, isolate it and see it stopped',
  },
  'return-volumes': {
    role: 'act',
    deadline: 'moveDeadlineSeconds',
    isBeforeDrain: false,
    onlyIf: 'hasVolumes',
    onFailure: nothingToUndo,
    undoOnPath: { 'revert-fenced': ['move-interfaces', ...serveWithNew] },
    summary: 'Take the data volumes off the stopped replacement and give them back to the old instance',
  },
  'start-old': {
    role: 'act',
    // Its own stop may be stuck: it is all the slot has, and nothing else can be done.
    deadline: 'bringBackDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    undoOnPath: returnOld,
    summary: 'Start the fenced old instance again',
  },
  'await-old-running': {
    role: 'observe',
    deadline: 'launchDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    undoOnPath: returnOld,
    restoresAllTheSame: true,
    summary: 'See that the old instance keeps running',
  },
  'register-old': {
    role: 'act',
    deadline: 'healthyDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    undoOnPath: withdrawOld,
    restoresAllTheSame: true,
    summary: 'Register the old instance with its target groups again',
  },
  'rearm-old': {
    role: 'act',
    deadline: 'stopDeadlineSeconds',
    isBeforeDrain: false,
    onlyIf: 'hasDetachables',
    onFailure: nothingToUndo,
    summary: 'Set again what ends with the old instance and what does not, as it was',
  },
  'restore-old': {
    role: 'act',
    deadline: 'healthyDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    summary: 'Register the old instance again if it is still healthy',
  },
  'release-old': {
    role: 'act',
    deadline: 'stopDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    undoOnPath: returnOld,
    summary: 'Take the old instance out of quarantine: its security groups, profile and tags come back',
  },
  'await-old-healthy': {
    role: 'observe',
    deadline: 'healthyDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    undoOnPath: withdrawOld,
    summary: 'Read the target health of the old instance until it is healthy several times in a row',
  },
  'prove-old': {
    role: 'observe',
    deadline: 'healthyDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    undoOnPath: wholeTurn,
    summary: 'See again that the old instance serves, because the way back stood still since that was seen',
  },
  'return-new': {
    role: 'act',
    deadline: 'launchDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    summary: 'Take the replacement out of quarantine and start it again',
  },
  'choose-step': {
    role: 'observe',
    deadline: 'confirmDeadlineSeconds',
    isBeforeDrain: true,
    onFailure: nothingToUndo,
    summary: 'Ask which of the steps that are left can help now',
  },
  'await-native-recovery': {
    role: 'observe',
    deadline: 'nativeRecoverySeconds',
    isBeforeDrain: true,
    onFailure: nothingToUndo,
    escalates: true,
    summary: 'Let EC2 move the instance to another host, until its time for that is over',
  },
  'restart-process': {
    role: 'act',
    deadline: 'stepDeadlineSeconds',
    isBeforeDrain: true,
    onFailure: nothingToUndo,
    escalates: true,
    summary: 'Restart the declared service through Systems Manager and wait for the command to end',
  },
  reboot: {
    role: 'act',
    deadline: 'stepDeadlineSeconds',
    isBeforeDrain: true,
    onFailure: nothingToUndo,
    escalates: true,
    summary: 'Reboot the instance',
  },
  'swap-root': {
    role: 'act',
    deadline: 'stepDeadlineSeconds',
    isBeforeDrain: true,
    onFailure: nothingToUndo,
    escalates: true,
    summary: 'Put a new root volume from the approved image under the instance; the old one is kept as evidence',
  },
  'await-swap': {
    role: 'observe',
    deadline: 'launchDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    escalates: true,
    summary: 'Wait for the root volume to be replaced',
  },
  'keep-root': {
    role: 'act',
    deadline: 'stopDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    summary: 'Tag the root volume that was replaced, so that it is kept as evidence until its quarantine is over',
  },
  'await-recovered': {
    role: 'observe',
    deadline: 'stepDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    escalates: true,
    summary: 'Read the triggering source until it is no longer true several times in a row',
  },
  'preflight-member': {
    role: 'act',
    deadline: 'confirmDeadlineSeconds',
    isBeforeDrain: true,
    onFailure: nothingToUndo,
    summary: 'Ask the group: what it has suspended, what it is doing, and whether what it would launch can be launched',
  },
  'replace-member': {
    role: 'act',
    deadline: 'stepDeadlineSeconds',
    isBeforeDrain: true,
    onFailure: nothingToUndo,
    summary: 'Tell the group that the member is unhealthy, or take it into standby as evidence',
  },
  'complete-hooks': {
    role: 'act',
    deadline: 'memberDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    summary: 'Complete the lifecycle hooks that the policy names, for own members that wait at them, once the evidence is kept',
  },
  'await-member': {
    role: 'observe',
    deadline: 'memberDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    summary: 'See a new member in service and healthy in its target groups several times in a row',
  },
  'quarantine-member': {
    role: 'act',
    deadline: 'stopDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    tidiesUpOn: ['group-member'],
    summary: 'Isolate, stop and tag a member that was kept in standby',
  },
  'verify-serving': {
    role: 'observe',
    deadline: 'verifyDeadlineSeconds',
    isBeforeDrain: false,
    onFailure: nothingToUndo,
    escalates: true,
    summary: 'See the instance that holds the slot now serve for the verification time',
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
  ],
  /** The old instance returns beside its replacement, which goes once the old one serves; what leads people there follows in between. */
  revert: [
    'release-old',
    'start-old',
    'await-old-running',
    'register-old',
    'await-old-healthy',
    'return-addresses',
    'return-records',
    'return-associations',
    'deregister-new',
    'transfer-alarms',
    'quarantine-new',
    'finish',
  ],
  /** The same where only one may run: the replacement is seen stopped before the old one starts. */
  'revert-fenced': [
    'deregister-new',
    // Before the replacement is isolated: that would take the security groups off its secondary interfaces too.
    'return-interfaces',
    'quarantine-new',
    'return-volumes',
    'release-old',
    'start-old',
    'await-old-running',
    'register-old',
    'await-old-healthy',
    'return-addresses',
    'return-records',
    'return-associations',
    'transfer-alarms',
    'rearm-old',
    'finish',
  ],
  /** The whole replacement, of a copy that serves nobody; then both go to the reaper. */
  drill: [
    'launch-throwaway',
    'await-throwaway',
    'preflight',
    'capture',
    'evidence',
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
    'quarantine-new',
    'finish',
  ],
  /** EC2 moves the instance to another host by itself; Perennial only watches. */
  'native-recovery': ['await-native-recovery', 'await-recovered', 'finish'],
  /** The instance keeps everything; only the declared service begins anew. */
  restart: ['evidence', 'restart-process', 'await-recovered', 'finish'],
  /** The instance keeps everything but what was in memory. */
  reboot: ['evidence', 'reboot', 'await-recovered', 'finish'],
  /** The instance keeps its id, interfaces, addresses and data volumes; its root begins anew from the image. */
  'root-swap': ['preflight', 'capture', 'evidence', 'swap-root', 'await-swap', 'keep-root', 'await-recovered', 'verify-serving', 'finish'],
  /** The Auto Scaling group replaces its own member. */
  'group-member': ['preflight-member', 'evidence', 'replace-member', 'complete-hooks', 'await-member', 'quarantine-member', 'verify-serving', 'finish'],
} as const satisfies Record<PathName, readonly PhaseName[]>;

/** The paths on which the instance stays itself: a success replaces nothing, and there is no second id. */
const keepingPaths: readonly PathName[] = ['native-recovery', 'restart', 'reboot', 'root-swap'];

/** True when a success of this record leaves the old instance in its slot. */
export function keepsInstance({ path = 'replace' }: Pick<Remediation, 'path'>): boolean {
  return keepingPaths.includes(path);
}

/** What a drill does beside a replacement, and the phases that ask a person or the ladder: none undoes anything. */
const planned: ReadonlySet<PhaseName> = new Set([
  ...opening,
  'await-approval',
  'choose-step',
  'launch-throwaway',
  'await-throwaway',
  ...paths.replace,
  ...keepingPaths.flatMap((path) => paths[path]),
  ...paths['group-member'],
]);

/** The phases of a path after the guard phase, in order, without those that do not apply to the instance. */
export function phasesOf(path: PathName, traits: Traits): readonly PhaseName[] {
  return applicable(paths[path], traits);
}

function applicable(phases: readonly PhaseName[], traits: Traits): readonly PhaseName[] {
  return phases.filter((name) => {
    const { onlyIf } = rowOf(name);
    return onlyIf === undefined || traits[onlyIf] === true;
  });
}

/** What is known of the instance so far. */
export function traitsOf(record: Pick<Remediation, 'isFenced' | 'topology' | 'parts'>): Traits {
  const has = (part: PartName): boolean => record.parts?.includes(part) === true;
  return {
    isFenced: failureModeOf(record) === 'fenced',
    hasVolumes: has('volumes'),
    hasInterfaces: has('interfaces'),
    hasDetachables: has('volumes') || has('interfaces'),
    hasAddresses: has('addresses'),
    hasRecords: has('records'),
    hasAssociations: has('associations'),
  };
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

/** What undoes this record's present phase when it fails. Once something has failed, a further failure is left to a person. */
export function undoOf(record: Pick<Remediation, 'isFenced' | 'topology' | 'parts' | 'path' | 'phase' | 'isDrill' | 'failure'>): readonly PhaseName[] {
  if (record.failure !== undefined) return [];
  const { phase, path = 'replace' } = record;
  // Whatever a drill has launched serves nobody: it is put away for the reaper, all of it.
  if (record.isDrill) return opening.includes(phase) || phase === 'await-approval' ? [] : ['quarantine-new'];
  const { onFailure, undoOnPath } = rowOf(phase);
  return applicable(undoOnPath?.[path] ?? onFailure[failureModeOf(record)], traitsOf(record));
}

/** True when what follows the present phase runs all the same though it fails: it tidies up behind an instance that serves, or restores. */
export function goesOnRegardless({ phase, path = 'replace', failure }: Pick<Remediation, 'phase' | 'path' | 'failure'>): boolean {
  const { tidiesUpOn, restoresAllTheSame } = rowOf(phase);
  return failure === undefined ? tidiesUpOn?.includes(path) === true : restoresAllTheSame === true;
}

/** True for a phase that only undoes: no repair plans it, only the way back does. */
export function isCompensation(phase: PhaseName): boolean {
  return !planned.has(phase);
}

/** The phase row, typed as the general row. */
export function rowOf(phase: PhaseName): PhaseRow {
  return procedure[phase];
}
