import * as z from 'zod/mini';
import type { Scope } from '../../environment/ports.ts';
import { addSeconds, type Timestamp } from '../../environment/time.ts';
import { type IncidentPorts, recordBudgetShare } from '../../incidents/incidents.ts';
import type { Incident } from '../../incidents/record.ts';
import { keys, partitions } from '../../records/keys.ts';
import { parseRecord, readRecord, type RecordType, updateRecord } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import { attributeCauses, type Cost, type IncidentCharge } from './attribution.ts';
import type { Objective } from '../objective/budget.ts';
import type { FoundCauses } from './causes.ts';

/** What a deploy or a repair cost an error budget. Incidents carry theirs themselves (`budgetShare`). */
export const budgetChargeSchema = z.object({
  kind: z.enum(['deployment', 'remediation']),
  id: z.string(),
  system: z.string(),
  /** The objective it cost most. */
  objective: z.string(),
  /** Charged to it: no incident was open. */
  badSeconds: z.number(),
  share: z.number(),
  /** Charged to incidents: those a deploy brought, or what of them fell into a repair. Never counted twice. */
  ofIncidents: z.object({ badSeconds: z.number(), share: z.number() }),
  at: z.string(),
});
export type BudgetCharge = z.infer<typeof budgetChargeSchema>;

const CHARGE_KEPT_SECONDS = 400 * 86_400;
export const budgetChargeType: RecordType<BudgetCharge> = {
  name: 'budget charge',
  schema: budgetChargeSchema,
  // Longer than a year, so that a yearly review still sees it.
  expiresAt: ({ at }) => addSeconds(at, CHARGE_KEPT_SECONDS),
};

interface ChargePorts {
  readonly store: RecordStore;
  readonly scope: Scope;
}

/** What a deploy or a repair was charged; `undefined`: nothing so far. */
export async function readBudgetCharge(
  { store, scope }: ChargePorts,
  { system, kind, id }: Pick<BudgetCharge, 'system' | 'kind' | 'id'>,
): Promise<BudgetCharge | undefined> {
  return (await readRecord(store, budgetChargeType, keys.budgetCharge(scope, system, kind, id)))?.body;
}

type ChargedObjective = Objective & { readonly name: string; readonly system: string };

/**
 * Notes with each incident, deploy and repair of the window what it cost (design section 8). Writes only what changed; what was charged
 * to something older than the window is final, because its slices leave the window and not history.
 *
 * @param bad the bad slices of the window
 */
export async function chargeCauses(
  ports: IncidentPorts,
  objective: ChargedObjective,
  bad: readonly Timestamp[],
  causes: FoundCauses,
  now: Timestamp,
): Promise<void> {
  const attribution = attributeCauses(bad, causes, objective);
  const windowStart = addSeconds(now, -objective.windowSeconds);
  for (const charge of attribution.incidents) {
    const incident = causes.found.find(({ id }) => id === charge.id);
    if (incident !== undefined && isNews(incident, charge, objective.name, windowStart))
      await recordBudgetShare(ports, charge.id, shareOf(charge, objective.name));
  }
  await recordCharges(ports, objective, windowStart, [
    ...attribution.deploys.map((charge) => ({ from: charge.from, charge: chargeOf('deployment', charge, objective, now) })),
    ...attribution.repairs.map((charge) => ({ from: charge.from, charge: chargeOf('remediation', charge, objective, now) })),
  ]);
}

function shareOf({ badSeconds, share, duringRepair }: IncidentCharge, objective: string): NonNullable<Incident['budgetShare']> {
  return { objective, badSeconds, share, ...(duringRepair.badSeconds === 0 ? {} : { duringRepairSeconds: duringRepair.badSeconds }) };
}

/** An incident shows the objective it cost most: another one takes its place only with a larger share. */
function isNews({ budgetShare, openedAt }: Incident, { badSeconds, share, duringRepair }: IncidentCharge, objective: string, windowStart: Timestamp): boolean {
  if (budgetShare === undefined) return badSeconds > 0;
  if (budgetShare.objective !== objective) return share > budgetShare.share;
  if (openedAt <= windowStart) return badSeconds > budgetShare.badSeconds;
  return budgetShare.badSeconds !== badSeconds || (budgetShare.duringRepairSeconds ?? 0) !== duringRepair.badSeconds;
}

function chargeOf(
  kind: BudgetCharge['kind'],
  { id, badSeconds, share, ofIncidents }: Cost & { readonly id: string; readonly ofIncidents: Cost },
  { name, system }: ChargedObjective,
  at: Timestamp,
): BudgetCharge {
  return { kind, id, system, objective: name, badSeconds, share, ofIncidents: { badSeconds: ofIncidents.badSeconds, share: ofIncidents.share }, at };
}

const secondsOf = ({ badSeconds, ofIncidents }: BudgetCharge): number => badSeconds + ofIncidents.badSeconds;
const totalShareOf = ({ share, ofIncidents }: BudgetCharge): number => share + ofIncidents.share;

/** The record of a cause after it was charged: for the objective it cost most; none for what cost nothing, the same one for nothing new. */
function charged(known: BudgetCharge | undefined, charge: BudgetCharge, isOlderThanWindow: boolean): BudgetCharge | undefined {
  if (known === undefined) return secondsOf(charge) > 0 ? charge : undefined;
  if (known.objective !== charge.objective) return totalShareOf(charge) > totalShareOf(known) ? charge : known;
  if (isOlderThanWindow && secondsOf(charge) <= secondsOf(known)) return known;
  return known.badSeconds === charge.badSeconds && known.ofIncidents.badSeconds === charge.ofIncidents.badSeconds ? known : charge;
}

/** The newest charges of a system, of each kind. */
const CHARGES_READ = 200;

async function readCharges({ store, scope }: ChargePorts, system: string): Promise<ReadonlyMap<string, BudgetCharge>> {
  const pages = await Promise.all(
    budgetChargeSchema.shape.kind.options.map((kind) =>
      store.query(partitions.budgetCharges(scope), `${system}#${kind}#`, { limit: CHARGES_READ, newestFirst: true }),
    ),
  );
  const bodies = pages.flatMap(({ records }) => records.map((record) => parseRecord(budgetChargeType, record).body));
  return new Map(bodies.map((body) => [body.id, body]));
}

/** Two queries say what is known already; only what differs is read again and written. */
async function recordCharges(
  ports: ChargePorts,
  { system }: ChargedObjective,
  windowStart: Timestamp,
  charges: readonly { readonly from: Timestamp; readonly charge: BudgetCharge }[],
): Promise<void> {
  if (charges.length === 0) return;
  const known = await readCharges(ports, system);
  for (const { from, charge } of charges) {
    const before = known.get(charge.id);
    if (charged(before, charge, from <= windowStart) === before) continue;
    await updateRecord(ports.store, budgetChargeType, keys.budgetCharge(ports.scope, system, charge.kind, charge.id), (body) =>
      charged(body, charge, from <= windowStart),
    );
  }
}
