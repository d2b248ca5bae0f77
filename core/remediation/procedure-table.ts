import { isCompensation, phasesOf, rowOf } from './procedure.ts';
import { type PhaseName, phaseNames } from './record.ts';

/** The procedure as a Markdown table, for `docs/architecture.md`; a test keeps both the same. */
export function renderProcedureTable(): string {
  const header = '| phase | role | what | when it fails, `multiple` | when it fails, `single` |\n| --- | --- | --- | --- | --- |';
  const ordered: readonly PhaseName[] = [
    ...phasesOf('single', false).filter((name) => name !== 'finish'),
    ...phaseNames.filter((name) => isCompensation(name)),
    'finish',
  ];
  const rows = ordered.map((name) => {
    const { role, summary, onFailure } = rowOf(name);
    const undo = (phases: readonly PhaseName[]): string => (phases.length === 0 ? '–' : phases.join(', '));
    return `| ${name} | ${role} | ${summary} | ${undo(onFailure.multiple)} | ${undo(onFailure.single)} |`;
  });
  return [header, ...rows].join('\n');
}
