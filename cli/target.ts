import type { DeployEventBus } from '../core/deployments/ports.ts';
import type { Clock, Scope } from '../core/environment/ports.ts';
import type { Timestamp } from '../core/environment/time.ts';
import type { SubscriptionConfirmer, SubscriptionReader } from '../core/incidents/fan-out/subscriptions.ts';
import type { RecordStore } from '../core/records/store.ts';
import type { ObservePorts } from '../core/remediation/phase.ts';
import { CliError } from './cli-error.ts';
import type { LeavingItem, LeftOutside } from './uninstall-plan.ts';

/** What a person says about where a command goes; it is never guessed. */
export interface TargetOptions {
  readonly local?: boolean;
  readonly profile?: string;
  readonly region?: string;
  /** Name of the deployed stack. */
  readonly stack?: string;
}

/** A message that was taken out of sight. */
export interface HiddenMessage {
  readonly body: string;
  readonly receipt: string;
}

/** The queues in which malformed events wait. Errors: those of the SDK, which `explain-failure.ts` puts into words. */
export interface QueueDesk {
  /** About how many messages wait. */
  depth(queueUrl: string): Promise<number>;
  /** Takes up to `limit` messages out of sight for five minutes. */
  hide(queueUrl: string, limit: number): Promise<readonly HiddenMessage[]>;
  send(queueUrl: string, body: string): Promise<void>;
  remove(queueUrl: string, message: HiddenMessage): Promise<void>;
}

/** What the account itself says; for `doctor`. */
export interface AccountReader {
  /** How many subscriptions a topic has, and how many of them wait for their confirmation. */
  subscriptions(topicArn: string): Promise<{ readonly total: number; readonly unconfirmed: number }>;
  sms(): Promise<{ readonly isInSandbox: boolean; readonly monthlyLimitDollars?: number }>;
  /** Lambda's concurrent executions that are not reserved by others. */
  concurrency(): Promise<{ readonly unreserved: number }>;
}

/** The fleet as it is now. */
export interface FleetReader {
  countRunning(): Promise<number>;
  /** State changes of all alarms that CloudWatch still remembers, oldest first, in the form of EventBridge. */
  alarmHistory(window: { readonly from: Timestamp; readonly to: Timestamp }): Promise<readonly unknown[]>;
  /** The ports that `plan` reads with. */
  readonly observe: () => ObservePorts;
}

/** Tags of instances, written with the rights of whoever types. */
export interface TagDesk {
  set(instanceId: string, key: string, value: string): Promise<void>;
  remove(instanceId: string, key: string): Promise<void>;
}

/** What Perennial left outside its stacks. Errors: `RetryableError`, `PermanentError`. */
export interface LeavingDesk {
  find(): Promise<Omit<LeftOutside, 'tableName'>>;
  /** Idempotent; what is gone already is success. */
  carryOut(item: LeavingItem): Promise<void>;
}

/** The deployed platform that a command talks to. */
export interface Target {
  readonly scope: Scope;
  readonly stackName: string;
  /** How to name this target again on a command line, for example `--local`. */
  readonly words: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly records: RecordStore;
  readonly clock: Clock;
  /** Who types: stored with what they change. */
  readonly operator: string;
  readonly queues: QueueDesk;
  readonly account: AccountReader;
  readonly subscriptions: SubscriptionReader & SubscriptionConfirmer;
  readonly fleet: FleetReader;
  readonly leaving: LeavingDesk;
  readonly tags: TagDesk;
  readonly deployBus: (eventBusName: string) => DeployEventBus;
}

/** Finds the deployed platform. Errors: {@link CliError} that says what to type. */
export type OpenTarget = (options: TargetOptions) => Promise<Target>;

/** The first line of every human output (design section 9). */
export function headerOf(target: Pick<Target, 'scope' | 'stackName'>): string {
  return `account ${target.scope.accountId} · ${target.scope.region} · stack ${target.stackName}`;
}

/** A command for the same target, to be copied whole. */
export function commandFor(target: Pick<Target, 'words'>, command: string): string {
  return `npm run -s perennial -- ${command} ${target.words}`;
}

/** An output of the stack. Errors: {@link CliError} when an older version of the stack is deployed. */
export function outputOf(target: Pick<Target, 'outputs' | 'stackName'>, name: string): string {
  const value = target.outputs[name];
  if (value === undefined)
    throw new CliError(`The stack ${target.stackName} has no output ${name}, so it is older than this command. Deploy this version: npx cdk deploy`);
  return value;
}
