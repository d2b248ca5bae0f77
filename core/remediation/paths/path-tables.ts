import { capabilityRows } from '../guardrails/capability.ts';
import { pathRows } from './path-choice.ts';
import { paths } from './procedure.ts';

type Row = readonly string[];

function render(header: Row, rows: readonly Row[]): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const printed = (line: Row): string => `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [printed(header), printed(widths.map((width) => '-'.repeat(width))), ...rows.map(printed)].join('\n');
}

/** The ways to repair, as docs/paths.md prints them. */
export function renderPathTable(): string {
  return render(
    ['Path', 'When', 'Phases after `confirm` and `guard`', 'Authority'],
    pathRows.map(({ path, when, authority }) => [`\`${path}\``, when, paths[path].join(', '), authority]),
  );
}

const verdictTexts = { pass: 'replaced', approve: 'asks a person', veto: 'not replaced' } as const;

/** What replacing keeps, as docs/paths.md prints it. */
export function renderCapabilityTable(): string {
  return render(
    ['Instance', 'Answer', 'Kept', 'Cannot be kept', 'Why', 'Authority'],
    capabilityRows.map(({ kind, verdict, keeps, cannotKeep, reason, authority }) => [kind, verdictTexts[verdict], keeps, cannotKeep, reason, authority]),
  );
}
