import * as z from 'zod/mini';
import { PermanentError, RetryableError } from '../../environment/errors.ts';
import type { Clock, Scope } from '../../environment/ports.ts';
import { secondsBetween, type Timestamp } from '../../environment/time.ts';
import { keys, lists } from '../../records/keys.ts';
import { readAll, type RecordType, updateRecord } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import { remediationType } from '../record.ts';

/** A published version of a function that the driver loop calls. */
export interface FunctionVersion {
  /** Qualified: it ends in the number of the version. */
  readonly arn: string;
  readonly functionArn: string;
  readonly number: number;
}

/** The functions' published versions. Errors: `RetryableError`, `PermanentError`. */
export interface FunctionVersions {
  /** At most 1,000, the oldest first; without the unpublished one. */
  list(functionArn: string): Promise<readonly FunctionVersion[]>;
  /** Deletes exactly this version; one that is gone already is success. */
  delete(version: FunctionVersion): Promise<void>;
}

/** What executions of the driver loop were started with. Errors: `RetryableError`, `PermanentError`. */
export interface ExecutionReader {
  /** ARNs of the function versions that the execution calls; none when there is no such execution (any more). */
  versionsOf(executionName: string): Promise<readonly string[]>;
}

export interface VersionFacts {
  readonly versions: readonly FunctionVersion[];
  /** What the next repair will be started with. */
  readonly current: ReadonlySet<string>;
  /** Version → the open remediation whose execution calls it. */
  readonly named: ReadonlyMap<string, string>;
  /** Since when nobody has needed a version, as earlier sweeps saw it. */
  readonly unneededSince: Readonly<Record<string, Timestamp>>;
  readonly now: Timestamp;
}

export type VersionDecision =
  | { readonly version: FunctionVersion; readonly action: 'keep'; readonly reason: string }
  /** Nobody needs it, but not for long enough. */
  | { readonly version: FunctionVersion; readonly action: 'wait'; readonly reason: string; readonly since: Timestamp }
  | { readonly version: FunctionVersion; readonly action: 'delete'; readonly reason: string; readonly since: Timestamp };

const UNNEEDED_SECONDS = 7 * 86_400;

/**
 * Which versions may go (design section 4): those that nobody has needed for seven days without a break. A version is at least as old
 * as that. It is counted from when it was last needed, not from when it was published, because a deploy that fails brings back the
 * version before it, however old that is.
 */
export function decideVersions(facts: VersionFacts): readonly VersionDecision[] {
  return facts.versions.map((version) => {
    const need = needOf(version, facts);
    if (need !== undefined) return { version, action: 'keep', reason: need };
    const since = facts.unneededSince[version.arn] ?? facts.now;
    const action = secondsBetween(since, facts.now) >= UNNEEDED_SECONDS ? 'delete' : 'wait';
    return { version, action, reason: `Nobody has needed it since ${since}`, since };
  });
}

function needOf(version: FunctionVersion, { versions, current, named }: VersionFacts): string | undefined {
  if (current.has(version.arn)) return 'The next repair will be started with it';
  const remediationId = named.get(version.arn);
  if (remediationId !== undefined) return `${remediationId} was started with it and is open`;
  const isNewest = versions.every((other) => other.functionArn !== version.functionArn || other.number <= version.number);
  // A deploy publishes it a little before it is made current.
  return isNewest ? 'It is the newest version' : undefined;
}

export interface FunctionVersionPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
  readonly versions: FunctionVersions;
  readonly executions: ExecutionReader;
}

/** Version → since when nobody has needed it. Written only when something changed, which takes a deploy. */
const memorySchema = z.object({ unneededSince: z.record(z.string(), z.string()) });
const memoryType: RecordType<z.infer<typeof memorySchema>> = { name: 'function versions', schema: memorySchema };

/** One run deletes at most so many; the rest waits for the next one. */
const MAX_DELETES = 20;

export interface VersionSweep {
  readonly deleted: readonly string[];
  /** What went wrong; nothing is deleted on a guess, and the next sweep tries again. */
  readonly problems: readonly string[];
}

/**
 * Deletes the versions of the driver's functions that nobody needs any more. What is known of them is written before anything is
 * deleted, and a version that is gone is forgotten by the next run: a crash anywhere is safe.
 *
 * @param current ARNs of the versions that the next repair will be started with, one per function
 */
export async function sweepFunctionVersions(ports: FunctionVersionPorts, current: readonly string[]): Promise<VersionSweep> {
  try {
    return await deleteUnneeded(ports, current);
  } catch (error) {
    return { deleted: [], problems: [portProblem(error)] };
  }
}

/** A bug is no problem of a port: it is thrown on. */
function portProblem(error: unknown): string {
  if (error instanceof RetryableError || error instanceof PermanentError) return error.message;
  throw error;
}

async function deleteUnneeded(ports: FunctionVersionPorts, current: readonly string[]): Promise<VersionSweep> {
  const facts = await readFacts(ports, current);
  let decisions: readonly VersionDecision[] = [];
  await updateRecord(ports.store, memoryType, keys.functionVersions(ports.scope), (before) => {
    const unneededSince = before?.unneededSince ?? {};
    decisions = decideVersions({ ...facts, unneededSince });
    const next = Object.fromEntries(decisions.flatMap((decision) => (decision.action === 'keep' ? [] : [[decision.version.arn, decision.since] as const])));
    return isSame(unneededSince, next) ? before : { unneededSince: next };
  });
  const due = decisions.filter(({ action }) => action === 'delete').slice(0, MAX_DELETES);
  const [deleted, problems]: [string[], string[]] = [[], []];
  for (const { version } of due) {
    try {
      await ports.versions.delete(version);
      deleted.push(version.arn);
    } catch (error) {
      problems.push(portProblem(error));
    }
  }
  return { deleted, problems };
}

function isSame(left: Readonly<Record<string, string>>, right: Readonly<Record<string, string>>): boolean {
  return Object.keys(left).length === Object.keys(right).length && Object.entries(left).every(([key, value]) => right[key] === value);
}

/** `arn:…:function:name:12` without the version. */
function functionArnOf(versionArn: string): string {
  return versionArn.slice(0, versionArn.lastIndexOf(':'));
}

async function readFacts({ clock, ...ports }: FunctionVersionPorts, current: readonly string[]): Promise<Omit<VersionFacts, 'unneededSince'>> {
  const functionArns = [...new Set(current.map(functionArnOf))];
  const versions = (await Promise.all(functionArns.map((functionArn) => ports.versions.list(functionArn)))).flat();
  return { versions, current: new Set(current), named: await readNamed(ports), now: clock.now() };
}

/**
 * The executions say themselves what they call, also those that began before a deploy. The list may lag by a moment; what began within
 * it was started with a version that was current then, which waits for seven days.
 */
async function readNamed({ store, scope, executions }: Omit<FunctionVersionPorts, 'clock'>): Promise<ReadonlyMap<string, string>> {
  const open = await readAll(remediationType, (page) => store.list(lists.runningRemediations(scope), page));
  const named = new Map<string, string>();
  // One after the other: the caps allow a handful.
  for (const { body } of open) for (const arn of await executions.versionsOf(body.executionName)) named.set(arn, body.id);
  return named;
}
