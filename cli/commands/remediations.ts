import { keys } from '../../core/records/keys.ts';
import { readRecord } from '../../core/records/record-type.ts';
import { listRemediations } from '../../core/remediation/hindsight/history.ts';
import { triedTexts } from '../../core/remediation/paths/path-words.ts';
import { type Remediation, remediationType } from '../../core/remediation/record.ts';
import { readEvidence } from '../../core/remediation/evidence/evidence.ts';
import { type BudgetCharge, readBudgetCharge } from '../../core/slo/spending/charges.ts';
import { CliError } from '../cli-error.ts';
import { evidenceLines } from '../evidence-lines.ts';
import { type Answer, duration, moment, ok, spoken, table } from '../output.ts';
import type { RemediationDetail, RemediationsAnswer } from '../schemas.ts';
import { commandFor, headerOf, type Target } from '../target.ts';

/** `perennial remediations [id]`: the newest repairs and vetoes, or one with its phases and guardrails. */
export function remediations(target: Target, id: string | undefined, limit: number): Promise<Answer> {
  return id === undefined ? list(target, limit) : show(target, id);
}

async function list(target: Target, limit: number): Promise<Answer> {
  const found = await listRemediations(target.records, target.scope, limit);
  const json: RemediationsAnswer = found.map(({ id, system, state, timing, reason, incidentId, oldInstanceId, newInstanceId, recoverySeconds }) => ({
    id,
    system,
    state,
    startedAt: timing.decidedAt,
    reason,
    incidentId,
    oldInstanceId,
    newInstanceId: newInstanceId ?? null,
    recoverySeconds: recoverySeconds ?? null,
  }));
  const rows = json.map((row) => [
    row.id,
    row.system ?? '-',
    row.state,
    row.oldInstanceId,
    row.recoverySeconds === null ? '-' : spoken(row.recoverySeconds),
    row.reason,
  ]);
  return ok(
    json,
    `${headerOf(target)}\n${table(['remediation', 'system', 'state', 'instance', 'recovery', 'reason'], rows, 'No remediations: nothing was repaired or vetoed.')}`,
  );
}

async function show(target: Target, id: string): Promise<Answer> {
  const { records, scope } = target;
  const found = await readRecord(records, remediationType, keys.remediation(scope, id));
  if (found === undefined)
    throw new CliError(`There is no remediation ${id} in ${scope.accountId}/${scope.region}. List them: ${commandFor(target, 'remediations')}`);
  const evidence = (await readEvidence(records, scope, found.body.incidentId)).filter(({ remediationId }) => remediationId === id);
  const charge = await readBudgetCharge({ store: records, scope }, { system: found.body.system, kind: 'remediation', id });
  const json: RemediationDetail = { ...found.body, startedAt: found.body.timing.decidedAt, evidence, budgetCharge: charge ?? null };
  return ok(json, [headerOf(target), ...render(found.body), ...chargeLines(charge), ...evidenceLines(evidence)].join('\n'));
}

function render(body: Remediation): readonly string[] {
  const { timing, recoverySeconds, rtoSeconds, isRtoMet, newInstanceId, imageId, imageReason } = body;
  const recovery =
    recoverySeconds === undefined
      ? `not recovered yet; the RTO is ${spoken(rtoSeconds)}`
      : `${spoken(recoverySeconds)}, the RTO of ${spoken(rtoSeconds)} was ${isRtoMet === true ? 'met' : 'missed'}`;
  return [
    `${body.id}  ${body.state}  ${body.system}  attempt ${body.attempt} in 24 h, mode ${body.mode}`,
    body.reason,
    `Trigger: ${body.trigger.summary}`,
    ...(body.path === undefined ? [] : [`Path: ${body.path}${body.pathReason === undefined ? '' : ` (${body.pathReason})`}`]),
    ...section('Tried before', triedTexts(body)),
    `Incident: ${body.incidentId}`,
    `Instances: ${body.oldInstanceId} → ${newInstanceId ?? 'no replacement'}`,
    ...(imageId === undefined ? [] : [`Image: ${imageId}${imageReason === undefined ? '' : ` (${imageReason})`}`]),
    `Recovery: ${recovery}`,
    `Times: detected ${moment(timing.detectedAt)}${timesAfter(timing)}`,
    ...section('Different from the old one', body.differences),
    ...section(
      'Guardrails',
      body.guardrails.map(({ verdict, name, reason }) => `${verdict.padEnd(7)} ${name}: ${reason}`),
    ),
    ...section(
      'Launch rehearsed',
      (body.preflight ?? []).map(({ verdict, name, reason }) => `${verdict.padEnd(10)} ${name}: ${reason}`),
    ),
    ...section(
      'Phases',
      body.phases.map(
        ({ startedAt, endedAt, outcome, name, reason }) =>
          `${moment(startedAt)}  ${duration(startedAt, endedAt).padStart(11)}  ${outcome.padEnd(7)} ${name}: ${reason}`,
      ),
    ),
  ];
}

/** What was bad while it ran, and who is charged with it. */
function chargeLines(charge: BudgetCharge | undefined): readonly string[] {
  if (charge === undefined) return [];
  const { objective, badSeconds, share, ofIncidents } = charge;
  const own = badSeconds === 0 ? [] : [`Cost ${spoken(badSeconds)} of the error budget of ${objective} (${(share * 100).toFixed(2)} %); no incident was open`];
  const ofThem =
    ofIncidents.badSeconds === 0
      ? []
      : [
          `${spoken(ofIncidents.badSeconds)} of the error budget of ${objective} (${(ofIncidents.share * 100).toFixed(2)} %) were bad while it ran; its incident is charged with them`,
        ];
  return [...own, ...ofThem];
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [`${title}:`, ...lines.map((line) => `  ${line}`)];
}

const steps = [
  ['decidedAt', 'decided'],
  ['launchedAt', 'launched'],
  ['inServiceAt', 'in service'],
  ['verifiedAt', 'verified'],
  ['endedAt', 'ended'],
] as const;

/** `, decided after 1 s, launched after 7 s …` */
function timesAfter(timing: Remediation['timing']): string {
  return steps
    .flatMap(([field, word]) => {
      const at = timing[field];
      return at === undefined ? [] : [`, ${word} after ${duration(timing.detectedAt, at)}`];
    })
    .join('');
}
