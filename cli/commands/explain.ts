import { readFileSync } from 'node:fs';
import { systemClock, systemHasher } from '../../aws/runtime/system.ts';
import { checkDirectory } from '../../catalog-files/read-catalog.ts';
import type { CatalogCheck } from '../../core/catalog/check.ts';
import type { CatalogProblem } from '../../core/catalog/problem.ts';
import { type Explanation, explanationOf } from '../../core/signals/explain.ts';
import { readSignals } from '../../core/signals/normalise.ts';
import { explainObjective, renderExplanation } from '../../core/slo/words/explain.ts';
import { CliError } from '../cli-error.ts';
import { type Answer, counted, ok, type Output } from '../output.ts';

/** `perennial catalog check [dir]`: what is wrong, where, and what to write. Warnings do not fail it. */
export function catalogCheck(directory: string): Answer {
  const check = checkDirectory(directory);
  const { errors, warnings } = check;
  const text = [
    ...errors.map((problem) => problemText(problem, 'error')),
    ...warnings.map((problem) => problemText(problem, 'warning')),
    verdictOf(directory, check),
  ];
  return { json: { errors, warnings }, text: text.join('\n'), exitCode: errors.length === 0 ? 0 : 1 };
}

function problemText({ file, line, column, path, message, fix }: CatalogProblem, level: string): string {
  return `${file}:${line}:${column}  ${level}: ${path === '' ? '' : `${path} `}${message}\n    ${fix}`;
}

function verdictOf(directory: string, { errors, warnings, catalog }: CatalogCheck): string {
  const found = warnings.length === 0 ? '' : `, ${counted(warnings.length, 'warning')}`;
  if (errors.length > 0) return `${counted(errors.length, 'error')}${found} in ${directory}.`;
  const policies = catalog?.policies.length ?? 0;
  const counts = [
    counted(catalog?.systems.length ?? 0, 'system'),
    `${policies} ${policies === 1 ? 'policy' : 'policies'}`,
    counted(catalog?.objectives.length ?? 0, 'objective'),
  ];
  return `${directory} is in order: ${counts.join(', ')}${found}.`;
}

/** What SQS takes: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
const MAX_EVENT_BYTES = 1_048_576;

/** `perennial event explain <file or ->`: always JSON; exit 1 only when everything was rejected. */
export async function eventExplain(file: string, output: Output): Promise<Answer> {
  const explanation = await explainFile(file, output);
  const isAllRejected = explanation.signals.length === 0 && explanation.rejected.length > 0;
  return { json: explanation, text: JSON.stringify(explanation, undefined, 2), exitCode: isAllRejected ? 1 : 0 };
}

/** A file that cannot be read is an event that was rejected: a script that reads the answer finds the reason in one place. */
async function explainFile(file: string, output: Output): Promise<Explanation> {
  try {
    const text = file === '-' ? await output.readInput() : readText(file);
    if (Buffer.byteLength(text) > MAX_EVENT_BYTES)
      throw new CliError(`The event is larger than ${MAX_EVENT_BYTES} bytes, which SQS would refuse. Give a smaller one.`);
    // Only what names no account itself (our own bus in a test) falls back to this scope.
    const scope = { accountId: '000000000000', region: 'unknown' };
    return explanationOf(readSignals(text, { hasher: systemHasher, scope, receivedAt: systemClock.now() }));
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return { signals: [], rejected: [{ index: 0, reason: error.message }] };
  }
}

const fileFailures: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a directory',
  EACCES: 'you may not read it',
};

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new CliError(`${file} cannot be read: ${fileFailures[code] ?? code}. Name a JSON file, or - for standard input.`, { cause: error });
  }
}

/** `perennial slo explain --objective 99.9 --window 30d`: exit 2 when the target is refused. */
export function sloExplain(objective: string, window: string): Answer {
  const answer = explainObjective({ objective, window });
  if (answer.kind === 'refused') return { json: { refused: answer.reason }, text: answer.reason, exitCode: 2 };
  return ok(answer.explanation, renderExplanation(answer));
}
