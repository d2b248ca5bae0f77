import { readTimeline } from '../../core/incidents/incidents.ts';
import { type Incident, incidentType, type TimelineEvent } from '../../core/incidents/record.ts';
import { keys, partitions } from '../../core/records/keys.ts';
import { parseRecord, readRecord } from '../../core/records/record-type.ts';
import { readEvidence } from '../../core/remediation/evidence/evidence.ts';
import { remediationType } from '../../core/remediation/record.ts';
import { CliError } from '../cli-error.ts';
import { evidenceLines } from '../evidence-lines.ts';
import { type Answer, duration, moment, ok, spoken, table } from '../output.ts';
import type { IncidentDetail, IncidentItem, RecoveryClock } from '../schemas.ts';
import { commandFor, headerOf, type Target } from '../target.ts';

/** An incident as lists show it. */
export function incidentItem({ id, system, state, openedAt, title, severity, owner }: Incident): IncidentItem {
  return { id, system: system ?? null, state, startedAt: openedAt, reason: title, severity, owner };
}

/** `perennial incidents [id]`: the newest incidents, or one with its timeline. */
export function incidents(target: Target, id: string | undefined, limit: number): Promise<Answer> {
  return id === undefined ? listIncidents(target, limit) : showIncident(target, id);
}

async function listIncidents(target: Target, limit: number): Promise<Answer> {
  const { records, scope } = target;
  const page = await records.query(partitions.incidents(scope), '', { limit, newestFirst: true });
  const found = page.records.map((record) => parseRecord(incidentType, record).body);
  const rows = found.map((incident) => [incident.id, incident.system ?? '-', incident.severity, incident.state, moment(incident.openedAt), incident.title]);
  const text = table(['incident', 'system', 'severity', 'state', 'opened', 'what'], rows, 'No incidents.');
  return ok(found.map(incidentItem), `${headerOf(target)}\n${text}`);
}

async function showIncident(target: Target, id: string): Promise<Answer> {
  const { records, scope } = target;
  const found = await readRecord(records, incidentType, keys.incident(scope, id));
  if (found === undefined)
    throw new CliError(`There is no incident ${id} in ${scope.accountId}/${scope.region}. List them: ${commandFor(target, 'incidents')}`);
  const timeline = await readTimeline(records, scope, id);
  const evidence = await readEvidence(records, scope, id);
  const recovery = await readRecovery(target, found.body);
  const json: IncidentDetail = { ...found.body, ...incidentItem(found.body), timeline: [...timeline], evidence: [...evidence], recovery: [...recovery] };
  const text = [headerOf(target), ...render(found.body), ...recovery.map(clockText), 'Timeline:', ...timeline.map(line), ...evidenceLines(evidence)];
  return ok(json, text.join('\n'));
}

function render(incident: Incident): readonly string[] {
  const { id, severity, state, system, title, openedAt, resolvedAt, resolution, owner, impact, remediationIds, budgetShare } = incident;
  return [
    `${id}  ${severity}  ${state}  ${system ?? 'no system'}`,
    title,
    `Opened ${moment(openedAt)}${resolvedAt === undefined ? '' : `, resolved after ${duration(openedAt, resolvedAt)}: ${resolution ?? 'the signal ended'}`}`,
    `Owner: ${owner}. Impact: ${impact}.`,
    ...standing(incident),
    ...(remediationIds.length === 0 ? [] : [`Remediations: ${remediationIds.join(', ')}`]),
    ...(budgetShare === undefined
      ? []
      : [
          `Cost ${spoken(budgetShare.badSeconds)} of the error budget of ${budgetShare.objective}, ${(budgetShare.share * 100).toFixed(2)} % of it${repairText(budgetShare)}`,
        ]),
  ];
}

const CLOCKS_READ = 8;

/** The recovery clocks of its newest repairs; those that touched nothing have none. */
async function readRecovery({ records, scope }: Target, { remediationIds }: Incident): Promise<readonly RecoveryClock[]> {
  const found = await Promise.all(remediationIds.slice(-CLOCKS_READ).map((id) => readRecord(records, remediationType, keys.remediation(scope, id))));
  return found.flatMap((remediation) => {
    if (remediation === undefined) return [];
    const { id, state, timing, recoverySeconds, rtoSeconds, isRtoMet } = remediation.body;
    if (state === 'vetoed' || state === 'would-have') return [];
    return [
      {
        remediationId: id,
        state,
        detectedAt: timing.detectedAt,
        startedAt: timing.decidedAt,
        inServiceAt: timing.inServiceAt ?? null,
        recoverySeconds: recoverySeconds ?? null,
        targetSeconds: rtoSeconds,
        isTargetMet: isRtoMet ?? null,
      },
    ];
  });
}

function clockText({ remediationId, state, detectedAt, startedAt, recoverySeconds, targetSeconds, isTargetMet }: RecoveryClock): string {
  const begun = `Recovery by ${remediationId}: detected ${moment(detectedAt)}, started after ${duration(detectedAt, startedAt)}`;
  if (recoverySeconds === null) return `${begun}, ${state}; nothing in service from it, the target is ${spoken(targetSeconds)}`;
  return `${begun}, in service after ${spoken(recoverySeconds)}; the target of ${spoken(targetSeconds)} was ${isTargetMet === true ? 'met' : 'missed'}`;
}

/** Own repairs apart: what was bad while they ran. */
function repairText({ duringRepairSeconds = 0 }: NonNullable<Incident['budgetShare']>): string {
  return duringRepairSeconds === 0 ? '' : `; own repairs ran for ${spoken(duringRepairSeconds)} of that`;
}

/** Who has it, what is being waited for, and what it has to do with others. */
function standing({ state, acknowledged, stableAt, reopenOf, postMortem, escalation }: Incident): readonly string[] {
  return [
    ...(acknowledged === undefined ? [] : [`Acknowledged by ${acknowledged.by} until ${moment(acknowledged.until)}`]),
    ...(state === 'stable' && stableAt !== undefined ? [`Calm since ${moment(stableAt)}; it counts as resolved once that has held`] : []),
    ...(state === 'open' && escalation !== undefined && escalation.level > 0
      ? [`Nobody has answered: level ${escalation.level} of round ${escalation.round} was asked ${moment(escalation.at)}`]
      : []),
    ...(reopenOf === undefined ? [] : [`It is back; before it was ${reopenOf}`]),
    ...(postMortem?.state === 'due' ? [`A post-mortem is due: ${postMortem.because}`] : []),
  ];
}

/** Lines after the first of a text (console output) stand under it. */
function line({ at, kind, text }: TimelineEvent): string {
  const [first = '', ...rest] = text.trimEnd().split('\n');
  return [`  ${moment(at)}  ${kind.padEnd(12)}  ${first}`, ...rest.map((more) => `      | ${more}`)].join('\n');
}
