import type { DeployDetail, Finding } from './record.ts';

type FindingRule = {
  readonly rule: string;
  /** The row of the requirements that asks for it. */
  readonly authority: string;
  readonly isBroken: (detail: DeployDetail) => boolean;
  readonly text: (detail: DeployDetail) => string;
};

/** Names that mean another thing tomorrow: `final-2.zip`, `latest`, `1.0-SNAPSHOT`. */
const mutableName = /final|latest|newest|current|copy|snapshot/i;

const commitName = /^[0-9a-f]{7,64}$/i;

/** What a deploy event must say, one row per rule. */
const findingRules: readonly FindingRule[] = [
  {
    rule: 'version-missing',
    authority: 'S0-26',
    isBroken: ({ version }) => version === '',
    text: () => 'The event names no version, so nobody can say what runs. Announce the deploy with --version.',
  },
  {
    rule: 'version-not-fixed',
    authority: 'S0-26',
    isBroken: ({ version, configVersion }) => mutableName.test(version) || mutableName.test(configVersion ?? ''),
    text: ({ version, configVersion }) =>
      `"${mutableName.test(version) ? version : configVersion}" can mean another thing tomorrow. Name a version that never changes, such as 5.2.1.`,
  },
  {
    rule: 'commit-missing',
    authority: 'S0-26',
    isBroken: ({ commit }) => !commitName.test(commit),
    text: ({ commit }) =>
      `${commit === '' ? 'The event names no commit' : `"${commit}" is not a commit`}, so the change cannot be found in git. Announce the deploy with --commit $(git rev-parse HEAD).`,
  },
  {
    rule: 'previous-version-missing',
    authority: 'S4-04',
    isBroken: ({ previousVersion }) => previousVersion === '',
    text: () => 'The event names no previous version, so the way back was not decided beforehand. Announce the deploy with --previous.',
  },
  {
    rule: 'rollback-not-tested',
    authority: 'S4-06',
    isBroken: ({ databaseChange, rollbackTested }) => databaseChange && !rollbackTested,
    text: () => 'It changes the database and the rollback was not tested: going back may break the data. Test the previous version on the changed database.',
  },
];

/** What is wrong with how the deploy was announced; empty when nothing is. */
export function findingsOf(detail: DeployDetail): readonly Finding[] {
  return findingRules.filter(({ isBroken }) => isBroken(detail)).map(({ rule, text }) => ({ rule, text: text(detail) }));
}
