import type { Deployment, DeploymentKind } from './record.ts';

const verbs = {
  started: 'started',
  finished: 'finished',
  failed: 'failed',
  stopped: 'was stopped',
  'rolled-back': 'was rolled back',
} as const satisfies Record<DeploymentKind, string>;

/** Who deployed is a field of the record and no part of sentences: they name changes, not people (S3-23). */
type Described = Pick<Deployment, 'system' | 'version' | 'configVersion' | 'commit' | 'previousVersion' | 'state'>;

/** `version 5.2.1 (commit a1b2c3d)`. */
export function versionText({ version, configVersion, commit }: Pick<Deployment, 'version' | 'configVersion' | 'commit'>): string {
  const notes = [...(commit === '' ? [] : [`commit ${commit.slice(0, 12)}`]), ...(configVersion === undefined ? [] : [`config ${configVersion}`])];
  return `${version === '' ? 'an unnamed version' : `version ${version}`}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`;
}

/** For timelines: `Deploy of shop-web version 5.2.1 (commit a1b2c3d) finished; before it ran 5.2.0.` */
export function deploymentSentence(deployment: Described): string {
  const { system, previousVersion, state } = deployment;
  const before = previousVersion === '' ? 'the previous version is not known' : `the version before it is ${previousVersion}`;
  return `Deploy of ${system} ${versionText(deployment)} ${verbs[state]}; ${before}.`;
}

/** For messages: `version 5.2.1 (commit a1b2c3d) finished`. */
export function deploymentPhrase(deployment: Pick<Described, 'version' | 'configVersion' | 'commit' | 'state'>): string {
  return `${versionText(deployment)} ${verbs[deployment.state]}`;
}
