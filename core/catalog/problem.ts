/** One mistake or finding, told so that a person can correct it without looking anything up. */
export interface CatalogProblem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in characters. */
  readonly column: number;
  /** The place in the document, for example `spec.links[0].to`; empty for the document as a whole. */
  readonly path: string;
  /** What is wrong. */
  readonly message: string;
  /** What to write instead. */
  readonly fix: string;
}

/** A problem that does not know its place in a file yet. */
export interface Complaint {
  readonly path: readonly PropertyKey[];
  /** Point at this key of the mapping at `path`, not at its value. */
  readonly key?: string;
  readonly message: string;
  readonly fix: string;
}

/** By file, then by place; stable for problems of one place. */
export function sortProblems(problems: readonly CatalogProblem[]): readonly CatalogProblem[] {
  return problems.toSorted((a, b) => compareTexts(a.file, b.file) || a.line - b.line || a.column - b.column);
}

/** By code unit: the same order everywhere, whatever the language of the machine. */
export function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
