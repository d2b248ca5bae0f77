import { readFileSync } from 'node:fs';
import { systemClock, systemHasher } from '../../aws/runtime/system.ts';
import { checkDirectory } from '../../catalog-files/read-catalog.ts';
import { explanationOf } from '../../core/signals/explain.ts';
import { readSignals } from '../../core/signals/normalise.ts';
import { explainObjective, renderExplanation } from '../../core/slo/explain.ts';
import { CliError } from '../cli-error.ts';
import { type Answer, ok, type Output } from '../output.ts';

/** `perennial catalog check [dir]`: what is wrong, where, and what to write. */
export function catalogCheck(directory: string): Answer {
  const { errors, warnings, catalog } = checkDirectory(directory);
  const lines = [...errors.map((problem) => ({ ...problem, level: 'error' })), ...warnings.map((problem) => ({ ...problem, level: 'warning' }))].map(
    (problem) => `${problem.file}:${problem.line}:${problem.column}  ${problem.level}  ${problem.path}: ${problem.message}\n    ${problem.fix}`,
  );
  const verdict = errors.length === 0 ? `${directory} is in order: ${catalog?.systems.length ?? 0} systems, ${catalog?.policies.length ?? 0} policies, ${catalog?.objectives.length ?? 0} objectives.` : `${errors.length} error(s) in ${directory}.`;
  return { json: { errors, warnings }, text: [...lines, verdict].join('\n'), exitCode: errors.length === 0 ? 0 : 1 };
}

const MAX_EVENT_BYTES = 1_048_576;

/** `perennial event explain <file or ->`: always JSON; exit 1 only when everything was rejected. */
export async function eventExplain(file: string, output: Output): Promise<Answer> {
  const text = file === '-' ? await output.readInput() : readText(file);
  if (text.length > MAX_EVENT_BYTES) throw new CliError(`The event is larger than ${MAX_EVENT_BYTES} bytes, which SQS would refuse. Give a smaller one.`);
  const scope = { accountId: '000000000000', region: 'unknown' };
  const explanation = explanationOf(readSignals(text, { hasher: systemHasher, scope, receivedAt: systemClock.now() }));
  const isAllRejected = explanation.signals.length === 0 && explanation.rejected.length > 0;
  return { json: explanation, text: JSON.stringify(explanation, undefined, 2), exitCode: isAllRejected ? 1 : 0 };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CliError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}. Name a JSON file, or - for standard input.`, { cause: error });
  }
}

/** `perennial slo explain --objective 99.9 --window 30d`: exit 2 when the target is refused. */
export function sloExplain(objective: string, window: string): Answer {
  const answer = explainObjective({ objective, window });
  if (answer.kind === 'refused') return { json: { refused: answer.reason }, text: answer.reason, exitCode: 2 };
  return ok(answer.explanation, renderExplanation(answer));
}
