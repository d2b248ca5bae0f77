import type { ActPorts, PhaseContext, PhaseResult } from '../phase.ts';
import type { PhaseName, Remediation } from '../record.ts';

/** From the old instance to the new one, or back. `verb` makes the names of the calls differ. */
export interface Direction {
  readonly verb: 'move' | 'return';
  readonly from: string;
  readonly to: string;
}

/** How far one thing is. `left`: somebody else has moved it on purpose, so it is not touched. */
export type Progress =
  | { readonly kind: 'there' }
  | { readonly kind: 'left'; readonly reason: string }
  | { readonly kind: 'moving'; readonly reason: string }
  | { readonly kind: 'stuck'; readonly reason: string };

export const there: Progress = { kind: 'there' };
export const left = (reason: string): Progress => ({ kind: 'left', reason });
export const moving = (reason: string): Progress => ({ kind: 'moving', reason });
export const stuck = (reason: string): Progress => ({ kind: 'stuck', reason });

/** A volume or an interface changes its state within seconds; the driver's own lower bound keeps the number of looks in bounds. */
const POLL_SECONDS = 3;

type Context = PhaseContext<ActPorts>;

const noReplacement: PhaseResult = { kind: 'failed', reason: 'No replacement was launched' };
export const nothingMoved: PhaseResult = { kind: 'done', reason: 'Nothing of it had moved' };

/** The direction of a phase that moves; without a replacement it fails. */
export function forward(context: Context, run: (direction: Direction) => Promise<PhaseResult>): Promise<PhaseResult> {
  const { newInstanceId, oldInstanceId } = context.session.record;
  return newInstanceId === undefined ? Promise.resolve(noReplacement) : run({ verb: 'move', from: oldInstanceId, to: newInstanceId });
}

/** Another repair has moved them, and this one takes them back. */
const isRevert = ({ path }: Remediation): boolean => path === 'revert' || path === 'revert-fenced';

/** The direction of a phase that gives back what `moved` has moved; where that has not begun there is nothing to do, whatever the replacement is. */
export function backward(context: Context, moved: PhaseName, run: (direction: Direction) => Promise<PhaseResult>): Promise<PhaseResult> {
  const { record } = context.session;
  const { newInstanceId, oldInstanceId } = record;
  const hasBegun = isRevert(record) || record.phases.some(({ name }) => name === moved);
  return newInstanceId === undefined || !hasBegun ? Promise.resolve(nothingMoved) : run({ verb: 'return', from: newInstanceId, to: oldInstanceId });
}

/**
 * Takes every item one step further, one after the other because each call is written into one record. All that is not there is looked
 * at again; each look reads afresh where things are.
 */
export async function moveEach<Item>(
  record: Remediation,
  items: readonly Item[],
  nameOf: (item: Item) => string,
  step: (item: Item) => Promise<Progress>,
): Promise<PhaseResult> {
  const seen: { readonly name: string; readonly progress: Progress }[] = [];
  for (const item of items) {
    const progress = await step(item);
    if (progress.kind === 'stuck') return { kind: 'failed', reason: progress.reason };
    seen.push({ name: nameOf(item), progress });
  }
  const underWay = seen.flatMap(({ progress }) => (progress.kind === 'moving' ? [progress.reason] : []));
  if (underWay.length > 0) return { kind: 'wait', seconds: POLL_SECONDS, reason: underWay.join('; ') };
  return arrived(record, seen);
}

function arrived(record: Remediation, seen: readonly { readonly name: string; readonly progress: Progress }[]): PhaseResult {
  const names = seen.flatMap(({ name, progress }) => (progress.kind === 'there' ? [name] : []));
  const notes = seen.flatMap(({ progress }) => (progress.kind === 'left' ? [progress.reason] : []));
  const reason = [names.length === 0 ? 'Nothing to move' : `In place: ${names.join(', ')}`, ...notes].join('; ');
  return notes.length === 0 ? { kind: 'done', reason } : { kind: 'done', reason, patch: { differences: [...new Set([...record.differences, ...notes])] } };
}
