import { contentOf } from './compile.ts';
import { catalogLimits, documentKinds, readFile } from './documents.ts';
import type { CatalogFile } from './documents.ts';
import { findFindings } from './findings.ts';
import { checkDefaultObjectives, checkObjectiveLimits, checkOpenSloReferences, checkResolvedObjectives } from './openslo/openslo-check.ts';
import { compareTexts, sortProblems } from './problem.ts';
import type { CatalogProblem } from './problem.ts';
import { checkReferences } from './references.ts';
import { checkSchedules } from './schedules.ts';
import { maximumDocumentsPerKind } from './schema.ts';
import type { CatalogContent } from './schema.ts';

export interface CatalogCheck {
  /** Present only when there are no errors. */
  readonly catalog?: CatalogContent;
  readonly errors: readonly CatalogProblem[];
  readonly warnings: readonly CatalogProblem[];
}

/** A list nobody would read to the end is cut, and says so. */
function bounded(problems: readonly CatalogProblem[]): readonly CatalogProblem[] {
  const sorted = sortProblems(problems);
  const last = sorted[catalogLimits.problems - 1];
  if (last === undefined || sorted.length <= catalogLimits.problems) return sorted;
  const left = sorted.length - catalogLimits.problems + 1;
  return [
    ...sorted.slice(0, catalogLimits.problems - 1),
    { ...last, path: '', message: `and ${left} more from here on`, fix: 'Correct the ones above first.' },
  ];
}

/**
 * Reads and checks a whole catalog (design.md section 6). The order of the files does not matter. Never throws for
 * what the files hold: every mistake is an error with file, line, column and a fix; findings are warnings.
 */
export function checkCatalog(files: readonly CatalogFile[]): CatalogCheck {
  if (files.length > catalogLimits.files) {
    const [first] = files;
    const error = {
      file: first?.path ?? '',
      line: 1,
      column: 1,
      path: '',
      message: `the catalog has more than ${catalogLimits.files} files`,
      fix: 'Put several documents into one file, separated by "---".',
    };
    return { errors: [error], warnings: [] };
  }
  const results = files.toSorted((a, b) => compareTexts(a.path, b.path)).map(readFile);
  const documents = results.flatMap((result) => result.documents);
  const tooMany = documentKinds.flatMap((wanted) => documents.filter(({ kind }) => kind === wanted)[maximumDocumentsPerKind] ?? []);
  const errors = [
    ...results.flatMap((result) => result.problems),
    ...checkReferences(documents),
    ...checkSchedules(documents),
    ...checkOpenSloReferences(documents),
    ...checkResolvedObjectives(documents),
    ...checkObjectiveLimits(documents),
    ...checkDefaultObjectives(documents),
    ...tooMany.map(({ kind, locate }) =>
      locate({
        path: [],
        message: `the catalog has more than ${maximumDocumentsPerKind} documents of kind ${kind}`,
        fix: 'Split the fleet over several deployments.',
      }),
    ),
  ];
  const warnings = bounded(findFindings(documents));
  if (errors.length > 0) return { errors: bounded(errors), warnings };
  return { catalog: contentOf(documents.flatMap(({ value }) => value ?? [])), errors: [], warnings };
}
