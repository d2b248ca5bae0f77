import type { DeployDetail } from '../deployments/record.ts';
import type { Hasher, Scope } from '../environment/ports.ts';
import type { Timestamp } from '../environment/time.ts';

/** How loud a signal is; design section 2. `critical` pages at once, repair or not. */
export type Severity = 'critical' | 'high' | 'warning' | 'info';

/** `info`: understood, asks for nothing. */
export type SignalState = 'firing' | 'resolved' | 'info';

/** What a signal is about. */
export type SubjectType = 'instance' | 'group' | 'target-group' | 'image' | 'volume' | 'system' | 'alarm' | 'deployment' | 'job' | 'check' | 'account';

export interface Subject {
  readonly type: SubjectType;
  readonly id: string;
}

/** One normalised fact from outside. */
export interface Signal {
  /** Dotted, for example `alarm.state-change`, `instance.status-check`, `deploy.started`. */
  readonly kind: string;
  readonly subject: Subject;
  readonly severity: Severity;
  readonly state: SignalState;
  /** When it happened, by the source's own clock. */
  readonly at: Timestamp;
  /** Where it came from: `aws.cloudwatch`, `aws.ec2`, `perennial` … */
  readonly source: string;
  /** The name of the rule that speaks: alarm name, status check kind, event detail-type. Part of the fingerprint. */
  readonly rule: string;
  readonly scope: Scope;
  /** One sentence for a person, already masked. */
  readonly summary: string;
  /** Further facts as text, for the timeline; masked, bounded to 20 entries of 256 characters. */
  readonly details: Readonly<Record<string, string>>;
  /** What a deploy event of our own bus says, typed: its actors are not masked here, so this has limited access. */
  readonly deployment?: DeployDetail;
  /** Who asks for something by hand, and why; typed, because actors have limited access. */
  readonly request?: RequestDetail;
}

export interface RequestDetail {
  readonly by: string;
  readonly reason: string;
  /** The remediation that is to be taken back. */
  readonly remediationId?: string;
}

/**
 * The identity of a repeated signal (design section 2): the same for every repetition and for both ways an alarm arrives.
 *
 * @param place the slot where one is known, else `type/id` of the subject
 */
export function fingerprintOf(signal: Pick<Signal, 'kind' | 'scope' | 'rule'>, place: string, hasher: Hasher): string {
  const parts = [signal.kind, signal.scope.accountId, signal.scope.region, place, signal.rule];
  return hasher.sha256(parts.join('\n')).slice(0, 32);
}

/**
 * The identity of one very event: the same whenever it is delivered again, also when another catalog says that its subject belongs
 * elsewhere and so gives it another fingerprint.
 */
export function eventIdOf({ kind, scope, subject, rule, state, at }: Signal, hasher: Hasher): string {
  return hasher.sha256([kind, scope.accountId, scope.region, placeOfSubject(subject), rule, state, at].join('\n')).slice(0, 32);
}

/** The place of a signal whose slot is not known. */
export function placeOfSubject(subject: Subject): string {
  return `${subject.type}/${subject.id}`;
}
