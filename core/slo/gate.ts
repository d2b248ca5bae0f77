import * as z from 'zod/mini';
import type { Scope } from '../environment/ports.ts';
import { addSeconds, type Timestamp } from '../environment/time.ts';
import { keys, partitions } from '../records/keys.ts';
import { createRecord, parseRecord, type RecordType } from '../records/record-type.ts';
import type { RecordStore } from '../records/store.ts';
import { type BudgetFigure, listBudgets } from './evaluate.ts';
import { percentTo } from './words/percent.ts';

/*
 * The error budget policy at the door of a deploy (S2-08): budget left, "go"; budget spent, "freeze" until it is earned back. What may
 * pass all the same is what the SRE Workbook lets pass, with a name on it: https://sre.google/workbook/error-budget-policy/
 */

/** The two changes that a spent budget does not stop. */
export const gateExceptionKinds = ['p0', 'security'] as const;
const gateExceptionKindSchema = z.enum(gateExceptionKinds);
export type GateExceptionKind = z.infer<typeof gateExceptionKindSchema>;

export const gateExceptionSchema = z.object({
  id: z.string(),
  system: z.string(),
  kind: gateExceptionKindSchema,
  /** Who lets it pass; no exception without a name. */
  by: z.string(),
  reason: z.string(),
  at: z.string(),
  until: z.string(),
});
export type GateException = z.infer<typeof gateExceptionSchema>;

const EXCEPTION_KEPT_SECONDS = 400 * 86_400;
export const gateExceptionType: RecordType<GateException> = {
  name: 'gate exception',
  schema: gateExceptionSchema,
  // Longer than a year, so that a yearly review still sees who let what pass.
  expiresAt: ({ at }) => addSeconds(at, EXCEPTION_KEPT_SECONDS),
};

/** How the policy answers a deploy event. */
export const gateAnswerSchema = z.enum(['go', 'freeze']);
export type GateAnswer = z.infer<typeof gateAnswerSchema>;

export interface GateDecision {
  readonly kind: 'open' | 'closed';
  readonly answer: GateAnswer;
  /** For the person who waits at the door: what, why, what next. */
  readonly reason: string;
  /** Of the objective with the least left; `null` where nothing is measured. Negative when overspent. */
  readonly budgetRemainingRatio: number | null;
  readonly objective?: string;
  readonly exception?: GateException;
}

/** Below this share the door is open with a warning: the next bad hour may close it. */
const LOW_RATIO = 0.1;

/** Nothing of what these figures counted is in the window any more: nobody has evaluated since, and old trouble cannot speak against a deploy. */
function isOutdated({ validUntil }: BudgetFigure, now: Timestamp): boolean {
  return validUntil !== undefined && validUntil <= now;
}

/** The evaluation writes figures that move, and at least these do not move by themselves for so long while it runs. */
const OLD_FIGURES_SECONDS = 86_400;

function ageNote({ at }: BudgetFigure, now: Timestamp): string {
  return addSeconds(at, OLD_FIGURES_SECONDS) < now
    ? ` The figures last changed ${at}; if that looks wrong, ask perennial doctor whether budgets are evaluated.`
    : '';
}

/**
 * Whether a system may ship. The objective with the least budget left decides; equal ones by name. Figures that are older than their
 * window decide nothing: a freeze ends with its window even when nobody evaluates any more.
 *
 * @param budgets figures of this system only
 * @param exceptions of this system, any order; those that are over are passed over
 */
export function decideGate(system: string, budgets: readonly BudgetFigure[], exceptions: readonly GateException[], now: Timestamp): GateDecision {
  const current = budgets.filter((budget) => !isOutdated(budget, now));
  const [worst] = current.toSorted((left, right) => left.remainingRatio - right.remainingRatio || (left.objective < right.objective ? -1 : 1));
  if (worst === undefined && budgets.length > 0) {
    const reason = `No error budget of ${system} has been evaluated within its window, so what is known is over and nothing speaks against a deploy. Ask perennial doctor why.`;
    return { kind: 'open', answer: 'go', reason, budgetRemainingRatio: null };
  }
  if (worst === undefined) {
    const reason = `No error budget of ${system} has been measured, so nothing speaks against a deploy. Declare an objective in the catalog to let it decide.`;
    return { kind: 'open', answer: 'go', reason, budgetRemainingRatio: null };
  }
  const { objective, remainingRatio } = worst;
  const known = { budgetRemainingRatio: remainingRatio, objective };
  if (remainingRatio > 0) {
    const low = remainingRatio < LOW_RATIO ? ' That is little: ship small changes with a tested way back.' : '';
    return { kind: 'open', answer: 'go', reason: `${percentTo(remainingRatio, 2)} of the error budget of ${objective} are left.${low}`, ...known };
  }
  const spent = remainingRatio === 0 ? 'is spent' : `is overspent by ${percentTo(-remainingRatio, 2)}`;
  const exception = exceptions.filter(({ at, until }) => at <= now && now < until).toSorted((left, right) => (left.until < right.until ? 1 : -1))[0];
  if (exception !== undefined) {
    const { kind, by, until } = exception;
    const reason = `The error budget of ${objective} ${spent}, but ${by} lets this pass until ${until} (${kind === 'p0' ? 'P0' : 'security'}: ${exception.reason}).`;
    return { kind: 'open', answer: 'go', reason, ...known, exception };
  }
  const reason =
    `The error budget of ${objective} ${spent}: no changes to ${system} but P0 repairs and security fixes until it is earned back. ` +
    `What helps now is reliability work; for an exception, say its kind and why (--exception p0|security --reason).${ageNote(worst, now)}`;
  return { kind: 'closed', answer: 'freeze', reason, ...known };
}

interface GatePorts {
  readonly store: RecordStore;
  readonly scope: Scope;
}

const EXCEPTIONS_READ = 50;

/** The newest 50 exceptions of a system, newest first. */
export async function listGateExceptions({ store, scope }: GatePorts, system: string): Promise<readonly GateException[]> {
  const page = await store.query(partitions.gateExceptions(scope), `${system}#`, { limit: EXCEPTIONS_READ, newestFirst: true });
  return page.records.map((record) => parseRecord(gateExceptionType, record).body);
}

/** Asks the records: what is left of the budgets of a system, and who lets pass what. */
export async function readGate(ports: GatePorts, system: string, now: Timestamp): Promise<GateDecision> {
  const [budgets, exceptions] = await Promise.all([listBudgets(ports.store, ports.scope), listGateExceptions(ports, system)]);
  return decideGate(
    system,
    budgets.filter((budget) => budget.system === system),
    exceptions,
    now,
  );
}

/** An exception outlives no working day: who still needs it says so again. */
export const MAX_EXCEPTION_HOURS = 24;

/** Writes an exception down; append-only. The same one at the same moment is written once. */
export async function recordGateException({ store, scope }: GatePorts, exception: Omit<GateException, 'id'>): Promise<GateException> {
  const body = { id: `${exception.system}#${exception.at}`, ...exception };
  await createRecord(store, gateExceptionType, keys.gateException(scope, exception.system, exception.at), body);
  return body;
}
