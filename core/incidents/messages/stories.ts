import { addSeconds, secondsBetween } from '../../environment/time.ts';
import { doingText, triedTexts } from '../../remediation/paths/path-words.ts';
import { keepsInstance } from '../../remediation/paths/procedure.ts';
import type { Remediation } from '../../remediation/record.ts';
import { perennial } from './commands.ts';
import type { MessageFacts } from './message-facts.ts';
import { capitalised, clockText, durationText, momentText, percentText, sentence } from './message-text.ts';
import type { IncidentStep } from '../record.ts';

/** What one step says beyond what every message says. */
export interface StepText {
  /** Under 60 characters, without the name of the system. */
  readonly headline: (facts: MessageFacts) => string;
  /** What Perennial does, did or will not do, line by line; `composeMessage` masks and cuts the lines. */
  readonly story: (facts: MessageFacts) => readonly string[];
  readonly commands: (facts: MessageFacts) => readonly string[];
  /** What the SMS says right after the headline, where that is not enough. */
  readonly sms?: (facts: MessageFacts) => readonly string[];
  /** True when somebody must do something now. */
  readonly asksPerson: boolean;
}

/** One row per step. */
export const steps = {
  detected: { headline: () => 'trouble detected', story: detectedStory, commands: lookCommands, asksPerson: false },
  replacing: {
    headline: ({ remediation }) =>
      remediation?.revertOf === undefined
        ? remediation === undefined
          ? 'replacing an instance'
          : doingText(remediation)
        : `taking back, ${remediation.oldInstanceId} returns`,
    story: replacingStory,
    commands: repairCommands,
    asksPerson: false,
  },
  recovered: { headline: recoveredHeadline, story: recoveredStory, commands: lookCommands, asksPerson: false },
  'needs-person': {
    headline: (facts) => `person needed: ${whyPerson(facts)}`,
    story: needsPersonStory,
    commands: acknowledging(needsPersonCommands),
    asksPerson: true,
  },
  'would-have': {
    headline: () => 'person needed: dry run, nothing was touched',
    story: wouldHaveStory,
    commands: acknowledging(planCommands),
    asksPerson: true,
  },
  'approval-needed': {
    headline: ({ remediation }) => `approve replacing ${remediation?.oldInstanceId ?? 'an instance'}?`,
    story: approvalStory,
    commands: approvalCommands,
    sms: ({ remediation }) =>
      remediation === undefined
        ? []
        : [`perennial approve ${remediation.id}`, ...(remediation.approval === undefined ? [] : [`Until ${clockText(remediation.approval.expiresAt)}`])],
    asksPerson: true,
  },
  'drill-ended': {
    headline: ({ remediation }) => (remediation?.state === 'succeeded' ? 'drill passed' : 'drill did not pass'),
    story: drillStory,
    commands: repairCommands,
    asksPerson: false,
  },
  escalated: { headline: () => 'nobody has answered yet', story: escalatedStory, commands: acknowledging(needsPersonCommands), asksPerson: true },
  'unknown-instance': {
    headline: () => 'unknown instance, was not in inventory',
    story: unknownStory,
    commands: acknowledging(unknownCommands),
    asksPerson: true,
  },
} as const satisfies Record<IncidentStep, StepText>;

/** The first thing to do is to say that one has it: nobody else is woken then. */
function acknowledging(commands: StepText['commands']): StepText['commands'] {
  return (facts) => [perennial(`acknowledge ${facts.incident.id}`, facts.incident), ...commands(facts)];
}

/** Whether a step asks somebody to do something now. */
export function asksPerson(step: IncidentStep): boolean {
  return steps[step].asksPerson;
}

/** What a yes needs to know: why a person is asked, what would happen, what would be lost (design section 7). */
function approvalStory(facts: MessageFacts): readonly string[] {
  const { remediation } = facts;
  const approval = remediation?.approval;
  if (remediation === undefined || approval === undefined) return ['Perennial waits for an approval; the timeline of the incident says for what.'];
  const { plan, findings, expiresAt } = approval;
  return [
    `Perennial asks before it replaces ${remediation.oldInstanceId}${plan.imageId === undefined ? '' : ` from ${plan.imageId}`}. Nothing has been touched.`,
    ...findings.map((finding) => sentence(`Why it asks: ${finding}`)),
    `Plan: ${plan.phases.join(', ')}.`,
    `Kept: ${plan.kept.length === 0 ? 'nothing' : plan.kept.join(', ')}.`,
    `Cannot be kept: ${plan.cannotKeep.length === 0 ? 'nothing is lost' : plan.cannotKeep.join(', ')}.`,
    `Approve it by ${momentText(expiresAt)}; after that it is recorded as a veto and nothing is touched. Before it goes on, all guardrails are asked again.`,
    etaLine(facts),
  ];
}

function approvalCommands(facts: MessageFacts): readonly string[] {
  const { incident, remediation } = facts;
  if (remediation === undefined) return lookCommands(facts);
  return [
    perennial(`approve ${remediation.id}`, incident),
    perennial(`abort ${remediation.id} --reason "by hand: ${incident.id}"`, incident),
    perennial(`remediations ${remediation.id}`, incident),
  ];
}

function etaLine({ remediation, eta, system, incident }: MessageFacts): string {
  const start = remediation?.timing.detectedAt ?? incident.openedAt;
  const rtoSeconds = remediation?.rtoSeconds ?? system?.spec.recovery.rtoSeconds;
  if (eta !== undefined) {
    const runs = `${eta.runs} past ${eta.runs === 1 ? 'run' : 'runs'}`;
    return `ETA: ${clockText(addSeconds(start, eta.p50Seconds))} (half of ${runs} took ${durationText(eta.p50Seconds)} or less, 95 % took ${durationText(eta.p95Seconds)} or less).`;
  }
  const target =
    rtoSeconds === undefined ? '' : ` The recovery time objective is ${durationText(rtoSeconds)}, that is ${clockText(addSeconds(start, rtoSeconds))}.`;
  return `ETA: no past runs yet.${target}`;
}

const TIMELINE_SAYS_WHY = 'the timeline of the incident says why';

function detectedStory(facts: MessageFacts): readonly string[] {
  const { remediation, reason } = facts;
  if (remediation?.state === 'running') return ['Perennial has begun to repair it; nothing is asked of you now.', etaLine(facts), pageLine(remediation)];
  return [`Perennial has not begun a repair: ${sentence(reason ?? TIMELINE_SAYS_WHY)}`];
}

function pageLine({ pageAt }: Remediation): string {
  return `If nothing serves in its place by ${clockText(pageAt)}, a person is paged.`;
}

function replacingStory(facts: MessageFacts): readonly string[] {
  const { remediation } = facts;
  if (remediation === undefined) return ['Perennial is replacing the instance.', etaLine(facts)];
  if (remediation.revertOf !== undefined) {
    return [
      sentence(
        `Perennial takes ${remediation.revertOf} back: ${remediation.oldInstanceId} returns from quarantine, ${remediation.newInstanceId ?? 'its replacement'} goes`,
      ),
    ];
  }
  const image =
    remediation.imageId === undefined
      ? 'the approved image'
      : `${remediation.imageId}${remediation.imageReason === undefined ? '' : ` (${remediation.imageReason})`}`;
  const from = (remediation.path ?? 'replace') === 'replace' ? ` from ${image}` : '';
  return [
    sentence(`Perennial is ${doingText(remediation)}${from}`),
    etaLine(facts),
    `Attempt ${remediation.attempt} on this place in 24 h. ${pageLine(remediation)} Nothing is asked of you now.`,
  ];
}

function recoveredHeadline({ incident, remediation }: MessageFacts): string {
  if (incident.state === 'closed') return 'closed by hand';
  const seconds = remediation?.recoverySeconds ?? (incident.resolvedAt === undefined ? undefined : secondsBetween(incident.openedAt, incident.resolvedAt));
  return seconds === undefined ? 'recovered' : `recovered in ${durationText(seconds)}`;
}

function recoveredStory(facts: MessageFacts): readonly string[] {
  const { incident, remediation } = facts;
  return [
    ...(remediation === undefined
      ? [
          `${incident.state === 'closed' ? 'Nothing else would have closed it' : 'It recovered without a repair'}${incident.resolution === undefined ? '.' : `: ${sentence(incident.resolution)}`}`,
        ]
      : replacedLines(remediation)),
    budgetLine(facts),
  ];
}

/** What a drill has shown; it is marked as one, so that nobody takes it for a failure (S3-19). */
function drillStory({ remediation }: MessageFacts): readonly string[] {
  if (remediation === undefined) return ['It was a drill; the timeline of the incident says what it showed.'];
  const { request, reason, recoverySeconds, phases } = remediation;
  return [
    `This was a drill${request === undefined ? '' : `, asked for by ${request.by}`}: a throw-away copy was replaced, no instance in service was touched, no error budget was spent.`,
    sentence(reason),
    `Measured: ${recoverySeconds === undefined ? 'not in service' : `in service after ${durationText(recoverySeconds)}`}; it does not count among recovery times.`,
    ...phases.slice(-PHASES_SHOWN).map(({ name, outcome }) => `- ${name}: ${outcome}`),
  ];
}

/** It is the same instance: nothing was put away, and nothing has another id. */
function sameInstanceLines({ oldInstanceId, path, recoverySeconds, rtoSeconds, isRtoMet, differences, triedPaths }: Remediation): readonly string[] {
  const measured = recoverySeconds === undefined ? 'not measured' : durationText(recoverySeconds);
  const met = recoverySeconds === undefined ? '' : `: ${(isRtoMet ?? recoverySeconds <= rtoSeconds) ? 'met' : 'missed'}`;
  return [
    `${oldInstanceId} serves again by the path ${path}; it is the same instance.`,
    ...triedTexts({ triedPaths }).map((text) => sentence(`Before that, ${text}`)),
    `Recovery time: ${measured}; objective (RTO) ${durationText(rtoSeconds)}${met}.`,
    `What differs: ${differences.length === 0 ? 'nothing' : differences.join('; ')}.`,
  ];
}

function replacedLines(remediation: Remediation): readonly string[] {
  const { revertOf, oldInstanceId, newInstanceId } = remediation;
  if (keepsInstance(remediation)) return sameInstanceLines(remediation);
  if (revertOf === undefined) return replacementLines(remediation);
  return [`${revertOf} is taken back: ${oldInstanceId} serves again, ${newInstanceId ?? 'its replacement'} is kept in quarantine as evidence.`];
}

function replacementLines({
  path,
  calls,
  oldInstanceId,
  newInstanceId,
  imageId,
  recoverySeconds,
  rtoSeconds,
  isRtoMet,
  differences,
}: Remediation): readonly string[] {
  const image = imageId === undefined ? '' : ` on image ${imageId}`;
  // A member that was not kept in standby is the group's to end.
  const isEnded = path === 'group-member' && calls['standby'] === undefined;
  const measured = recoverySeconds === undefined ? 'not measured' : durationText(recoverySeconds);
  const met = recoverySeconds === undefined ? '' : `: ${(isRtoMet ?? recoverySeconds <= rtoSeconds) ? 'met' : 'missed'}`;
  return [
    `${oldInstanceId} was replaced by ${newInstanceId ?? 'a new instance'}${image}. ${isEnded ? 'Its Auto Scaling group has ended the old one.' : 'The old one is kept in quarantine as evidence.'}`,
    `Recovery time: ${measured}; objective (RTO) ${durationText(rtoSeconds)}${met}.`,
    `What differs from the old instance: ${differences.length === 0 ? 'nothing but ids' : differences.join('; ')}.`,
  ];
}

function budgetLine({ incident }: MessageFacts): string {
  const share = incident.budgetShare;
  if (share === undefined) return 'Error budget: what this incident used is not measured yet; the status command will show it.';
  return `Error budget: this incident used ${durationText(share.badSeconds)}, ${percentText(share.share)} of the budget of ${share.objective}.`;
}

const whyByState = {
  running: 'the repair is not done in time',
  failed: 'the repair failed',
  vetoed: 'a guardrail stopped the repair',
  'stood-down': 'the repair stood down',
  'would-have': 'a dry run repairs nothing',
  succeeded: 'the repair succeeded, the trouble goes on',
} as const satisfies Record<Remediation['state'], string>;

function whyPerson({ remediation }: MessageFacts): string {
  if (remediation === undefined) return 'no repair runs';
  if (remediation.frozen !== undefined) return 'a repair is frozen half-way';
  return remediation.failure?.guardrail === 'approval' ? 'nobody approved in time' : whyByState[remediation.state];
}

const PHASES_SHOWN = 12;

function needsPersonStory({ remediation, reason }: MessageFacts): readonly string[] {
  if (remediation === undefined) return [`Perennial does not repair it: ${sentence(reason ?? TIMELINE_SAYS_WHY)} It has touched nothing.`];
  const { frozen } = remediation;
  const vetoes = remediation.guardrails.filter(({ verdict }) => verdict !== 'pass').map(({ name, reason: why }) => sentence(`Guardrail "${name}": ${why}`));
  const tried = remediation.phases
    .slice(-PHASES_SHOWN)
    .map(({ name, outcome, reason: why }) => sentence(`- ${name}: ${outcome}${outcome === 'done' ? '' : ` (${why})`}`));
  const goesOn =
    remediation.state === 'running'
      ? [`It is in the phase ${remediation.phase} since ${clockText(remediation.phaseStartedAt)} and goes on; you will be told how it ends.`]
      : [];
  return [
    ...(frozen === undefined
      ? []
      : [`It is frozen since ${clockText(frozen.at)} by ${frozen.by} (${frozen.reason}) and stands half-way until somebody resumes.`]),
    sentence(
      `${capitalised(whyByState[remediation.state])}: ${remediation.state === 'running' && frozen === undefined ? `no success by ${clockText(remediation.pageAt)}` : remediation.reason}`,
    ),
    ...goesOn,
    ...vetoes,
    ...(tried.length === 0 ? ['Nothing was tried: it has touched nothing.'] : ['What was tried:', ...tried]),
    `Old instance: ${remediation.oldInstanceId}. New instance: ${remediation.newInstanceId ?? 'none'}.`,
  ];
}

function wouldHaveStory({ remediation, system }: MessageFacts): readonly string[] {
  const what = remediation === undefined ? 'Perennial would have repaired it' : remediation.reason;
  const policy = system === undefined ? 'its policy' : `the policy of ${system.metadata.name}`;
  return [
    sentence(what),
    `${capitalised(policy)} is a dry run, so nothing was touched and the trouble goes on. To let Perennial repair it next time, set "mode: auto" in the catalog and deploy.`,
  ];
}

/** Who did not answer, and what stops it. */
function escalatedStory(facts: MessageFacts): readonly string[] {
  const { remediation, reason } = facts;
  return [
    sentence(reason ?? 'Nobody has acknowledged it yet'),
    'Whoever acknowledges it has it, and nobody else is asked until their time is over.',
    ...(remediation === undefined ? [] : needsPersonStory({ ...facts, reason: undefined })),
  ];
}

function unknownStory({ incident }: MessageFacts): readonly string[] {
  return [
    `${incident.subject.id} was not in inventory: nobody had listed it before this incident. It is listed from now on, first seen ${momentText(incident.openedAt)}.`,
    'It belongs to no system of the catalog, so Perennial has not touched it and will not.',
    'Find its owner, then tag it with the name of its system; if there is none, describe one in ops/ first.',
  ];
}

function lookCommands({ incident }: MessageFacts): readonly string[] {
  return [perennial(`incidents ${incident.id}`, incident)];
}

function repairCommands(facts: MessageFacts): readonly string[] {
  const { incident, remediation } = facts;
  return [
    ...lookCommands(facts),
    ...(remediation === undefined ? [] : [perennial(`remediations ${remediation.id}`, incident)]),
    ...(incident.system === undefined ? [] : [perennial(`pause ${incident.system} --reason "by hand: ${incident.id}"`, incident)]),
  ];
}

function planCommands(facts: MessageFacts): readonly string[] {
  const { incident, remediation } = facts;
  const instanceId = remediation?.oldInstanceId ?? (incident.subject.type === 'instance' ? incident.subject.id : undefined);
  return [
    ...lookCommands(facts),
    ...(remediation === undefined ? [] : [perennial(`remediations ${remediation.id}`, incident)]),
    ...(instanceId === undefined ? [] : [perennial(`plan ${instanceId}`, incident)]),
  ];
}

function needsPersonCommands(facts: MessageFacts): readonly string[] {
  const { incident, remediation } = facts;
  const { frozen } = remediation ?? {};
  if (frozen !== undefined) {
    const what = frozen.target === 'global' ? 'resume' : `resume ${frozen.target.replace('system#', '')}`;
    return [...lookCommands(facts), perennial(`${what} --reason "by hand: ${incident.id}"`, incident)];
  }
  if (remediation?.state === 'running') return repairCommands(facts);
  const isPaused = remediation?.failure?.guardrail === 'pause';
  return [
    ...planCommands(facts),
    ...(isPaused && incident.system !== undefined ? [perennial(`resume ${incident.system} --reason "by hand: ${incident.id}"`, incident)] : []),
  ];
}

function unknownCommands(facts: MessageFacts): readonly string[] {
  const { incident } = facts;
  const look = [...lookCommands(facts), perennial('inventory list', incident)];
  // People paste these: nothing but an id may get into them.
  if (!/^[a-z0-9-]+$/.test(incident.subject.id)) return look;
  return [
    ...look,
    `aws ec2 describe-instances --instance-ids ${incident.subject.id} --region ${incident.region}`,
    `aws ec2 create-tags --resources ${incident.subject.id} --tags Key=perennial:system,Value=SYSTEM --region ${incident.region}`,
  ];
}
