import { listDeployments } from '../../deployments/deployments.ts';
import { versionText } from '../../deployments/sentence.ts';
import type { Scope } from '../../environment/ports.ts';
import { addSeconds, type Timestamp } from '../../environment/time.ts';
import { isDrillIncident } from '../../incidents/learning/detection.ts';
import { type Incident, incidentType } from '../../incidents/record.ts';
import { causeOf } from '../../incidents/learning/toil.ts';
import { partitions } from '../../records/keys.ts';
import { parseRecord } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import { listRemediations } from '../../remediation/hindsight/history.ts';
import type { Remediation } from '../../remediation/record.ts';
import { type BudgetCauses, deployWatchSeconds } from './attribution.ts';

/** What bad slices may be charged to, with the incidents themselves. */
export interface FoundCauses extends BudgetCauses {
  readonly found: readonly Incident[];
  /** True when there were more incidents than are read: what they cost is charged to nobody. */
  readonly isCut: boolean;
}

/** Reads what happened to a system. The incidents and repairs of all systems are read once, however many systems are asked for. */
export type ReadCauses = (system: string, from: Timestamp) => Promise<FoundCauses>;

interface CausePorts {
  readonly store: RecordStore;
  readonly scope: Scope;
}

export interface CauseLimits {
  /** The newest incidents of all systems that are looked at, in pages of 200. */
  readonly incidents: number;
  readonly repairs: number;
}

const PAGE_RECORDS = 200;

/** @param limits bounds of what is read, the newest first */
export function causeReader(ports: CausePorts, limits: CauseLimits): ReadCauses {
  let incidents: Promise<IncidentPages> | undefined;
  let repairs: Promise<readonly Remediation[]> | undefined;
  return async (system, from) => {
    incidents ??= readIncidents(ports, limits.incidents);
    repairs ??= listRemediations(ports.store, ports.scope, limits.repairs);
    const { all, isCut } = await incidents;
    const found = all.filter((incident) => incident.system === system && !isDrillIncident(incident) && (incident.resolvedAt ?? from) >= from);
    const deployments = await listDeployments(ports.store, ports.scope, system);
    return {
      found,
      isCut: isCut && (all.at(-1)?.openedAt ?? from) > from,
      incidents: found.map(causingIncident),
      repairs: (await repairs).filter((repair) => repair.system === system).flatMap(ownRepair),
      deploys: deployments
        .filter(({ startedAt }) => startedAt >= addSeconds(from, -deployWatchSeconds))
        .map((deployment) => ({ id: deployment.id, from: deployment.startedAt, text: versionText(deployment) })),
    };
  };
}

interface IncidentPages {
  /** Newest first. */
  readonly all: readonly Incident[];
  readonly isCut: boolean;
}

async function readIncidents({ store, scope }: CausePorts, limit: number): Promise<IncidentPages> {
  const all: Incident[] = [];
  let next: string | undefined;
  while (all.length < limit) {
    const page = await store.query(partitions.incidents(scope), '', { limit: PAGE_RECORDS, newestFirst: true, ...(next === undefined ? {} : { next }) });
    all.push(...page.records.map((stored) => parseRecord(incidentType, stored).body));
    next = page.next;
    if (next === undefined) return { all, isCut: false };
  }
  return { all, isCut: true };
}

/** What is bad while its calm is being verified may still be its doing: the interval ends when it is over. */
function causingIncident(incident: Incident): BudgetCauses['incidents'][number] {
  const { id, openedAt, resolvedAt, closedAt } = incident;
  const to = resolvedAt ?? closedAt;
  return { id, from: openedAt, cause: causeOf(incident), ...(to === undefined ? {} : { to }) };
}

const untouched: readonly Remediation['state'][] = ['vetoed', 'would-have'];

/** From its decision (or somebody's yes) to its end; drills, vetoes and what still waits for a yes touch nothing that serves (S3-19). */
function ownRepair({ id, incidentId, state, isDrill, approval, timing }: Remediation): BudgetCauses['repairs'] {
  if (isDrill || untouched.includes(state)) return [];
  if (approval !== undefined && approval.granted === undefined) return [];
  const from = approval?.granted?.at ?? timing.decidedAt;
  return [{ id, incidentId, from, ...(timing.endedAt === undefined ? {} : { to: timing.endedAt }) }];
}
