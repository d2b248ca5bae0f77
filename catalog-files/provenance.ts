import { spawnSync } from 'node:child_process';

/** Which commit a directory is from, and whether it still says what that commit says. */
export interface GitProvenance {
  /** Null outside git, without a first commit, or when git could not be asked. */
  readonly commit: string | null;
  /** True when the directory differs from the commit, or when git could not say; false outside git: nothing to differ from. */
  readonly dirty: boolean;
  /** Why, for people. */
  readonly reason: string;
}

const timeoutMillis = 10_000;

interface GitAnswer {
  readonly isOk: boolean;
  readonly output: string;
  readonly error: string;
}

/** `--no-optional-locks`: a look must not disturb a git command of the user. */
function git(directory: string, words: readonly string[]): GitAnswer {
  const { status, stdout, stderr, error } = spawnSync('git', ['--no-optional-locks', '-C', directory, ...words], {
    encoding: 'utf8',
    timeout: timeoutMillis,
    maxBuffer: 8 * 1024 * 1024,
  });
  if (error !== undefined) return { isOk: false, output: '', error: error.message };
  return { isOk: status === 0, output: stdout.trim(), error: stderr.trim().split('\n')[0] ?? '' };
}

function isMissingCommit(answer: GitAnswer): boolean {
  return !answer.isOk && answer.error === '';
}

/** One line of `git status --porcelain`: changed, untracked, or hidden from git by an ignore rule. */
function countsAsChange(line: string): boolean {
  const path = line.slice(3).replace(/"$/, '');
  const isUnknownToGit = line.startsWith('??') || line.startsWith('!!');
  return !isUnknownToGit || path.endsWith('/') || /\.ya?ml$/.test(path);
}

function readState(directory: string, commit: string | null): GitProvenance {
  const state = git(directory, ['status', '--porcelain=v1', '--untracked-files=all', '--ignored=matching', '--', '.']);
  if (!state.isOk) return { commit, dirty: true, reason: `git could not compare the directory with the commit: ${state.error}` };
  const changes = state.output.split('\n').filter((line) => line !== '' && countsAsChange(line));
  if (commit === null) return { commit, dirty: true, reason: 'the git repository has no commit yet' };
  const reason = changes.length === 0 ? `as in commit ${commit}` : `differs from commit ${commit} in ${changes.length} file(s)`;
  return { commit, dirty: changes.length > 0, reason };
}

/** Asks git about `directory`. Never throws: outside git, and without git, there is an answer too. */
export function readProvenance(directory: string): GitProvenance {
  const inside = git(directory, ['rev-parse', '--is-inside-work-tree']);
  if (!inside.isOk && inside.error.includes('not a git repository')) return { commit: null, dirty: false, reason: 'the directory is not in a git repository' };
  if (!inside.isOk) return { commit: null, dirty: true, reason: `git could not be asked: ${inside.error}` };
  const head = git(directory, ['rev-parse', '--verify', '--quiet', 'HEAD']);
  if (!head.isOk && !isMissingCommit(head)) return { commit: null, dirty: true, reason: `git could not name the commit: ${head.error}` };
  return readState(directory, head.isOk ? head.output : null);
}
