import type { LadderStep, RemediationPolicy } from '../../catalog/schema.ts';
import { addSeconds, type Timestamp } from '../../environment/time.ts';
import { replacementRowOf } from '../guardrails/capability.ts';
import type { InstanceFacts, InstanceStatus } from '../ports.ts';
import type { PathName } from '../record.ts';
import type { RecoveryCapability } from '../surroundings/recovery-ports.ts';

/*
 * Which way to repair, and why: a table. The guard phase asks it, the plan shows it, and docs/paths.md prints it.
 */

/** Everything the choice looks at; each of it was read a moment ago. */
export interface PathFacts {
  readonly now: Timestamp;
  readonly policy: RemediationPolicy['spec'];
  /** The old instance must be stopped before another one may run. */
  readonly isFenced: boolean;
  /** A person asked for a replacement by name. */
  readonly isRequested: boolean;
  /** `undefined`: EC2 says there is no such instance. */
  readonly instance: InstanceFacts | undefined;
  readonly isGroupMember: boolean;
  /** `undefined` when EC2 lists none, because it does not run. */
  readonly status: InstanceStatus | undefined;
  /** `undefined` when the instance is gone. */
  readonly capability: RecoveryCapability | undefined;
}

/** The steps from which a repair of a trouble is chosen; ways back and drills are chosen by who asks for them. */
export type RepairPath = LadderStep | 'native-recovery' | 'group-member';

export interface PathRow {
  readonly path: RepairPath;
  /** When it is tried, for people. */
  readonly when: string;
  readonly authority: string;
  /** Why it cannot help now; `undefined` when it can. */
  readonly problem: (facts: PathFacts) => string | undefined;
  /** Why it is tried. */
  readonly reason: (facts: PathFacts) => string;
}

export interface Skipped {
  readonly path: RepairPath;
  readonly reason: string;
}

export type PathChoice =
  | { readonly kind: 'chosen'; readonly path: PathName; readonly reason: string; readonly nextPaths: readonly PathName[]; readonly skipped: readonly Skipped[] }
  | { readonly kind: 'none'; readonly reason: string; readonly skipped: readonly Skipped[] };

const firstOf = (facts: PathFacts, problems: readonly ((facts: PathFacts) => string | undefined)[]): string | undefined =>
  problems.map((problem) => problem(facts)).find((found) => found !== undefined);

const notRunning = ({ instance }: PathFacts): string | undefined =>
  instance?.state === 'running' ? undefined : `the instance is ${instance?.state ?? 'gone'}, not running`;

const onFailedHost = ({ status }: PathFacts): string | undefined =>
  status?.system === 'impaired' ? 'its system check fails: the trouble is the host, which this would not change' : undefined;

/** Until when EC2 may try by itself; counted from the first failed check, so that a repair that begins late does not wait again. */
export function nativeRecoveryUntil(
  status: InstanceStatus | undefined,
  policy: Pick<RemediationPolicy['spec'], 'nativeRecoverySeconds'>,
  now: Timestamp,
): Timestamp {
  return addSeconds(status?.impairedSince ?? now, policy.nativeRecoverySeconds);
}

function nativeProblem(facts: PathFacts): string | undefined {
  const { status, capability, policy, now } = facts;
  if (status?.system !== 'impaired') return 'its system check does not fail';
  if (capability?.isRecoveredByEc2 !== true) return `EC2 does not recover it by itself: ${capability?.recoveryReason ?? 'the instance is gone'}`;
  const until = nativeRecoveryUntil(status, policy, now);
  return until <= now ? `the time for native recovery was over at ${until}` : undefined;
}

function restartProblem({ policy, capability }: PathFacts): string | undefined {
  if (policy.restartProcess === undefined) return 'the policy declares no restartProcess';
  return capability?.isManagedOnline === true ? undefined : 'its Systems Manager agent does not answer';
}

function rootSwapProblem({ instance, status, capability }: PathFacts): string | undefined {
  if (status?.instance !== 'impaired') return 'its instance check does not fail: a new root would not help';
  if (instance?.rootDeviceType !== 'ebs') return 'its root is not on EBS';
  if (capability?.isBareMetal === true) return 'it is a bare-metal instance, whose root EC2 does not replace';
  if (capability?.hasProductCode === true) return 'its image has a product code, so its root is only replaced from the same product';
  return undefined;
}

function replaceProblem(facts: PathFacts): string | undefined {
  const row = replacementRowOf(facts);
  return row.verdict === 'veto' ? row.reason : undefined;
}

/** In the order in which they are considered; a ladder may change the order of its own steps. */
export const pathRows = [
  {
    path: 'group-member',
    when: 'It is a member of an Auto Scaling group',
    authority: 'https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html',
    problem: ({ isGroupMember }) => (isGroupMember ? undefined : 'it belongs to no Auto Scaling group'),
    reason: () => 'its Auto Scaling group replaces its own members',
  },
  {
    path: 'native-recovery',
    when: 'Its system check fails, EC2 recovers its type and configuration by itself, and `nativeRecoverySeconds` since the first failed check are not over',
    authority: 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-configuration-recovery.html',
    problem: (facts) => firstOf(facts, [notRunning, nativeProblem]),
    reason: ({ status, policy, now }) => `its system check fails, and EC2 may recover it by itself until ${nativeRecoveryUntil(status, policy, now)}`,
  },
  {
    path: 'restart',
    when: 'The ladder names it, the policy declares `restartProcess`, the instance runs on a good host and its Systems Manager agent answers',
    authority: 'https://docs.aws.amazon.com/systems-manager/latest/userguide/run-command.html',
    problem: (facts) => firstOf(facts, [notRunning, onFailedHost, restartProblem]),
    reason: ({ policy }) => `restarting ${policy.restartProcess?.service ?? 'the service'} is the gentlest step of the ladder that can help`,
  },
  {
    path: 'reboot',
    when: 'The ladder names it, and the instance runs on a good host',
    authority: 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-reboot.html',
    problem: (facts) => firstOf(facts, [notRunning, onFailedHost]),
    reason: () => 'a reboot keeps everything but what is in memory',
  },
  {
    path: 'root-swap',
    when: 'The ladder names it or the policy says `keepIdentity`; its instance check fails, its system check does not, it runs, its root is on EBS, and it is neither bare metal nor of a Marketplace product',
    authority: 'https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/replace-root.html',
    problem: (facts) => firstOf(facts, [notRunning, onFailedHost, rootSwapProblem]),
    reason: () => 'its identity must be kept, and only its instance check fails: a new root volume can help',
  },
  {
    path: 'replace',
    when: 'Otherwise: fenced or launched first, by the topology of the system',
    authority: 'design.md section 7',
    problem: replaceProblem,
    reason: ({ isFenced }) => `a full replacement, ${isFenced ? 'the old instance stopped first' : 'launched first'}`,
  },
] as const satisfies readonly PathRow[];

const rowsByPath: Readonly<Record<RepairPath, PathRow>> = {
  'group-member': pathRows[0],
  'native-recovery': pathRows[1],
  restart: pathRows[2],
  reboot: pathRows[3],
  'root-swap': pathRows[4],
  replace: pathRows[5],
};

/** The ladder as the policy means it: where identity must be kept the root is swapped before the instance is; nothing follows a replacement. */
export function ladderOf({ ladder, keepIdentity }: Pick<RemediationPolicy['spec'], 'ladder' | 'keepIdentity'>): readonly LadderStep[] {
  const last = ladder.indexOf('replace');
  const steps = last === -1 ? ladder : ladder.slice(0, last + 1);
  if (!keepIdentity || last === -1 || steps.includes('root-swap')) return steps;
  return [...steps.slice(0, -1), 'root-swap', 'replace'];
}

function candidatesOf({ isRequested, policy }: PathFacts): readonly RepairPath[] {
  return isRequested ? ['replace'] : ['native-recovery', ...ladderOf(policy)];
}

/** Chooses by the table: a member through its group, else the first step that can help; those after it are tried when it does not. */
export function choosePath(facts: PathFacts): PathChoice {
  if (facts.isGroupMember) {
    return { kind: 'chosen', path: 'group-member', reason: rowsByPath['group-member'].reason(facts), nextPaths: [], skipped: [] };
  }
  const considered = candidatesOf(facts).map((path) => ({ path, reason: rowsByPath[path].problem(facts) }));
  const skipped = considered.flatMap(({ path, reason }) => (reason === undefined ? [] : [{ path, reason }]));
  const [path, ...nextPaths] = considered.flatMap((step) => (step.reason === undefined ? [step.path] : []));
  if (path === undefined) return { kind: 'none', reason: `No step of the ladder can help: ${skippedText(skipped)}`, skipped };
  const { isRequested } = facts;
  const wanted = isRequested ? 'a person asked for it: ' : '';
  const left = mentioned(skipped);
  const reason = `${wanted}${rowsByPath[path].reason(facts)}${left.length === 0 ? '' : `; left out: ${skippedText(left)}`}`;
  return { kind: 'chosen', path, reason, nextPaths, skipped };
}

/** Chooses again among the steps that were left when the last one did not help: what could help then may not any more. */
export function chooseNextStep(facts: PathFacts, steps: readonly PathName[]): PathChoice {
  if (facts.isGroupMember) return { kind: 'none', reason: 'It belongs to an Auto Scaling group now, which replaces its own members', skipped: [] };
  // A host that fails only now may be recovered by EC2, whatever was tried against the first trouble.
  const wanted = facts.isRequested || steps.includes('native-recovery') ? steps : (['native-recovery', ...steps] as const);
  const considered = wanted.flatMap((path) => (isRepairPath(path) ? [{ path, reason: rowsByPath[path].problem(facts) }] : []));
  const first = considered.findIndex(({ reason }) => reason === undefined);
  const skipped = considered.slice(0, first === -1 ? undefined : first).flatMap(({ path, reason }) => (reason === undefined ? [] : [{ path, reason }]));
  const [chosen, ...later] = first === -1 ? [] : considered.slice(first);
  const left = mentioned(skipped);
  if (chosen === undefined) return { kind: 'none', reason: `No step that is left can help: ${skippedText(left)}`, skipped: left };
  const reason = `${rowsByPath[chosen.path].reason(facts)}${left.length === 0 ? '' : `; left out: ${skippedText(left)}`}`;
  return { kind: 'chosen', path: chosen.path, reason, nextPaths: later.map(({ path }) => path), skipped: left };
}

const isRepairPath = (path: PathName): path is RepairPath => Object.hasOwn(rowsByPath, path);

/** That native recovery does not apply to a healthy host is nothing to tell of. */
function mentioned(skipped: readonly Skipped[]): readonly Skipped[] {
  return skipped.filter(({ path, reason }) => path !== 'native-recovery' || reason.startsWith('EC2') || reason.startsWith('the time'));
}

function skippedText(skipped: readonly Skipped[]): string {
  return skipped.map(({ path, reason }) => `${path} (${reason})`).join(', ');
}
