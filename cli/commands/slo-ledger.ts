import { systemHasher } from '../../aws/runtime/system.ts';
import { nearest } from '../../core/catalog/nearest.ts';
import { parseTimestamp, type Timestamp } from '../../core/environment/time.ts';
import { currentCatalog } from '../../core/catalog/published.ts';
import { maskedLine } from '../../core/signals/mask.ts';
import type { LedgerEntry } from '../../core/slo/evaluation/ledger.ts';
import { enterInLedger, readLedger } from '../../core/slo/kept/ledger-book.ts';
import { budgetNames } from '../../core/slo/objective/specification.ts';
import { CliError } from '../cli-error.ts';
import { type Answer, moment, ok, table } from '../output.ts';
import type { LedgerItem } from '../schemas.ts';
import { commandFor, headerOf, type Target } from '../target.ts';

export interface LedgerOptions {
  readonly from?: string;
  readonly to?: string;
  readonly reason?: string;
  readonly by?: string;
}

/** What a correction says of its span. */
export const correctionKinds = ['good', 'bad', 'no-data'] as const;
export interface CorrectOptions extends LedgerOptions {
  readonly as: (typeof correctionKinds)[number];
}

const REASON_CHARACTERS = 300;

/** `perennial slo correct <objective>`: what was measured of a span was wrong; it was good, bad, or nothing was asked. */
export async function sloCorrect(target: Target, objective: string, options: CorrectOptions): Promise<Answer> {
  const base = await entryBase(target, objective, options);
  const span = spanOf(options);
  return enter(target, objective, {
    kind: 'correction',
    id: idOf(target, [objective, 'correction', options.as, span, base.author]),
    ...base,
    ...span,
    as: options.as,
  });
}

/** `perennial slo exclude <objective>`: a span shall not count. */
export async function sloExclude(target: Target, objective: string, options: LedgerOptions): Promise<Answer> {
  const base = await entryBase(target, objective, options);
  const span = spanOf(options);
  return enter(target, objective, { kind: 'exclusion', id: idOf(target, [objective, 'exclusion', span, base.author]), ...base, ...span });
}

/** `perennial slo withdraw <objective> <entry>`: takes an entry back, which stays readable. */
export async function sloWithdraw(target: Target, objective: string, entry: string, options: LedgerOptions): Promise<Answer> {
  const base = await entryBase(target, objective, options);
  const known = await readLedger({ store: target.records, scope: target.scope }, objective);
  const found = known.find(({ id }) => id === entry);
  if (found === undefined || found.kind === 'withdrawal')
    throw new CliError(
      `The ledger of ${objective} has no correction or exclusion ${entry}, so nothing was withdrawn. See it: ${commandFor(target, `slo ledger ${objective}`)}`,
    );
  if (known.some((one) => one.kind === 'withdrawal' && one.entry === entry))
    return ok(itemOf(found, known), `${headerOf(target)}\n${entry} was withdrawn already.`);
  return enter(target, objective, { kind: 'withdrawal', id: idOf(target, [objective, 'withdrawal', entry]), ...base, entry });
}

/** `perennial slo ledger <objective>`: every entry of people, oldest first. */
export async function sloLedger(target: Target, objective: string): Promise<Answer> {
  await mustBeDeclared(target, objective);
  const entries = await readLedger({ store: target.records, scope: target.scope }, objective);
  const items = entries.map((entry) => itemOf(entry, entries));
  const rows = items.map(({ id, kind, as, from, to, entry, state, by, at, reason }) => [
    id,
    as === null ? kind : `${kind} (${as})`,
    entry ?? `${moment(from ?? '')} to ${moment(to ?? '')}`,
    state,
    by,
    moment(at),
    reason,
  ]);
  const found = table(['entry', 'kind', 'of', 'state', 'by', 'entered', 'reason'], rows, 'Nobody has corrected or excluded anything.');
  return ok(items, `${headerOf(target)}\n${found}`);
}

async function mustBeDeclared({ records, scope }: Target, objective: string): Promise<void> {
  const names = (await currentCatalog(records, scope)).objectives.flatMap(budgetNames);
  if (names.includes(objective)) return;
  const meant = nearest(objective, names);
  const hint = meant === undefined ? `Declared are: ${names.join(', ') || 'none'}.` : `Did you mean ${meant}?`;
  throw new CliError(`There is no objective ${objective} in the published catalog, so nothing was entered. ${hint}`);
}

async function entryBase(
  target: Target,
  objective: string,
  { reason = '', by }: LedgerOptions,
): Promise<{ readonly author: string; readonly reason: string; readonly at: Timestamp }> {
  await mustBeDeclared(target, objective);
  if (reason.trim() === '')
    throw new CliError('An entry needs a reason, because it changes what the budget says. Say it with --reason "the probe was misconfigured".');
  return { author: maskedLine(by ?? target.operator, 128), reason: maskedLine(reason, REASON_CHARACTERS), at: target.clock.now() };
}

function spanOf({ from, to }: LedgerOptions): { readonly from: Timestamp; readonly to: Timestamp } {
  const span = { from: momentOf('--from', from), to: momentOf('--to', to) };
  if (span.from >= span.to) throw new CliError(`--from ${span.from} is not before --to ${span.to}, so nothing was entered.`);
  return span;
}

function momentOf(option: string, text: string | undefined): Timestamp {
  const at = text !== undefined && /^\d{4}-\d{2}-\d{2}T/.test(text) ? parseTimestamp(text) : undefined;
  if (at === undefined) throw new CliError(`${option} takes a moment such as 2026-11-21T09:00:00Z; nothing was entered.`);
  return at;
}

/** The same entry twice within a minute is one. */
function idOf({ clock }: Target, parts: readonly unknown[]): string {
  const now = clock.now();
  return `led-${now.replaceAll(/[-:]/g, '').slice(0, 13)}-${systemHasher.sha256(JSON.stringify(parts)).slice(0, 8)}`;
}

async function enter(target: Target, objective: string, entry: LedgerEntry): Promise<Answer> {
  const entered = await enterInLedger({ store: target.records, scope: target.scope }, objective, entry);
  if (entered.kind === 'refused') throw new CliError(entered.reason);
  const text = [
    headerOf(target),
    `Entered ${entry.id} in the ledger of ${objective}: ${wordsOf(entry)}. The next evaluation applies it, within a minute or five.`,
    `Take it back: ${commandFor(target, `slo withdraw ${objective} ${entry.id} --reason "…"`)}`,
  ];
  return ok(itemOf(entry, [entry]), text.join('\n'));
}

function wordsOf(entry: LedgerEntry): string {
  switch (entry.kind) {
    case 'exclusion':
      return `from ${moment(entry.from)} to ${moment(entry.to)} does not count`;
    case 'correction':
      return `from ${moment(entry.from)} to ${moment(entry.to)} counts as ${entry.as}`;
    case 'withdrawal':
      return `${entry.entry} is taken back`;
  }
}

function itemOf(one: LedgerEntry, all: readonly LedgerEntry[]): LedgerItem {
  const { id, kind, author, reason, at } = one;
  const isWithdrawn = all.some((other) => other.kind === 'withdrawal' && other.entry === id);
  const state = isWithdrawn ? 'withdrawn' : 'standing';
  const span = one.kind === 'withdrawal' ? { from: null, to: null, entry: one.entry } : { from: one.from, to: one.to, entry: null };
  return { id, kind, state, as: one.kind === 'correction' ? one.as : null, ...span, by: author, reason, at };
}
