import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { checkCatalog } from '../core/catalog/check.ts';
import type { CatalogCheck } from '../core/catalog/check.ts';
import { compileCatalog } from '../core/catalog/compile.ts';
import { catalogLimits } from '../core/catalog/documents.ts';
import type { CatalogFile } from '../core/catalog/documents.ts';
import { compareTexts, sortProblems } from '../core/catalog/problem.ts';
import type { CatalogProblem } from '../core/catalog/problem.ts';
import type { CompiledCatalog } from '../core/catalog/schema.ts';
import { nodeHasher } from './hasher.ts';
import { readProvenance } from './provenance.ts';

export interface CatalogDirectory {
  readonly files: readonly CatalogFile[];
  readonly errors: readonly CatalogProblem[];
}

const isCatalogFile = (name: string): boolean => /\.ya?ml$/.test(name) && !name.startsWith('.');

/** UTF-8 takes at most three bytes for a character that JavaScript counts as one. */
const maximumBytes = catalogLimits.charactersPerFile * 3;

function problem(file: string, message: string, fix: string): CatalogProblem {
  return { file, line: 1, column: 1, path: '', message, fix };
}

function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

function readOne(path: string): CatalogFile | CatalogProblem {
  try {
    const stats = statSync(path);
    if (!stats.isFile()) return problem(path, 'is not a file', 'Remove or rename it.');
    if (stats.size > maximumBytes) return problem(path, 'is larger than 1 MiB', 'Split it into several files.');
    return { path, text: readFileSync(path, 'utf8') };
  } catch (error) {
    return problem(path, `can not be read (${reasonOf(error)})`, 'Check the permissions of the file.');
  }
}

/**
 * The `*.yaml` and `*.yml` files directly in `directory`, sorted by name. What can not be read, or a directory without
 * such a file, is an error: an empty catalog would retire every system.
 */
export function readCatalogFiles(directory: string): CatalogDirectory {
  let names: readonly string[];
  try {
    names = readdirSync(directory).filter(isCatalogFile).toSorted(compareTexts);
  } catch (error) {
    return {
      files: [],
      errors: [problem(directory, `is not a directory that can be read (${reasonOf(error)})`, 'Name the directory of the catalog, for example "ops".')],
    };
  }
  if (names.length === 0) return { files: [], errors: [problem(directory, 'holds no .yaml file', 'Name the directory of the catalog, for example "ops".')] };
  if (names.length > catalogLimits.files) {
    return {
      files: [],
      errors: [problem(directory, `holds more than ${catalogLimits.files} .yaml files`, 'Put several documents into one file, separated by "---".')],
    };
  }
  const read = names.map((name) => readOne(join(directory, name)));
  return { files: read.filter((entry) => 'text' in entry), errors: read.filter((entry) => 'message' in entry) };
}

/** Reads and checks the catalog in `directory`. */
export function checkDirectory(directory: string): CatalogCheck {
  const { files, errors } = readCatalogFiles(directory);
  const check = checkCatalog(files);
  return errors.length === 0 ? check : { errors: sortProblems([...errors, ...check.errors]), warnings: check.warnings };
}

export interface LoadedCatalog {
  /** Present only when there are no errors. */
  readonly catalog?: CompiledCatalog;
  readonly errors: readonly CatalogProblem[];
  readonly warnings: readonly CatalogProblem[];
  /** What git said, for a message to people. */
  readonly provenanceReason: string;
}

/** Reads, checks and compiles the catalog in `directory`, with the git commit it is from; what a deploy publishes. */
export function loadCatalog(directory: string): LoadedCatalog {
  const { catalog, errors, warnings } = checkDirectory(directory);
  const { commit, dirty, reason } = readProvenance(directory);
  const compiled = catalog === undefined ? {} : { catalog: compileCatalog(catalog, { commit, dirty }, nodeHasher) };
  return { ...compiled, errors, warnings, provenanceReason: reason };
}
