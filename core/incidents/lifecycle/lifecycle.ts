import type { IncidentState } from '../record.ts';

/*
 * What leads an incident from one state to the next (ADR 0018). The table is the rule: `incidents.ts`, `acknowledge.ts`, `by-hand.ts`
 * and `desk.ts` ask it, and docs/incidents.md is printed from it.
 */

/** What can happen to an incident. */
export type IncidentEvent =
  | 'acknowledged'
  | 'unanswered'
  | 'repair-began'
  | 'repair-verified'
  | 'repair-ended'
  | 'all-clear'
  | 'fired'
  | 'held'
  | 'request-ended'
  | 'post-mortem-asked'
  | 'post-mortem-closed'
  | 'aged'
  | 'closed-by-hand';

export interface LifecycleRow {
  readonly from: readonly IncidentState[];
  readonly event: IncidentEvent;
  readonly to: IncidentState;
  /** What must be true besides; who applies the event asks it. */
  readonly guard: string;
  /** What it tells people. */
  readonly says: string;
}

/** A state and event without a row change nothing. */
export const lifecycle: readonly LifecycleRow[] = [
  {
    from: ['open', 'acknowledged'],
    event: 'acknowledged',
    to: 'acknowledged',
    guard: 'a person says so, for 1 minute to 24 h (30 min unless told otherwise)',
    says: 'somebody has it; escalation stops',
  },
  {
    from: ['acknowledged'],
    event: 'unanswered',
    to: 'open',
    guard: 'the time of the acknowledgement has passed, and it is neither repaired nor calm',
    says: 'pages again: a new round of escalation',
  },
  {
    from: ['open', 'acknowledged', 'stable', 'resolved', 'post-mortem-due', 'closed'],
    event: 'repair-began',
    to: 'repairing',
    guard: 'the guardrails let a repair pass; of one that is over, only while its place has no newer incident',
    says: 'what is repaired, and the estimated time',
  },
  {
    from: ['open', 'acknowledged', 'repairing', 'stable'],
    event: 'repair-verified',
    to: 'resolved',
    guard: 'the repair itself has verified health, or it was a drill',
    says: 'recovered, with the recovery time',
  },
  {
    from: ['repairing'],
    event: 'repair-ended',
    to: 'open',
    guard: 'without verified health',
    says: 'a person is needed: what was tried, and how it ended',
  },
  {
    from: ['open', 'acknowledged'],
    event: 'repair-ended',
    to: 'stable',
    guard: 'nothing was touched, and every signal has said by itself that it is over',
    says: 'nothing yet: calm is not health',
  },
  {
    from: ['open', 'acknowledged', 'repairing'],
    event: 'all-clear',
    to: 'stable',
    guard: 'every signal that fired has said that it is over, and no repair runs; a silent source is no all-clear',
    says: 'nothing yet: calm is not health',
  },
  { from: ['stable'], event: 'fired', to: 'open', guard: 'any signal fires at the place', says: 'the timeline says so; escalation counts anew' },
  {
    from: ['stable'],
    event: 'held',
    to: 'resolved',
    guard: "it has been calm for the policy's verifiedAfterSeconds (600 s without a policy)",
    says: 'recovered; the trouble ended when the last signal said so',
  },
  {
    from: ['open', 'acknowledged', 'repairing', 'stable'],
    event: 'request-ended',
    to: 'resolved',
    guard: 'nothing but a request of a person had opened it, and that has its answer',
    says: 'the answer goes to who asked',
  },
  {
    from: ['resolved'],
    event: 'post-mortem-asked',
    to: 'post-mortem-due',
    guard: 'it took more than 20 % of an error budget, or it was critical and needed a person',
    says: 'the post-mortem is drafted; it ages in the digest',
  },
  {
    from: ['post-mortem-due', 'resolved'],
    event: 'post-mortem-closed',
    to: 'closed',
    guard: 'with a link to a test, or with a reason why there is none',
    says: 'the timeline says so',
  },
  { from: ['resolved'], event: 'aged', to: 'closed', guard: 'it has not come back for 24 h, and asks for no post-mortem', says: 'the timeline says so' },
  {
    from: ['open', 'acknowledged', 'stable', 'resolved'],
    event: 'closed-by-hand',
    to: 'closed',
    guard: 'a person says why; no repair runs, and no post-mortem is due',
    says: 'that it was closed, by whom and why, to who was told of it',
  },
];

/** Where this leads; `undefined`: it changes nothing here. Pure. */
export function nextState(from: IncidentState, event: IncidentEvent): IncidentState | undefined {
  return lifecycle.find((row) => row.event === event && row.from.includes(from))?.to;
}

/** What each state means, for people. */
export const stateMeanings = {
  open: 'a person or a repair is needed',
  acknowledged: 'a person has it, and is not asked again until the time of the acknowledgement has passed',
  repairing: 'a repair has passed its guardrails',
  stable: 'every signal has said that it is over; health is not verified yet',
  resolved: 'over and verified',
  'post-mortem-due': 'over; people have to learn from it',
  closed: 'over; nothing is left to do',
} as const satisfies Record<IncidentState, string>;

/** The two tables of docs/incidents.md. */
export function renderLifecycle(): readonly string[] {
  const states = Object.entries(stateMeanings);
  const rows = lifecycle.map(({ from, event, to, guard, says }) => [from.join(', '), event, to, guard, says]);
  return [...tableOf(['State', 'Means'], states), '', ...tableOf(['From', 'Event', 'To', 'When', 'Says'], rows)];
}

function tableOf(columns: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const widths = columns.map((title, column) => Math.max(title.length, ...rows.map((cells) => (cells[column] ?? '').length)));
  const printed = (cells: readonly string[]): string => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [printed(columns), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(printed)];
}
