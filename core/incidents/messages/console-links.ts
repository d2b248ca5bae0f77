import type { Scope } from '../../environment/ports.ts';
import type { Remediation } from '../../remediation/record.ts';
import { channelsOf, notifiedSeverity } from '../fan-out/channels.ts';
import type { MessageFacts } from './message-facts.ts';
import type { IncidentStep } from '../record.ts';

/** What a person with only a phone can run in the AWS console; the console stack makes a document of each name. */
export const consoleDocuments = ['Perennial-Pause', 'Perennial-Resume', 'Perennial-Approve', 'Perennial-Abort', 'Perennial-Acknowledge'] as const;
export type ConsoleDocument = (typeof consoleDocuments)[number];

/** One document to run, with what to type into its form. */
export interface ConsoleLink {
  readonly document: ConsoleDocument;
  readonly url: string;
  /** What it is for, in a few words. */
  readonly what: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** The console's host by the beginning of a Region's name (https://docs.aws.amazon.com/general/latest/gr/mgmt-console.html); of other partitions we know none. */
const hosts = [
  { regions: /^cn-/, host: 'console.amazonaws.cn' },
  { regions: /^us-gov-/, host: 'console.amazonaws-us-gov.com' },
  { regions: /^(?!us-iso|eu-iso|eusc-)/, host: 'console.aws.amazon.com' },
] as const;

/**
 * The page that runs an Automation document. The path is the one of the links "Run this Automation" in
 * https://docs.aws.amazon.com/systems-manager-automation-runbooks/latest/userguide/automation-aws-restartec2instance.html; behind `#`
 * the console takes values for its form, which no page of AWS promises: a message says them in words as well.
 */
export function documentUrl(document: ConsoleDocument, { region }: Pick<Scope, 'region'>, parameters: ConsoleLink['parameters']): string | undefined {
  const host = hosts.find(({ regions }) => regions.test(region))?.host;
  const form = Object.entries(parameters).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return host === undefined
    ? undefined
    : `https://${region}.${host}/systems-manager/automation/execute/${document}?region=${region}${form.length === 0 ? '' : `#${form.join('&')}`}`;
}

type Wanted = Omit<ConsoleLink, 'url'>;

const targetOf = (system: string | undefined): string => (system === undefined ? 'global' : `system#${system}`);

const abort = ({ id }: Remediation): Wanted => ({ document: 'Perennial-Abort', what: 'to stop it at its nearest safe point', parameters: { Remediation: id } });

/** Whoever has it says so first: until then others are asked (design.md section 9). */
const acknowledge = (incidentId: string): Wanted => ({
  document: 'Perennial-Acknowledge',
  what: 'to say that you have it; nobody else is asked meanwhile',
  parameters: { Incident: incidentId },
});

/** The document that answers the question of a page first; in every page the one that acknowledges it. */
function wantedOf(step: IncidentStep, facts: MessageFacts): readonly Wanted[] {
  const asked = answersOf(step, facts);
  return step === 'approval-needed' ? [...asked, acknowledge(facts.incident.id)] : [acknowledge(facts.incident.id), ...asked];
}

function answersOf(step: IncidentStep, { incident, remediation }: MessageFacts): readonly Wanted[] {
  const target = targetOf(incident.system);
  const pause: Wanted = { document: 'Perennial-Pause', what: 'to keep Perennial from further repairs', parameters: { Target: target } };
  if (remediation === undefined) return [pause];
  const { frozen, state, failure, id } = remediation;
  if (frozen !== undefined) return [{ document: 'Perennial-Resume', what: 'to let it go on', parameters: { Target: frozen.target } }, abort(remediation)];
  if (step === 'approval-needed') return [{ document: 'Perennial-Approve', what: 'to say yes', parameters: { Remediation: id } }, abort(remediation)];
  if (state === 'running') return [abort(remediation), pause];
  return failure?.guardrail === 'pause' ? [{ document: 'Perennial-Resume', what: 'to let Perennial repair again', parameters: { Target: target } }] : [pause];
}

/** The links of a message: only of one that pages, and only to documents that are deployed. */
export function consoleLinks(step: IncidentStep, facts: MessageFacts): readonly ConsoleLink[] {
  const { incident, consoleDocuments: deployed = [] } = facts;
  if (!channelsOf(step, notifiedSeverity(step, incident.severity)).includes('sms')) return [];
  return wantedOf(step, facts).flatMap((wanted) => {
    const url = deployed.includes(wanted.document) ? documentUrl(wanted.document, incident, wanted.parameters) : undefined;
    return url === undefined ? [] : [{ ...wanted, url }];
  });
}

/** The links as lines; none without a link. */
export function consoleLines(links: readonly ConsoleLink[], { accountId }: Pick<Scope, 'accountId'>): readonly string[] {
  if (links.length === 0) return [];
  const typed = ({ parameters }: ConsoleLink): string =>
    [...Object.entries(parameters).map(([name, value]) => `${name} = ${value}`), 'Reason = why, in a few words'].join('; ');
  return [
    '',
    `With only a phone (AWS console, signed in to account ${accountId}; check the fields, then Execute):`,
    ...links.flatMap((link) => [`  ${link.document}, ${link.what}: ${link.url}`, `    ${typed(link)}`]),
  ];
}
