import * as z from 'zod/mini';
import type { CompiledCatalog, System } from '../../catalog/schema.ts';
import { listDeployments } from '../../deployments/deployments.ts';
import type { Deployment } from '../../deployments/record.ts';
import { deploymentPhrase } from '../../deployments/sentence.ts';
import type { Clock, Scope } from '../../environment/ports.ts';
import { addSeconds, secondsBetween, type Timestamp } from '../../environment/time.ts';
import { systemRecordType } from '../../inventory/records.ts';
import { keys, partitions } from '../../records/keys.ts';
import { parseRecord, readRecord, type RecordType, updateRecord } from '../../records/record-type.ts';
import type { RecordStore } from '../../records/store.ts';
import { type RecoveryTimes, recoveryTimes } from '../../remediation/hindsight/recovery-times.ts';
import type { Remediation } from '../../remediation/record.ts';
import { judgeWouldHave, type WouldHave } from '../../remediation/hindsight/would-have.ts';
import { type BudgetFigure, listBudgets } from '../../slo/evaluate.ts';
import type { PlannedWork } from '../../slo/spending/planned-work.ts';
import { readPlannedWork } from '../../slo/views.ts';
import type { AttentionCatalog } from '../attention/facts.ts';
import { composeDigest, type DigestRole, digestRoles } from './digest-text.ts';
import { plain } from '../messages/message-text.ts';
import { type Noise, noiseOf } from './noise.ts';
import { notify, type NotifyPorts, type NotifyResult } from '../notify.ts';
import { type Past, readPast } from './past.ts';
import { datedActions, type DatedAction } from './post-mortem-draft.ts';
import { listOpenPostMortems, openPostMortem } from './post-mortem-reading.ts';
import { type PostMortem, postMortemReason } from './post-mortem.ts';
import { type Incident, incidentType, isOver } from '../record.ts';
import { type Toil, toilOf } from './toil.ts';

/** What the week was like, as numbers. */
export interface Digest {
  readonly from: Timestamp;
  readonly to: Timestamp;
  readonly recoveries: readonly RecoveryTimes[];
  readonly vetoes: readonly { readonly guardrail: string; readonly count: number }[];
  readonly wouldHave: readonly WouldHave[];
  /** Those that began in the week, newest first; at most 400. */
  readonly incidents: readonly DigestIncident[];
  /** Of systems with a deploy in the week. */
  readonly deploys: readonly DigestDeploys[];
  readonly budgets: readonly Pick<BudgetFigure, 'objective' | 'system' | 'sli' | 'remainingRatio'>[];
  /** Post-mortems that are asked for and not closed, the oldest first. */
  readonly postMortems: readonly { readonly incidentId: string; readonly system: string | null; readonly because: string; readonly ageDays: number }[];
  /** Open ones of all post-mortems, the longest open first. */
  readonly actions: readonly DigestAction[];
  /** Causes that took more than 20 % of a quarter's budget: they belong on the plan. */
  readonly plannedWork: readonly PlannedWork[];
  readonly toil: Pick<Toil, 'interventions' | 'minutes' | 'rows'>;
  readonly noise: Pick<Noise, 'withoutAction' | 'pointless' | 'meanAcknowledgeSeconds' | 'customerShare'>;
}

export interface DigestIncident {
  readonly id: string;
  readonly system: string | null;
  readonly severity: Incident['severity'];
  readonly title: string;
  readonly impact: string;
  readonly openedAt: Timestamp;
  /** `null` while it lasts. */
  readonly durationSeconds: number | null;
  readonly isRepairedByMachine: boolean;
  /** Part of a whole budget; `null` where none is measured. */
  readonly budgetShare: number | null;
  /** A deploy of its system that ended at most an hour before it (S3-26). */
  readonly afterDeploy: { readonly text: string; readonly secondsBefore: number } | null;
}

export interface DigestDeploys {
  readonly system: string;
  readonly deploys: number;
  readonly failed: number;
  readonly rolledBack: number;
}

export interface DigestAction extends Pick<DatedAction, 'id' | 'text' | 'type' | 'owner' | 'dueOn' | 'ageDays' | 'isOverdue'> {
  readonly incidentId: string;
}

const WEEK_SECONDS = 7 * 86_400;
/** Monday 06:00 UTC: before the week's first meeting in Europe, after the weekend everywhere. */
const DIGEST_WEEKDAY = 1;
const DIGEST_HOUR = 6;
const MAX_SYSTEMS = 200;
const SYSTEMS_AT_ONCE = 8;
const DAY_SECONDS = 86_400;
/** A deploy this short before an incident is named beside it (S3-26). */
const AFTER_DEPLOY_SECONDS = 3600;

/** The newest moment at which a digest was due. */
export function digestDueAt(now: Timestamp): Timestamp {
  const midnight = `${now.slice(0, 10)}T00:00:00.000Z`;
  const weekday = new Date(midnight).getUTCDay();
  const due = addSeconds(midnight, -((weekday - DIGEST_WEEKDAY + 7) % 7) * 86_400 + DIGEST_HOUR * 3600);
  return due <= now ? due : addSeconds(due, -WEEK_SECONDS);
}

/** What a digest is made of; each part bounded by who read it. */
export interface DigestSources {
  /** Decided in the week, newest first. */
  readonly remediations: readonly Remediation[];
  readonly wouldHave: readonly WouldHave[];
  readonly past: Past;
  readonly deployments: readonly Deployment[];
  readonly budgets: readonly BudgetFigure[];
  readonly postMortems: readonly PostMortem[];
  readonly plannedWork?: readonly PlannedWork[];
}

/** Pure: the week until `to` as a digest. */
export function digestOf({ remediations, wouldHave, past, deployments, budgets, postMortems, plannedWork = [] }: DigestSources, to: Timestamp): Digest {
  const from = addSeconds(to, -WEEK_SECONDS);
  const { interventions, minutes, rows } = toilOf(past);
  const { withoutAction, pointless, meanAcknowledgeSeconds, customerShare } = noiseOf(past);
  return {
    from,
    to,
    recoveries: recoveryTimes(remediations),
    vetoes: vetoesOf(remediations),
    wouldHave,
    incidents: past.incidents.map(({ incident }) => digestIncident(incident, past.remediations, deployments)),
    deploys: deploysOf(deployments.filter(({ changedAt }) => changedAt > from && changedAt <= to)),
    budgets: budgets.map(({ objective, system, sli, remainingRatio }) => ({ objective, system, sli, remainingRatio })),
    postMortems: duePostMortems(past, postMortems, to),
    actions: openActions(postMortems, to),
    plannedWork,
    toil: { interventions, minutes, rows },
    noise: { withoutAction, pointless, meanAcknowledgeSeconds, customerShare },
  };
}

function vetoesOf(remediations: readonly Remediation[]): Digest['vetoes'] {
  const vetoed = remediations.filter(({ state }) => state === 'vetoed').map(({ failure }) => failure?.guardrail ?? 'unknown');
  const guardrails = [...new Set(vetoed)].map((guardrail) => ({ guardrail, count: vetoed.filter((name) => name === guardrail).length }));
  return guardrails.toSorted((left, right) => right.count - left.count || (left.guardrail < right.guardrail ? -1 : 1));
}

function digestIncident(incident: Incident, remediations: readonly Remediation[], deployments: readonly Deployment[]): DigestIncident {
  const { id, system, severity, title, impact, openedAt, resolvedAt, budgetShare } = incident;
  const before = deployments
    .filter((deployment) => deployment.system === system && deployment.changedAt <= openedAt)
    .toSorted((left, right) => (left.changedAt < right.changedAt ? 1 : -1))[0];
  const secondsBefore = before === undefined ? Number.POSITIVE_INFINITY : secondsBetween(before.changedAt, openedAt);
  return {
    id,
    system: system ?? null,
    severity,
    title: plain(title),
    impact: plain(impact),
    openedAt,
    durationSeconds: resolvedAt === undefined ? null : Math.max(0, secondsBetween(openedAt, resolvedAt)),
    isRepairedByMachine: remediations.some(({ incidentId, state, request }) => incidentId === id && state === 'succeeded' && request === undefined),
    budgetShare: budgetShare?.share ?? null,
    afterDeploy: before === undefined || secondsBefore > AFTER_DEPLOY_SECONDS ? null : { text: plain(deploymentPhrase(before)), secondsBefore },
  };
}

function deploysOf(deployments: readonly Deployment[]): Digest['deploys'] {
  return [...Map.groupBy(deployments, ({ system }) => system)]
    .map(([system, same]) => ({
      system,
      deploys: same.length,
      failed: same.filter(({ state }) => state === 'failed' || state === 'stopped').length,
      rolledBack: same.filter(({ state }) => state === 'rolled-back').length,
    }))
    .toSorted((left, right) => (left.system < right.system ? -1 : 1));
}

const ageDays = (since: Timestamp, to: Timestamp): number => Math.max(0, Math.floor(secondsBetween(since, to) / DAY_SECONDS));

/** Begun ones that were asked for, and incidents of the week that ask for one nobody has begun. */
function duePostMortems({ incidents, postMortems: all }: Past, open: readonly PostMortem[], to: Timestamp): Digest['postMortems'] {
  const known = new Set([...all, ...open].map(({ incidentId }) => incidentId));
  const begun = open.flatMap(({ state, incidentId, system, dueBecause, openedAt }) =>
    state === 'draft' && dueBecause !== undefined ? [{ incidentId, system: system ?? null, because: plain(dueBecause), ageDays: ageDays(openedAt, to) }] : [],
  );
  const asked = incidents.flatMap(({ incident, timeline }) => {
    const because = known.has(incident.id) || !isOver(incident) ? undefined : postMortemReason(incident, timeline);
    if (because === undefined) return [];
    return [{ incidentId: incident.id, system: incident.system ?? null, because, ageDays: ageDays(incident.resolvedAt ?? incident.openedAt, to) }];
  });
  return [...begun, ...asked].toSorted((left, right) => right.ageDays - left.ageDays || (left.incidentId < right.incidentId ? -1 : 1));
}

function openActions(postMortems: readonly PostMortem[], to: Timestamp): readonly DigestAction[] {
  return postMortems
    .flatMap(({ incidentId, actions }) =>
      datedActions(
        actions.filter(({ state }) => state === 'open'),
        to,
      ).map(({ id, text, type, owner, dueOn, ageDays: age, isOverdue }) => ({ incidentId, id, text, type, owner, dueOn, ageDays: age, isOverdue })),
    )
    .toSorted((left, right) => right.ageDays - left.ageDays || (left.incidentId < right.incidentId ? -1 : 1));
}

export interface DigestPorts extends NotifyPorts {
  readonly store: RecordStore;
  /** Without it nobody is told of planned work. */
  readonly catalog?: () => Promise<AttentionCatalog & Pick<CompiledCatalog, 'objectives'>>;
  readonly scope: Scope;
  readonly clock: Clock;
}

/** The digest of the week that ended last. */
export async function readDigest({ store, scope, clock, catalog }: Pick<DigestPorts, 'store' | 'scope' | 'clock' | 'catalog'>): Promise<Digest> {
  const now = clock.now();
  const to = digestDueAt(now);
  const from = addSeconds(to, -WEEK_SECONDS);
  const past = await readPast({ store, scope }, from, to);
  const all = past.remediations;
  const week = all.filter(({ timing }) => timing.decidedAt >= from && timing.decidedAt < to);
  const [deployments, budgets, postMortems, plannedWork] = await Promise.all([
    readDeployments({ store, scope }),
    listBudgets(store, scope),
    listOpenPostMortems({ store, scope }),
    catalog === undefined ? [] : readPlannedWork({ store, scope }, await catalog(), to),
  ]);
  return digestOf(
    { remediations: week, wouldHave: await judgeAll({ store, scope }, week, all, now), past, deployments, budgets, postMortems, plannedWork },
    to,
  );
}

async function judgeAll(
  { store, scope }: Pick<DigestPorts, 'store' | 'scope'>,
  week: readonly Remediation[],
  all: readonly Remediation[],
  now: Timestamp,
): Promise<readonly WouldHave[]> {
  const past = recoveryTimes(all);
  const judged: WouldHave[] = [];
  for (const remediation of week.filter(({ state }) => state === 'would-have')) {
    const incident = (await readRecord(store, incidentType, keys.incident(scope, remediation.incidentId)))?.body;
    const repairSeconds = past.find(({ system }) => system === remediation.system)?.p50Seconds ?? undefined;
    judged.push(judgeWouldHave(remediation, incident, repairSeconds, now));
  }
  return judged;
}

/** Of the first 200 systems: one page of events each, eight at a time. */
async function readDeployments({ store, scope }: Pick<DigestPorts, 'store' | 'scope'>): Promise<readonly Deployment[]> {
  const page = await store.query(partitions.systems(scope), '', { limit: MAX_SYSTEMS });
  const names = page.records.map((record) => parseRecord(systemRecordType, record).body.name);
  const found: Deployment[] = [];
  for (let start = 0; start < names.length; start += SYSTEMS_AT_ONCE) {
    const some = await Promise.all(names.slice(start, start + SYSTEMS_AT_ONCE).map((name) => listDeployments(store, scope, name)));
    found.push(...some.flat());
  }
  return found;
}

/** True when there is nothing to tell anybody: neither what happened nor what is left to do. */
function isEmpty({ recoveries, vetoes, wouldHave, incidents, deploys, postMortems, actions, plannedWork }: Digest): boolean {
  return [recoveries, vetoes, wouldHave, incidents, deploys, postMortems, actions, plannedWork].every(({ length }) => length === 0);
}

/** Which week's digest was seen to last. */
const digestStateSchema = z.object({ week: z.string(), isEmpty: z.boolean(), at: z.string() });
const digestStateType: RecordType<z.infer<typeof digestStateSchema>> = { name: 'digest', schema: digestStateSchema };

/**
 * Sends the weekly digest once to each role: the id names the week and the role, and what is done with a week is written down last, so
 * that every later run of the sweep reads one item and nothing else. A week in which nothing happened is not worth a mail; otherwise
 * every role gets its own, also to hear that nothing concerns it.
 */
export async function sendDigest(ports: DigestPorts): Promise<readonly NotifyResult[]> {
  const at = ports.clock.now();
  const week = digestDueAt(at).slice(0, 10);
  const key = keys.digest(ports.scope);
  const known = (await readRecord(ports.store, digestStateType, key))?.body;
  if (known?.week === week)
    return known.isEmpty ? [] : digestRoles.map((role) => ({ kind: 'already-sent', id: idOf(week, role), reason: `Sent at ${known.at}` }));
  const digest = await readDigest(ports);
  const results = isEmpty(digest) ? [] : await sendToRoles(ports, digest, week);
  await updateRecord(ports.store, digestStateType, key, () => ({ week, isEmpty: results.length === 0, at }));
  return results;
}

const idOf = (week: string, role: DigestRole): string => `digest:${week}:${role}`;

async function sendToRoles(ports: DigestPorts, digest: Digest, week: string): Promise<readonly NotifyResult[]> {
  // What nobody has begun would be forgotten with its week.
  for (const { incidentId, because } of digest.postMortems) await beginPostMortem(ports, incidentId, because);
  const systems = ports.catalog === undefined ? [] : (await ports.catalog()).systems;
  const results: NotifyResult[] = [];
  for (const role of digestRoles) {
    const message = composeDigest(digest, ports.scope, role);
    results.push(await notify(ports, { id: idOf(week, role), step: 'digest', severity: 'info', message, roles: [...rolesFor(role, systems)] }));
  }
  return results;
}

async function beginPostMortem(ports: DigestPorts, incidentId: string, because: string): Promise<void> {
  const incident = (await readRecord(ports.store, incidentType, keys.incident(ports.scope, incidentId)))?.body;
  if (incident !== undefined) await openPostMortem(ports, incident, because);
}

const MAX_NAMES = 150;

/**
 * Whose a digest is: the role, and the teams that the catalog gives it. Who gets the one for operators, which has everything, gets no
 * other.
 */
export function rolesFor(role: DigestRole, systems: readonly Pick<System, 'spec'>[]): readonly string[] {
  const owners = systems.map(({ spec }) => spec.owners);
  const answering = ['operators', 'owner', ...owners.flatMap(({ owner, operators }) => [owner, ...operators])];
  const names =
    role === 'operators' ? answering : [role, ...owners.flatMap((teams) => teams[role])].filter((name) => name === role || !answering.includes(name));
  return [...new Set(names)].slice(0, MAX_NAMES);
}
