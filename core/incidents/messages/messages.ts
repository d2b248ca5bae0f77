import type { DeploymentKind } from '../../deployments/record.ts';
import { deploymentPhrase, versionText } from '../../deployments/sentence.ts';
import { present } from '../../environment/present.ts';
import { secondsBetween, type Timestamp } from '../../environment/time.ts';
import type { Remediation } from '../../remediation/record.ts';
import { backgroundData, backgroundLines } from './background-text.ts';
import { notifiedSeverity } from '../fan-out/channels.ts';
import { nextLines, perennial } from './commands.ts';
import { consoleLines, consoleLinks } from './console-links.ts';
import { type CardRow, inventoryCard } from './inventory-card.ts';
import type { ComposedMessage, DeadLetterMessageFacts, DeployMessageFacts, MessageFacts } from './message-facts.ts';
import { clockText, durationText, momentText, plain, sentence, smsText, subjectText } from './message-text.ts';
import type { IncidentStep, NotificationStep } from '../record.ts';
import { steps, type StepText } from './stories.ts';

/** Steps of an incident. Those of deploys and dead letters have functions of their own, because they know other facts. */
export type MessageStep = IncidentStep;

/** Writes the message of a step of an incident: pure, the same facts give the same texts. */
export function composeMessage(step: MessageStep, facts: MessageFacts): ComposedMessage {
  const { incident } = facts;
  const text: StepText = steps[step];
  const { headline, story, commands, asksPerson } = text;
  const name = nameOf(facts);
  const head = headline(facts);
  const told = story(facts).map((line) => plain(line));
  const next = commands(facts);
  const links = consoleLinks(step, facts);
  const card = facts.system === undefined ? [] : inventoryCard(facts.system, facts.dependants, facts.remediation);
  return {
    subject: subjectText(`[${notifiedSeverity(step, incident.severity)}] ${name}: ${head} (${incident.region})`),
    text: [
      `${name}: ${head}.`,
      '',
      ...factRows(facts).map(({ label, value }) => `${label}: ${value}`),
      '',
      ...told,
      '',
      ...nextLines(asksPerson, next, incident),
      ...consoleLines(links, incident),
      ...backgroundLines(facts.background, incident),
      ...(card.length === 0 ? [] : ['', 'From the inventory:', ...card.map(({ label, value }) => `  ${label}: ${value}`)]),
    ].join('\n'),
    sms: smsText([
      `${name} ${head}`,
      ...(text.sms?.(facts) ?? []),
      whereText(`${name} ${head}`, facts),
      `Owner ${plain(incident.owner, 40)}`,
      incident.id,
      `Impact: ${impactOf(facts)}`,
    ]),
    data: {
      ...dataOf(step, facts),
      headline: head,
      story: told,
      commands: next,
      ...(links.length === 0 ? {} : { console: links.map(({ document, url, parameters }) => ({ document, url, parameters })) }),
      inventory: Object.fromEntries(card.map(({ label, value }) => [label, value])),
      ...backgroundData(facts.background),
    },
    ...present({ system: incident.system }),
  };
}

function nameOf({ incident }: MessageFacts): string {
  return incident.system ?? plain(incident.subject.id, 60);
}

function instanceOf({ incident, remediation }: MessageFacts): string {
  return remediation?.oldInstanceId ?? plain(incident.subject.id, 80);
}

/** The instance and the Region, without repeating what the headline says. */
function whereText(headline: string, facts: MessageFacts): string {
  const instance = instanceOf(facts);
  return headline.includes(instance) ? facts.incident.region : `${instance} ${facts.incident.region}`;
}

function impactOf({ incident }: MessageFacts): string {
  return incident.impact === '' ? 'not stated in the catalog' : plain(incident.impact);
}

/** What every message says: what, where, what it costs, who answers for it, what changed last. */
function factRows(facts: MessageFacts): readonly CardRow[] {
  const { incident, now } = facts;
  const { accountId, region, subject } = incident;
  return [
    { label: 'What', value: plain(incident.title) },
    { label: 'Where', value: `account ${accountId}, Region ${region}, system ${incident.system ?? 'unknown'}, ${subject.type} ${plain(subject.id)}` },
    { label: 'Impact', value: impactOf(facts) },
    { label: 'Severity', value: incident.severity },
    { label: 'Owner', value: plain(incident.owner) },
    {
      label: 'Since',
      value: `${momentText(incident.openedAt)}${incident.resolvedAt === undefined ? `, ${durationText(secondsBetween(incident.openedAt, now))} ago` : `; over at ${clockText(incident.resolvedAt)}`}`,
    },
    { label: 'Last deploy', value: lastDeployText(facts) },
    { label: 'Incident', value: incident.id },
  ];
}

/** How long before the incident something was deployed (S3-26). */
function lastDeployText({ incident, lastDeployment }: MessageFacts): string {
  if (lastDeployment === undefined) return incident.system === undefined ? 'unknown' : 'none recorded';
  const seconds = secondsBetween(lastDeployment.changedAt, incident.openedAt);
  const when = seconds >= 0 ? `${durationText(seconds)} before this incident` : `${durationText(-seconds)} after this incident began`;
  return plain(`${deploymentPhrase(lastDeployment)} ${when}`);
}

function dataOf(step: MessageStep, { incident, remediation, eta, lastDeployment, now }: MessageFacts): Record<string, unknown> {
  const { id, accountId, region, severity, state, subject, openedAt, wasInInventory } = incident;
  return {
    schemaVersion: 1,
    step,
    incidentId: id,
    accountId,
    region,
    severity,
    state,
    title: plain(incident.title),
    impact: plain(incident.impact),
    owner: plain(incident.owner),
    subject,
    openedAt,
    wasInInventory,
    composedAt: now,
    ...present({ system: incident.system, eta, budgetShare: incident.budgetShare, resolvedAt: incident.resolvedAt }),
    ...(remediation === undefined ? {} : { remediation: remediationData(remediation) }),
    ...(lastDeployment === undefined
      ? {}
      : {
          lastDeployment: {
            id: lastDeployment.id,
            version: plain(lastDeployment.version),
            commit: plain(lastDeployment.commit),
            state: lastDeployment.state,
            at: lastDeployment.changedAt,
          },
        }),
  };
}

function remediationData(remediation: Remediation): Record<string, unknown> {
  const { id, state, phase, attempt, mode, oldInstanceId, newInstanceId, imageId, recoverySeconds, rtoSeconds, isRtoMet, pageAt } = remediation;
  const differences = remediation.differences.slice(0, 50).map((difference) => plain(difference));
  return {
    id,
    state,
    phase,
    attempt,
    mode,
    oldInstanceId,
    rtoSeconds,
    pageAt,
    reason: plain(remediation.reason),
    differences,
    ...present({ newInstanceId, imageId, recoverySeconds, isRtoMet }),
    ...(remediation.approval === undefined
      ? {}
      : { approval: { expiresAt: remediation.approval.expiresAt, findings: remediation.approval.findings.map((finding) => plain(finding)) } }),
  };
}

const deployHeadlines = {
  started: 'deploy started',
  finished: 'deploy finished',
  failed: 'deploy failed',
  stopped: 'deploy was stopped',
  'rolled-back': 'deploy was rolled back',
} as const satisfies Record<DeploymentKind, string>;

/** The step of a deploy's notification; a stopped deploy is told like a failed one. */
export const deploySteps = {
  started: 'deploy-started',
  finished: 'deploy-finished',
  failed: 'deploy-failed',
  stopped: 'deploy-failed',
  'rolled-back': 'deploy-rolled-back',
} as const satisfies Record<DeploymentKind, NotificationStep>;

/** Writes the message that tells people of a deploy (S3-29). */
export function composeDeployMessage(facts: DeployMessageFacts): ComposedMessage {
  const { deployment, kind, findings, openIncidents } = facts;
  const { system, accountId, region } = deployment;
  const head = `${deployHeadlines[kind]}: ${deployment.version === '' ? 'an unnamed version' : plain(deployment.version)}`;
  const incidents = openIncidents.map(({ id }) => id).slice(0, 10);
  const lines = [...deployRows(facts), ...findings.map(({ text }) => `Finding: ${text}`), ...incidents.map((id) => `Open incident of this system: ${id}`)].map(
    (line) => plain(line),
  );
  return {
    subject: subjectText(`${system}: ${head} (${region})`),
    text: [
      `${system}: ${head}.`,
      '',
      ...lines,
      '',
      ...nextLines(
        false,
        incidents.length === 0 ? [perennial('status', deployment)] : incidents.map((id) => perennial(`incidents ${id}`, deployment)),
        deployment,
      ),
    ].join('\n'),
    sms: smsText([`${system} ${head}`, `${accountId} ${region}`]),
    data: { schemaVersion: 1, step: deploySteps[kind], accountId, region, system, deployment: deployData(facts), findings, openIncidentIds: incidents },
    system,
  };
}

function statedOr(text: string | undefined, otherwise: string): string {
  return text === undefined || text === '' ? otherwise : text;
}

function startedText(kind: DeploymentKind, startedAt: Timestamp, changedAt: Timestamp): string {
  const started = `Started: ${momentText(startedAt)}`;
  if (kind === 'started') return started;
  return `${started}; ${deployHeadlines[kind].replace('deploy ', '')} after ${durationText(secondsBetween(startedAt, changedAt))}`;
}

function deployRows({ deployment, kind, system }: DeployMessageFacts): readonly string[] {
  const { accountId, region, previousVersion, approver, databaseChange, rollbackTested, startedAt, changedAt, gate } = deployment;
  const way = kind === 'rolled-back' ? 'Runs again' : 'Way back';
  return [
    `What: ${versionText(deployment)}`,
    `Where: account ${accountId}, Region ${region}, system ${deployment.system}`,
    `Impact if it goes wrong: ${statedOr(system?.spec.impact, 'not stated in the catalog')}`,
    `Owner: ${system?.spec.owners.owner ?? 'unknown (the system is not in the catalog)'}`,
    `${way}: ${previousVersion === '' ? 'not stated' : `version ${previousVersion}`}; rollback ${rollbackTested ? 'tested' : 'not tested'}`,
    ...(gate === undefined || kind !== 'started' ? [] : [`Error budget says: ${gate.answer}. ${gate.reason}`]),
    `Database: ${databaseChange ? 'changed by this deploy' : 'not changed'}`,
    `Announced by: ${statedOr(deployment.deployer, 'not stated')}${approver === undefined ? '' : `, approved by ${approver}`}`,
    startedText(kind, startedAt, changedAt),
  ];
}

function deployData({ deployment }: DeployMessageFacts): Record<string, unknown> {
  const { id, version, commit, previousVersion, databaseChange, rollbackTested, state, startedAt, changedAt, configVersion } = deployment;
  return {
    id,
    version: plain(version),
    commit: plain(commit),
    previousVersion: plain(previousVersion),
    databaseChange,
    rollbackTested,
    state,
    startedAt,
    changedAt,
    deployer: plain(deployment.deployer),
    ...present({ configVersion }),
  };
}

/** Writes the message about an event that could not be read. */
export function composeDeadLetterMessage({ scope, deadLetter, now }: DeadLetterMessageFacts): ComposedMessage {
  const { accountId, region } = scope;
  const { id, at, sizeBytes } = deadLetter;
  const reason = plain(deadLetter.reason);
  const commands = [perennial(`dead-letters show ${id}`, scope), perennial('dead-letters redrive', scope)];
  return {
    subject: subjectText(`Perennial: an event could not be read (${region})`),
    text: [
      'Perennial: an event could not be read.',
      '',
      sentence(`Why: ${reason}`),
      `Where: account ${accountId}, Region ${region}`,
      `When: ${momentText(at)}; ${sizeBytes} bytes`,
      'Impact: what the event reports is not acted on. All other events are.',
      'It is kept unmodified for 14 days. Correct its sender, or send it again once Perennial can read it.',
      '',
      ...nextLines(true, commands, scope),
    ].join('\n'),
    sms: smsText(['Perennial could not read an event', reason, `${accountId} ${region}`]),
    data: { schemaVersion: 1, step: 'dead-letter', accountId, region, deadLetterId: id, at, reason, sizeBytes, composedAt: now, commands },
  };
}
