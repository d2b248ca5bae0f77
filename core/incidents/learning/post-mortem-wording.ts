/*
 * Blameless wording: a post-mortem asks how it could happen, not who did it (https://sre.google/workbook/postmortem-culture/). What is
 * found is advice: it is shown beside what was written, and nothing is refused for it.
 */

export interface WordingFinding {
  /** The words that were found. */
  readonly words: string;
  readonly advice: string;
}

interface WordingRule {
  readonly finds: RegExp;
  readonly advice: string;
}

const CAPITALISED = String.raw`(?<![\p{L}\p{N}-])\p{Lu}\p{Ll}+`;

/** One row per habit; each pattern is bounded. */
const rules: readonly WordingRule[] = [
  {
    finds: /\b(?:should|could|ought to) (?:not )?have\b|\bshouldn't have\b/giu,
    advice: 'Say what was known at that moment and what made the decision seem right; hindsight teaches nothing.',
  },
  {
    finds: /\b(?:failed|neglected|refused|forgot|forgotten) to\b/giu,
    advice: 'Say what happened and what made it easy to miss, for example "the check was not part of the runbook".',
  },
  {
    finds: /\b(?:human|operator|user|developer) error\b/giu,
    advice: 'Say which tool, text or process let this happen; "human error" is where the questions begin.',
  },
  {
    finds: /\b(?:careless|negligent|negligence|lazy|stupid|incompetent|sloppy|reckless)\w{0,4}\b/giu,
    advice: 'Leave out the judgement; describe the situation.',
  },
  { finds: /\b(?:blame[ds]?|fault of|(?:his|her|their|whose|my|your) fault|guilty|culprit)\b/giu, advice: 'Ask what allowed it, not who did it.' },
  { finds: /\b(?:obviously|clearly|simply|of course)\b/giu, advice: 'What is obvious afterwards was not so at the time; leave the word out.' },
  { finds: /(?<![\p{L}'])(?:he|she)(?![\p{L}'])/giu, advice: 'Name a role, for example "the operator on call", not a person.' },
  {
    finds: new RegExp(String.raw`${CAPITALISED} (?:forgot|neglected|ignored|overlooked|missed|misconfigured|mistyped|messed|broke)(?!\p{L})`, 'gu'),
    advice: 'Name a role or the change, not a person, as what acted.',
  },
];

const MAX_FINDINGS = 10;
const MAX_NAMES = 50;

/**
 * What of a text blames; empty when it is fine. Pure.
 *
 * @param people names of people that the records of the incident hold; each is found as a whole word, without regard to capitals
 */
export function blamingWords(text: string, people: readonly string[] = []): readonly WordingFinding[] {
  const found = [...rules, ...namesOf(people).map(nameRule)].flatMap(({ finds, advice }) =>
    [...text.matchAll(finds)].slice(0, MAX_FINDINGS).map(([words]) => ({ words, advice })),
  );
  return found.filter(({ words }, index) => found.findIndex((other) => other.words === words) === index).slice(0, MAX_FINDINGS);
}

function nameRule(name: string): WordingRule {
  return { finds: wholeWord(name), advice: 'Name a role, for example "the operator on call", not a person.' };
}

function wholeWord(name: string): RegExp {
  const escaped = name.replaceAll(/[$()*+./?[\\\]^{|}]/g, String.raw`\$&`);
  return new RegExp(String.raw`(?<![\p{L}\p{N}_-])${escaped}(?![\p{L}\p{N}_-])`, 'giu');
}

/** Words that stand for no person, though records name them as who acted. */
const machines: ReadonlySet<string> = new Set([
  'perennial',
  'sweep',
  'system',
  'console',
  'unknown',
  'root',
  'operator',
  'operators',
  'signals',
  'hand',
  'somebody',
  'desk',
]);

/** Names worth looking for: no machines, no single letters, the longest first so that none hides in another. */
function namesOf(people: readonly string[]): readonly string[] {
  const names = new Set(people.map((name) => name.trim()).filter((name) => name.length > 1 && !machines.has(name.toLowerCase())));
  return [...names].toSorted((left, right) => right.length - left.length || (left < right ? -1 : 1)).slice(0, MAX_NAMES);
}

/** The text with each of these people as "a person": facts of the timeline name what was done, not who did it. */
export function withoutNames(text: string, people: readonly string[]): string {
  return namesOf(people).reduce((line, name) => line.replace(wholeWord(name), 'a person'), text);
}
