import type { CompiledCatalog } from '../../catalog/schema.ts';
import { PermanentError } from '../../environment/errors.ts';
import type { Clock, Log, Scope } from '../../environment/ports.ts';
import { parseTimestamp, type Timestamp } from '../../environment/time.ts';
import { addTimelineEvent, type IncidentPorts } from '../../incidents/incidents.ts';
import { keys } from '../../records/keys.ts';
import { readRecord } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import type { RemediationJournal } from '../driver/journal.ts';
import type { ExecutionStarter, InstancePower, InstanceTerminator, QuarantineKeeper } from '../ports.ts';
import type { ExecutionWatcher, LeftBehind, MemberReleaser, SnapshotKeeper } from './reaping-ports.ts';
import { type Remediation, remediationType } from '../record.ts';
import { readSwitches, standstillReason } from '../guardrails/switches.ts';

/** Everything the reaper works with. */
export interface ReapingPorts extends IncidentPorts {
  readonly store: RecordStore;
  readonly scope: Scope;
  readonly clock: Clock;
  readonly log: Log;
  readonly catalog: () => Promise<Pick<CompiledCatalog, 'policies' | 'systems'>>;
  readonly journal: Pick<RemediationJournal, 'finished' | 'pageAnyway'>;
  readonly terminator: InstanceTerminator;
  readonly leftBehind: LeftBehind;
  readonly members: MemberReleaser;
  readonly oldSnapshots: SnapshotKeeper;
  readonly power: Pick<InstancePower, 'stop'>;
  readonly quarantine: Pick<QuarantineKeeper, 'mark'>;
  readonly executions: ExecutionStarter;
  readonly executionStates: ExecutionWatcher;
}

/** A tag as a moment. Only a moment compares with a moment: a hand-written word never ends anything early. */
export function momentOf(tag: string | undefined): Timestamp | undefined {
  return tag !== undefined && /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(tag) ? parseTimestamp(tag) : undefined;
}

/** The remediation that a tag names; `undefined` when there is none. Errors: those of the store. */
export async function readNamed({ store, scope }: Pick<ReapingPorts, 'store' | 'scope'>, remediationId: string | undefined): Promise<Remediation | undefined> {
  if (remediationId === undefined || remediationId === '') return undefined;
  return (await readRecord(store, remediationType, keys.remediation(scope, remediationId)))?.body;
}

/**
 * Why the reaper may touch nothing now, of this system or, without one, of any; `undefined` when it may. Frozen means nothing, not even
 * tidying up (design section 11); a plain pause stops new repairs, and no reaper. Errors: `RetryableError` of the store.
 */
export async function frozenReason({ store, scope }: Pick<ReapingPorts, 'store' | 'scope'>, system?: string): Promise<string | undefined> {
  return standstillReason(await readSwitches(store, scope, system));
}

/** The decision about what belongs to this remediation; while its system is frozen, to keep. */
export async function unlessFrozen<Decision>(
  ports: Pick<ReapingPorts, 'store' | 'scope'>,
  remediation: Pick<Remediation, 'system'> | undefined,
  decision: Decision,
  keep: (reason: string) => Decision,
): Promise<Decision> {
  const frozen = await frozenReason(ports, remediation?.system);
  return frozen === undefined ? decision : keep(frozen);
}

type TellingPorts = Pick<ReapingPorts, 'store' | 'scope' | 'clock'>;

/** Says on the incident's timeline what will be done, before it is done. Said once, however often it is tried. */
export async function tellBefore(ports: TellingPorts, incidentId: string, what: string, text: string): Promise<void> {
  await addTimelineEvent(ports, incidentId, { at: ports.clock.now(), eventId: `reap-plan:${what}`, kind: 'reaper', text });
}

/** A finding: in the log of every run, and once on the timeline of the incident it belongs to, where there is one. */
export async function reportOnce(ports: TellingPorts & Pick<ReapingPorts, 'log'>, id: string, incidentId: string | undefined, reason: string): Promise<void> {
  ports.log.warn('The reaper leaves something alone that a person should look at', { id, reason });
  if (incidentId !== undefined)
    await tellBefore(ports, incidentId, `report:${id}`, `Left ${id} alone. ${reason}. Look at it and end it by hand if nobody needs it.`);
}

/** What is decided about a thing of ours that no instance holds: a volume, an interface, a snapshot. */
export type LooseDecision =
  | { readonly kind: 'delete'; readonly id: string; readonly system: string; readonly incidentId: string; readonly reason: string }
  | { readonly kind: 'keep'; readonly id: string; readonly reason: string }
  | { readonly kind: 'report'; readonly id: string; readonly incidentId?: string; readonly reason: string };

/** What nobody can read agrees with nothing; it must not keep the others. */
export async function readable(id: string, decide: () => Promise<LooseDecision>): Promise<LooseDecision> {
  try {
    return await decide();
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    return { kind: 'report', id, reason: error.message };
  }
}

/** One run deletes at most so many of each kind; the rest waits for the next one. */
const MAX_DELETES = 20;

/**
 * Deletes what was decided so: says it before, one id a call, nothing while all or its system is frozen. What EC2 refuses for good is in the log and
 * stops no other.
 *
 * @param failure what the log says of one that could not be deleted
 */
export async function deleteDecided(
  ports: TellingPorts & Pick<ReapingPorts, 'log'>,
  decisions: readonly LooseDecision[],
  call: (id: string) => Promise<void>,
  failure: string,
): Promise<void> {
  let deleted = 0;
  for (const decision of decisions) {
    if (decision.kind !== 'delete' || deleted === MAX_DELETES) continue;
    const { id, system, incidentId, reason } = decision;
    if ((await frozenReason(ports, system)) !== undefined) continue;
    try {
      await tellBefore(ports, incidentId, `delete:${id}`, `Will delete ${id}. ${reason}`);
      await call(id);
      deleted += 1;
    } catch (error) {
      if (!(error instanceof PermanentError)) throw error;
      ports.log.error(failure, { id, reason: error.message });
    }
  }
}
