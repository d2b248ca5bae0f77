import { type CatalogFile, readFile } from '../documents.ts';
import type { ServiceLevelObjective } from './openslo.ts';
import { checkReferencesInFile, checkResolvedObjectives } from './openslo-check.ts';
import { resolveObjectives } from './openslo-resolve.ts';
import { type CatalogProblem, sortProblems } from '../problem.ts';

/** The objectives of one file, references filled in. */
export interface OpenSloFile {
  /** Empty when there are problems. */
  readonly objectives: readonly ServiceLevelObjective[];
  readonly problems: readonly CatalogProblem[];
}

/**
 * Reads OpenSLO documents that stand alone, with nothing of a catalog around them: any data source is taken, and the service need
 * not be a System, because figures come from elsewhere. References within the file must hold. Never throws for what the file holds.
 */
export function readOpenSloFile(file: CatalogFile): OpenSloFile {
  const { documents, problems } = readFile(file);
  const all = [...problems, ...checkReferencesInFile(documents), ...checkResolvedObjectives(documents)];
  if (all.length > 0) return { objectives: [], problems: sortProblems(all) };
  return { objectives: resolveObjectives(documents.flatMap(({ value }) => value ?? [])), problems: [] };
}
