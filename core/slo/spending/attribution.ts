import { addSeconds, type Timestamp } from '../../environment/time.ts';
import type { Objective } from '../objective/budget.ts';
import { quotient } from '../objective/exact.ts';
import { sliceSeconds } from '../objective/slices.ts';

/*
 * Who spent the budget (docs/adr/0017-attribution.md). Only bad slices spend it; each has exactly one payer, so the charges and what
 * nobody is charged with add up to what is spent:
 *
 * | payer | of which bad slices | when several overlap |
 * | incident | those it overlaps | the one that began first |
 * | own repair | those it overlaps and no incident does | the one that began first |
 * | deploy | those in its watch time that neither of the above overlaps | the newest |
 * | nobody | the rest | |
 *
 * Two views over the same slices are shown beside the charges and never added to them: what of an incident's cost fell into an own
 * repair, and which deploy an incident followed.
 */

/** An incident began in this time after a deploy: the deploy is held to have brought it. */
export const deployWatchSeconds = 3600;

/** Something that may have cost budget. */
interface ChargeableInterval {
  readonly id: string;
  /** When the trouble began, not when it was noticed: the minutes in between are its cost too. */
  readonly from: Timestamp;
  /** Exclusive; absent while it goes on. */
  readonly to?: Timestamp;
}

export interface CausingIncident extends ChargeableInterval {
  /** What it is an instance of: the rule that spoke first. */
  readonly cause: string;
}

/** A repair of ours that touched something; no drill, no veto. */
export interface OwnRepair extends ChargeableInterval {
  readonly incidentId: string;
}

/** A deploy, by when it began. */
export interface WatchedDeploy {
  readonly id: string;
  readonly from: Timestamp;
  /** For people: `version 5.3.0`. */
  readonly text: string;
}

/** What happened to one system; ids are distinct within a list. */
export interface BudgetCauses {
  readonly incidents: readonly CausingIncident[];
  readonly repairs: readonly OwnRepair[];
  readonly deploys: readonly WatchedDeploy[];
}

export interface Cost {
  readonly badSlices: number;
  readonly badSeconds: number;
  /** Part of the whole budget; 0.01 = 1 %. */
  readonly share: number;
}

export interface IncidentCharge extends Cost {
  readonly id: string;
  readonly from: Timestamp;
  readonly cause: string;
  /** What of it was bad while a repair of ours ran. */
  readonly duringRepair: Cost;
  /** The deploy in whose watch time it began. */
  readonly deployId?: string;
}

export interface RepairCharge extends Cost {
  readonly id: string;
  readonly from: Timestamp;
  readonly incidentId: string;
  /** Slices within it that incidents are charged with. */
  readonly ofIncidents: Cost;
}

export interface DeployCharge extends Cost {
  readonly id: string;
  readonly from: Timestamp;
  readonly text: string;
  /** The whole cost of the incidents that it brought; they are charged with it. */
  readonly ofIncidents: Cost;
  readonly incidentIds: readonly string[];
}

/** Lists are in the order their members began, then by id; members that cost nothing are in them. */
export interface BudgetAttribution {
  readonly spent: Cost;
  readonly incidents: readonly IncidentCharge[];
  readonly repairs: readonly RepairCharge[];
  readonly deploys: readonly DeployCharge[];
  readonly unattributed: Cost;
}

interface Slice {
  readonly start: Timestamp;
  readonly end: Timestamp;
}

function overlaps({ start, end }: Slice, { from, to }: ChargeableInterval): boolean {
  // One that ends the moment it begins still belongs to the slice it is in.
  return from < end && (to === undefined || to > start || from >= start);
}

type Begun = Pick<ChargeableInterval, 'id' | 'from'>;

function compareBeginnings(a: Begun, b: Begun): number {
  if (a.from !== b.from) return a.from < b.from ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}

/** For each slice, in ascending order, the interval that began first of those that overlap it. */
function firstOverlapping(slices: readonly Slice[], intervals: readonly ChargeableInterval[]): readonly (string | undefined)[] {
  const ordered = intervals.toSorted(compareBeginnings);
  let next = 0;
  let going: readonly ChargeableInterval[] = [];
  return slices.map((slice) => {
    const begun: ChargeableInterval[] = [];
    for (let interval = ordered[next]; interval !== undefined && interval.from < slice.end; interval = ordered[next]) {
      begun.push(interval);
      next += 1;
    }
    going = [...going, ...begun].filter((interval) => overlaps(slice, interval));
    return going[0]?.id;
  });
}

/** The newest deploy whose watch time holds the span; spans may be a moment. */
function newestWatching(deploys: readonly WatchedDeploy[], start: Timestamp, end: Timestamp): string | undefined {
  return deploys.findLast(({ from }) => from <= end && start < addSeconds(from, deployWatchSeconds))?.id;
}

function counter(): { readonly add: (id: string | undefined) => void; readonly of: (id: string) => number } {
  const counts = new Map<string, number>();
  return { add: (id) => void (id !== undefined && counts.set(id, (counts.get(id) ?? 0) + 1)), of: (id) => counts.get(id) ?? 0 };
}

function costing({ target, windowSeconds, sliceSeconds: length = sliceSeconds }: Objective): (badSlices: number) => Cost {
  return (badSlices) => {
    const badSeconds = badSlices * length;
    const share = quotient(BigInt(badSeconds) * target.allowed.denominator, BigInt(windowSeconds) * target.allowed.numerator);
    return { badSlices, badSeconds, share };
  };
}

/**
 * Charges every bad slice to at most one cause; pure, and the same for any order of what it is given.
 *
 * @param badMinutes starts of the bad slices, any order, duplicates count once
 */
export function attributeCauses(badMinutes: readonly Timestamp[], causes: BudgetCauses, objective: Objective): BudgetAttribution {
  const length = objective.sliceSeconds ?? sliceSeconds;
  const slices = [...new Set(badMinutes)].toSorted().map((start) => ({ start, end: addSeconds(start, length) }));
  const deploys = causes.deploys.toSorted(compareBeginnings);
  const ofIncident = firstOverlapping(slices, causes.incidents);
  const ofRepair = firstOverlapping(slices, causes.repairs);
  const [incidents, withinRepair, repairs, repairsOfIncidents, direct] = [counter(), counter(), counter(), counter(), counter()];
  let unattributed = 0;
  for (const [index, { start, end }] of slices.entries()) {
    const incident = ofIncident[index];
    const repair = ofRepair[index];
    const deploy = incident === undefined && repair === undefined ? newestWatching(deploys, start, addSeconds(end, -0.001)) : undefined;
    incidents.add(incident);
    withinRepair.add(repair === undefined ? undefined : incident);
    (incident === undefined ? repairs : repairsOfIncidents).add(repair);
    direct.add(deploy);
    if (incident === undefined && repair === undefined && deploy === undefined) unattributed += 1;
  }
  const cost = costing(objective);
  const incidentCharges = causes.incidents.toSorted(compareBeginnings).map(({ id, from, cause }) => {
    const deployId = newestWatching(deploys, from, from);
    return { id, from, cause, ...cost(incidents.of(id)), duringRepair: cost(withinRepair.of(id)), ...(deployId === undefined ? {} : { deployId }) };
  });
  return {
    spent: cost(slices.length),
    incidents: incidentCharges,
    repairs: causes.repairs
      .toSorted(compareBeginnings)
      .map(({ id, from, incidentId }) => ({ id, from, incidentId, ...cost(repairs.of(id)), ofIncidents: cost(repairsOfIncidents.of(id)) })),
    deploys: deploys.map(({ id, from, text }) => {
      const brought = incidentCharges.filter(({ deployId, badSlices }) => deployId === id && badSlices > 0);
      const ofIncidents = cost(brought.reduce((sum, { badSlices }) => sum + badSlices, 0));
      return { id, from, text, ...cost(direct.of(id)), ofIncidents, incidentIds: brought.map((incident) => incident.id) };
    }),
    unattributed: cost(unattributed),
  };
}
