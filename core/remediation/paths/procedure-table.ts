import { isCompensation, procedure, rowOf, type DeadlineField } from './procedure.ts';
import type { PhaseName } from '../record.ts';

const isPhaseName = (name: string): name is PhaseName => Object.hasOwn(procedure, name);

/** The table lists what is always planned first, then what only runs after a failure. */
const order: readonly PhaseName[] = Object.keys(procedure)
  .filter(isPhaseName)
  .toSorted((left, right) => Number(isCompensation(left)) - Number(isCompensation(right)));

/** How a deadline follows from the fields of the policy; the arithmetic is `deadlineSeconds`. */
const deadlineTexts = {
  confirmDeadlineSeconds: 'pendingSeconds + 300 s',
  launchDeadlineSeconds: 'launchDeadlineSeconds',
  healthyDeadlineSeconds: 'healthyDeadlineSeconds',
  drainDeadlineSeconds: 'drainSeconds + drainDeadlineSeconds',
  stopDeadlineSeconds: 'stopDeadlineSeconds',
  bringBackDeadlineSeconds: 'stopDeadlineSeconds + 3600 s',
  verifyDeadlineSeconds: 'verifiedAfterSeconds + 300 s',
  snapshotDeadlineSeconds: 'snapshotDeadlineSeconds',
  moveDeadlineSeconds: 'moveDeadlineSeconds',
  approvalExpiresSeconds: 'approvalExpiresSeconds + 300 s',
  nativeRecoverySeconds: 'nativeRecoverySeconds + 300 s',
  stepDeadlineSeconds: 'stepDeadlineSeconds',
  memberDeadlineSeconds: 'drainSeconds + launchDeadlineSeconds + healthyDeadlineSeconds',
} as const satisfies Record<DeadlineField, string>;

const header = [
  'Phase',
  'What it does',
  'Role',
  'Deadline',
  'Safe point of a pause or an abort',
  'When it fails: launched first',
  'When it fails: fenced',
] as const;

const undo = (phases: readonly PhaseName[]): string => (phases.length === 0 ? '–' : phases.join(', '));

/** What only tidies up behind a replacement that serves, or restores what can be restored, does not keep the rest from running. */
const GOES_ON = 'it is told, the rest goes on';

/** A freeze knows no safe points: it stops everything where it stands. */
function safePointOf(name: PhaseName): string {
  const { isBeforeDrain, onFailure } = rowOf(name);
  if (!isBeforeDrain) return 'the end: it is finished';
  return onFailure['launch-first'].length + onFailure.fenced.length === 0 ? 'here: nothing is to be undone' : 'back: it is undone';
}

function cellsOf(name: PhaseName): readonly string[] {
  const { role, deadline, onFailure, summary, tidiesUpOn = [], restoresAllTheSame } = rowOf(name);
  const goesOn = tidiesUpOn.length > 0 || restoresAllTheSame === true;
  const undoing = goesOn ? [GOES_ON, GOES_ON] : [undo(onFailure['launch-first']), undo(onFailure.fenced)];
  return [name, summary, role, deadlineTexts[deadline], safePointOf(name), ...undoing];
}

/** The procedure as a Markdown table; docs/architecture.md prints it, and a test keeps the two equal. */
export function renderProcedureTable(): string {
  const rows = order.map(cellsOf);
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const printed = (line: readonly string[]): string => `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [printed(header), printed(widths.map((width) => '-'.repeat(width))), ...rows.map(printed)].join('\n');
}
