import { addSeconds, secondsBetween } from '../environment/time.ts';
import type { Remediation } from '../remediation/record.ts';
import { perennial } from './commands.ts';
import type { MessageFacts } from './message-facts.ts';
import { capitalised, clockText, durationText, momentText, sentence } from './message-text.ts';
import type { IncidentStep } from './record.ts';

/** What one step says beyond what every message says. */
interface StepText {
  /** Under 60 characters, without the name of the system. */
  readonly headline: (facts: MessageFacts) => string;
  /** What Perennial does, did or will not do, line by line; `composeMessage` masks and cuts the lines. */
  readonly story: (facts: MessageFacts) => readonly string[];
  readonly commands: (facts: MessageFacts) => readonly string[];
  /** True when somebody must do something now. */
  readonly asksPerson: boolean;
}

/** One row per step. */
export const steps = {
  detected: { headline: () => 'trouble detected', story: detectedStory, commands: lookCommands, asksPerson: false },
  replacing: {
    headline: ({ remediation }) => `replacing ${remediation?.oldInstanceId ?? 'an instance'}`,
    story: replacingStory,
    commands: repairCommands,
    asksPerson: false,
  },
  recovered: { headline: recoveredHeadline, story: recoveredStory, commands: lookCommands, asksPerson: false },
  'needs-person': { headline: (facts) => `person needed: ${whyPerson(facts)}`, story: needsPersonStory, commands: needsPersonCommands, asksPerson: true },
  'would-have': { headline: () => 'person needed: dry run, nothing was touched', story: wouldHaveStory, commands: planCommands, asksPerson: true },
  'unknown-instance': { headline: () => 'unknown instance, was not in inventory', story: unknownStory, commands: unknownCommands, asksPerson: true },
} as const satisfies Record<IncidentStep, StepText>;

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
  return `If it has not succeeded by ${clockText(pageAt)}, a person is paged.`;
}

function replacingStory(facts: MessageFacts): readonly string[] {
  const { remediation } = facts;
  if (remediation === undefined) return ['Perennial is replacing the instance.', etaLine(facts)];
  const image =
    remediation.imageId === undefined
      ? 'the approved image'
      : `${remediation.imageId}${remediation.imageReason === undefined ? '' : ` (${remediation.imageReason})`}`;
  return [
    sentence(`Perennial is replacing ${remediation.oldInstanceId} from ${image}`),
    etaLine(facts),
    `Attempt ${remediation.attempt} on this place in 24 h. ${pageLine(remediation)} Nothing is asked of you now.`,
  ];
}

function recoveredHeadline({ incident, remediation }: MessageFacts): string {
  const seconds = remediation?.recoverySeconds ?? (incident.resolvedAt === undefined ? undefined : secondsBetween(incident.openedAt, incident.resolvedAt));
  return seconds === undefined ? 'recovered' : `recovered in ${durationText(seconds)}`;
}

function recoveredStory(facts: MessageFacts): readonly string[] {
  const { incident, remediation } = facts;
  return [
    ...(remediation === undefined
      ? [`It recovered without a repair${incident.resolution === undefined ? '.' : `: ${sentence(incident.resolution)}`}`]
      : replacedLines(remediation)),
    budgetLine(facts),
  ];
}

function replacedLines({ oldInstanceId, newInstanceId, imageId, recoverySeconds, rtoSeconds, isRtoMet, differences }: Remediation): readonly string[] {
  const image = imageId === undefined ? '' : ` on image ${imageId}`;
  const measured = recoverySeconds === undefined ? 'not measured' : durationText(recoverySeconds);
  const met = recoverySeconds === undefined ? '' : `: ${(isRtoMet ?? recoverySeconds <= rtoSeconds) ? 'met' : 'missed'}`;
  return [
    `${oldInstanceId} was replaced by ${newInstanceId ?? 'a new instance'}${image}. The old one is kept in quarantine as evidence.`,
    `Recovery time: ${measured}; objective (RTO) ${durationText(rtoSeconds)}${met}.`,
    `What differs from the old instance: ${differences.length === 0 ? 'nothing but ids' : differences.join('; ')}.`,
  ];
}

function budgetLine({ incident }: MessageFacts): string {
  const share = incident.budgetShare;
  if (share === undefined) return 'Error budget: what this incident used is not measured yet; the status command will show it.';
  return `Error budget: this incident used ${durationText(share.badSeconds)}, ${percent(share.share)} of the budget of ${share.objective}.`;
}

function percent(ratio: number): string {
  return `${Number((ratio * 100).toPrecision(3))} %`;
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
  return remediation === undefined ? 'no repair runs' : whyByState[remediation.state];
}

const PHASES_SHOWN = 12;

function needsPersonStory({ remediation, reason }: MessageFacts): readonly string[] {
  if (remediation === undefined) return [`Perennial does not repair it: ${sentence(reason ?? TIMELINE_SAYS_WHY)} It has touched nothing.`];
  const vetoes = remediation.guardrails.filter(({ verdict }) => verdict !== 'pass').map(({ name, reason: why }) => sentence(`Guardrail "${name}": ${why}`));
  const tried = remediation.phases
    .slice(-PHASES_SHOWN)
    .map(({ name, outcome, reason: why }) => sentence(`- ${name}: ${outcome}${outcome === 'done' ? '' : ` (${why})`}`));
  const goesOn =
    remediation.state === 'running'
      ? [`It is in the phase ${remediation.phase} since ${clockText(remediation.phaseStartedAt)} and goes on; you will be told how it ends.`]
      : [];
  return [
    sentence(
      `${capitalised(whyByState[remediation.state])}: ${remediation.state === 'running' ? `no success by ${clockText(remediation.pageAt)}` : remediation.reason}`,
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
