import { nearest } from '../../core/catalog/nearest.ts';
import { currentCatalog } from '../../core/catalog/published.ts';
import { durationSeconds } from '../../core/catalog/durations.ts';
import { addSeconds } from '../../core/environment/time.ts';
import { maskedLine } from '../../core/signals/mask.ts';
import { type GateExceptionKind, MAX_EXCEPTION_HOURS, readGate, recordGateException } from '../../core/slo/gate.ts';
import { CliError } from '../cli-error.ts';
import type { Answer } from '../output.ts';
import type { GateAnswerItem } from '../schemas.ts';
import { headerOf, type Target } from '../target.ts';

export interface GateOptions {
  readonly exception?: GateExceptionKind;
  readonly reason?: string;
  readonly by?: string;
  /** A duration such as `4h`. */
  readonly for?: string;
}

const DEFAULT_EXCEPTION = '4h';

/** `perennial gate <system>`: may it ship? 0 yes, 2 no (design section 9). With `--exception` it first writes down who lets pass what. */
export async function gate(target: Target, system: string, options: GateOptions): Promise<Answer> {
  await mustBeDeclared(target, system);
  const ports = { store: target.records, scope: target.scope };
  if (options.exception !== undefined) await recordGateException(ports, exceptionOf(target, system, options.exception, options));
  const decision = await readGate(ports, system, target.clock.now());
  const { kind, answer, reason, budgetRemainingRatio, objective = null, exception = null } = decision;
  const json: GateAnswerItem = { open: kind === 'open', reason, budgetRemainingRatio, system, answer, objective, exception };
  return { json, text: [headerOf(target), `${system}: ${answer}. ${reason}`].join('\n'), exitCode: kind === 'open' ? 0 : 2 };
}

async function mustBeDeclared({ records, scope }: Target, system: string): Promise<void> {
  const names = (await currentCatalog(records, scope)).systems.map(({ metadata }) => metadata.name);
  if (names.includes(system)) return;
  const meant = nearest(system, names);
  const hint = meant === undefined ? `Declared are: ${names.join(', ') || 'none'}.` : `Did you mean ${meant}?`;
  throw new CliError(`There is no system ${system} in the published catalog, so nothing can be said about its budget. ${hint}`);
}

function exceptionOf(target: Target, system: string, kind: GateExceptionKind, { reason = '', by, for: length = DEFAULT_EXCEPTION }: GateOptions) {
  if (reason.trim() === '') throw new CliError('An exception needs a reason: it is read in the review. Say it with --reason "CVE-2026-1234 is exploited".');
  const seconds = durationSeconds(length);
  if (seconds === undefined || seconds > MAX_EXCEPTION_HOURS * 3600)
    throw new CliError(`--for takes a duration of at most ${MAX_EXCEPTION_HOURS}h, for example 4h; "${length}" is none. Nothing was recorded.`);
  const at = target.clock.now();
  return { system, kind, by: by ?? target.operator, reason: maskedLine(reason, 300), at, until: addSeconds(at, seconds) };
}
