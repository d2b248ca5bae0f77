import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { listOpenIncidents, readTimeline } from '../../core/incidents/incidents.ts';
import { incidentType } from '../../core/incidents/record.ts';
import { instanceType, systemRecordType } from '../../core/inventory/records.ts';
import { keys, lists, partitions } from '../../core/records/keys.ts';
import { parseRecord, readAll, readRecord } from '../../core/records/record-type.ts';
import { listRemediations } from '../../core/remediation/history.ts';
import { pauseType, remediationType } from '../../core/remediation/record.ts';
import { listBudgets } from '../../core/slo/evaluate.ts';
import { CliError } from '../cli-error.ts';
import { type Answer, ok, table } from '../output.ts';
import { headerOf, type Target } from '../target.ts';

/** `perennial status`: the whole picture on one page (S0-28). */
export async function status(target: Target): Promise<Answer> {
  const { records, scope } = target;
  const [pauses, systems, incidents, remediations, budgets] = await Promise.all([
    readAll(pauseType, (page) => records.query(partitions.pauses(scope), '', page)),
    readAll(systemRecordType, (page) => records.query(partitions.systems(scope), '', page)),
    listOpenIncidents(records, scope),
    readAll(remediationType, (page) => records.list(lists.runningRemediations(scope), page)),
    listBudgets(records, scope),
  ]);
  const paused = pauses.filter(({ body }) => body.isPaused).map(({ body }) => ({ target: body.target, by: body.by, reason: body.reason, at: body.at }));
  const json = {
    paused,
    systems: systems.map(({ body }) => ({ id: body.name, system: body.name, state: body.status, instances: body.observed.instanceIds, images: body.observed.imageIds })),
    openIncidents: incidents.map((incident) => ({ id: incident.id, system: incident.system ?? null, state: incident.state, startedAt: incident.openedAt, reason: incident.title, severity: incident.severity, owner: incident.owner })),
    runningRemediations: remediations.map(({ body }) => ({ id: body.id, system: body.system, state: body.state, startedAt: body.timing.decidedAt, reason: body.reason, phase: body.phase })),
    budgets,
  };
  const text = [
    headerOf(target),
    paused.length === 0 ? 'Not paused.' : `PAUSED: ${paused.map((pause) => `${pause.target} by ${pause.by} (${pause.reason})`).join('; ')}`,
    `Systems: ${json.systems.map((system) => `${system.id} (${system.instances.length} running)`).join(', ') || 'none seen yet'}`,
    `Open incidents: ${json.openIncidents.length}`,
    ...json.openIncidents.map((incident) => `  ${incident.id}  ${incident.severity}  ${incident.state}  ${incident.reason}`),
    `Running remediations: ${json.runningRemediations.length}`,
    ...json.runningRemediations.map((remediation) => `  ${remediation.id}  ${remediation.phase}  ${remediation.reason}`),
    ...budgets.map((budget) => `Budget of ${budget.objective}: ${(budget.remainingRatio * 100).toFixed(2)} % left (${budget.consumedSeconds} of ${budget.budgetSeconds} s used)`),
  ].join('\n');
  return ok(json, text);
}

/** `perennial incidents [id]`: the newest incidents, or one with its timeline. */
export async function incidents(target: Target, id: string | undefined, limit: number): Promise<Answer> {
  const { records, scope } = target;
  if (id === undefined) {
    const page = await records.query(partitions.incidents(scope), '', { limit, newestFirst: true });
    const rows = page.records.map((record) => parseRecord(incidentType, record).body);
    const json = rows.map((incident) => ({ id: incident.id, system: incident.system ?? null, state: incident.state, startedAt: incident.openedAt, reason: incident.title, severity: incident.severity, owner: incident.owner }));
    return ok(json, `${headerOf(target)}\n${table(['incident', 'system', 'severity', 'state', 'opened', 'what'], json.map((row) => [row.id, row.system ?? '-', row.severity, row.state, row.startedAt, row.reason]))}`);
  }
  const found = await readRecord(records, incidentType, keys.incident(scope, id));
  if (found === undefined) throw new CliError(`There is no incident ${id} in ${scope.region}. List them: npm run -s perennial -- incidents`);
  const timeline = await readTimeline(records, scope, id);
  const text = [headerOf(target), `${found.body.id}  ${found.body.severity}  ${found.body.state}  ${found.body.title}`, ...timeline.map((event) => `${event.at}  ${event.kind.padEnd(12)}  ${event.text}`)].join('\n');
  return ok({ ...found.body, reason: found.body.title, startedAt: found.body.openedAt, timeline }, text);
}

/** `perennial remediations [id]`: the newest repairs and vetoes, or one with its phases and guardrails. */
export async function remediations(target: Target, id: string | undefined, limit: number): Promise<Answer> {
  const { records, scope } = target;
  if (id === undefined) {
    const rows = await listRemediations(records, scope, limit);
    const json = rows.map((row) => ({ id: row.id, system: row.system, state: row.state, startedAt: row.timing.decidedAt, reason: row.reason, oldInstanceId: row.oldInstanceId, newInstanceId: row.newInstanceId ?? null, recoverySeconds: row.recoverySeconds ?? null }));
    return ok(json, `${headerOf(target)}\n${table(['remediation', 'system', 'state', 'old', 'new', 'recovery', 'reason'], json.map((row) => [row.id, row.system, row.state, row.oldInstanceId, row.newInstanceId ?? '-', row.recoverySeconds === null ? '-' : `${row.recoverySeconds} s`, row.reason]))}`);
  }
  const found = await readRecord(records, remediationType, keys.remediation(scope, id));
  if (found === undefined) throw new CliError(`There is no remediation ${id} in ${scope.region}. List them: npm run -s perennial -- remediations`);
  const { body } = found;
  const text = [
    headerOf(target),
    `${body.id}  ${body.state}  ${body.oldInstanceId} → ${body.newInstanceId ?? 'nothing'}: ${body.reason}`,
    'Guardrails:',
    ...body.guardrails.map((guardrail) => `  ${guardrail.verdict.padEnd(7)} ${guardrail.name}: ${guardrail.reason}`),
    'Phases:',
    ...body.phases.map((phase) => `  ${phase.startedAt} – ${phase.endedAt}  ${phase.outcome.padEnd(7)} ${phase.name}: ${phase.reason}`),
  ].join('\n');
  return ok({ ...body, startedAt: body.timing.decidedAt }, text);
}

/** `perennial inventory list`: every instance and what it is to us (S0-02). */
export async function inventoryList(target: Target, only: string | undefined): Promise<Answer> {
  const { records, scope } = target;
  const all = await readAll(instanceType, (page) => records.query(partitions.instances(scope), '', page));
  const rows = all.map(({ body }) => body).filter((row) => only === undefined || row.status === only);
  const json = rows.map((row) => ({ ...row, id: row.instanceId, state: row.status, ec2State: row.state, startedAt: row.firstSeenAt, reason: reasonOf(row.status), system: row.system ?? null }));
  const counts = Object.entries(Object.groupBy(all, ({ body }) => body.status)).map(([state, members]) => `${members.length} ${state}`);
  const running = await countRunning(target);
  const totals = `${all.length} known (${counts.join(', ') || 'none'}); EC2 lists ${running} running`;
  const text = `${headerOf(target)}\n${totals}\n${table(['instance', 'name', 'status', 'system', 'EC2', 'image', 'first seen'], rows.map((row) => [row.instanceId, row.name ?? '-', row.status, row.system ?? '-', row.state, row.imageId, row.firstSeenAt]))}`;
  return ok(json, text);
}

function reasonOf(status: string): string {
  const reasons: Readonly<Record<string, string>> = {
    managed: 'Tagged for a system of the catalog',
    unknown: 'Matches no system of the catalog: listed, never touched. Adopt it with the tag perennial:system, or find its owner.',
    elsewhere: 'Managed by EKS, EMR or Batch',
    quarantined: 'Kept as evidence of an incident',
    gone: 'No longer listed by EC2',
  };
  return reasons[status] ?? status;
}

async function countRunning(target: Target): Promise<number> {
  const client = new EC2Client(target.clients.fleet);
  let count = 0;
  let NextToken: string | undefined;
  for (let page = 0; page < 100; page += 1) {
    const answer = await client.send(new DescribeInstancesCommand({ MaxResults: 1000, Filters: [{ Name: 'instance-state-name', Values: ['running'] }], ...(NextToken === undefined ? {} : { NextToken }) }));
    count += (answer.Reservations ?? []).reduce((sum, reservation) => sum + (reservation.Instances?.length ?? 0), 0);
    NextToken = answer.NextToken;
    if (NextToken === undefined) return count;
  }
  throw new CliError('More than 100,000 instances: count them with AWS Config instead.');
}

