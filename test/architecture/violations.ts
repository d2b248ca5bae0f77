import { posix } from 'node:path';
import { init, parse } from 'es-module-lexer';
import { roomOf, rooms } from './rooms.ts';
import { withoutComments } from './without-comments.ts';

export interface SourceFile {
  /** From the top of the checkout, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** An import whose target is computed has no specifier. */
const COMPUTED = '(computed)';

/** What a file imports, in any form: static, type-only, re-export, dynamic, `import('…')` as a type. */
async function importsOf(path: string, code: string): Promise<readonly string[]> {
  await init();
  const [found] = parse(code, path);
  const lexed = found.flatMap((one) => one.specifier ?? (one.type === 'dynamic' ? COMPUTED : []));
  const typed = [...code.matchAll(/\bimport\(\s*(['"`])(?<specifier>[^'"`]+)\1/g)].map((match) => match.groups?.['specifier'] ?? '');
  return [...new Set([...lexed, ...typed])];
}

function isListed(allowed: readonly string[], name: string): boolean {
  return allowed.some((entry) => entry === '*' || name === entry || name.startsWith(entry.endsWith('/') ? entry : `${entry}/`));
}

/** Why an import is not allowed; `undefined` when it is. */
function importProblem(path: string, specifier: string): string | undefined {
  const room = rooms[roomOf(path)];
  if (room === undefined) return `the folder ${roomOf(path)}/ is no room of the design`;
  if (specifier === COMPUTED) return 'a computed import cannot be checked';
  if (specifier.startsWith('node:')) return isListed(room.node, specifier.slice('node:'.length)) ? undefined : `imports ${specifier}: ${roomOf(path)}/ may not`;
  if (!specifier.startsWith('.')) return isListed(room.packages, specifier) ? undefined : `imports ${specifier}: not a package of ${roomOf(path)}/`;
  const target = roomOf(posix.normalize(posix.join(posix.dirname(path), specifier)));
  return target === roomOf(path) || room.rooms.includes(target) ? undefined : `imports ${specifier}: ${roomOf(path)}/ may not import ${target}/`;
}

interface TextRule {
  readonly name: string;
  readonly pattern: RegExp;
  readonly appliesTo: (path: string) => boolean;
}

/** The program of the functions with its rules, the command line and the CDK app get time and environment from these two; the sandbox from its host. */
const environmentFiles = ['aws/runtime/environment.ts', 'sandbox/emulators/host.ts'];
const clockFiles = ['aws/runtime/system.ts', 'sandbox/emulators/host.ts'];
const isPure = (path: string): boolean => roomOf(path) === 'core' || roomOf(path) === 'sim';
const everywhere = (): boolean => true;

const textRules: readonly TextRule[] = [
  {
    name: 'one file of a program reads the environment',
    pattern: /\bprocess\s*(?:\?\.|\.)\s*env\b|\bprocess\s*(?:\?\.)?\[|=\s*process\s*[;,)\n]|\bnode:process\b/,
    appliesTo: (path) => !environmentFiles.includes(path),
  },
  {
    name: 'one file of a program reads the clock',
    // With an argument `Date` only converts; as a value it is a clock under another name.
    pattern:
      /\bnew\s+Date\s*(?:\(\s*\)|(?![\s(]))|\bDate\s*(?:\?\.|\.)\s*now\b|\bDate\s*(?:\?\.)?\[|(?<!new\s)(?<![\w.])\bDate\(|[=(,]\s*Date\s*[;,)\n]|\bperformance\.now\b|\bhrtime\b|\bTemporal\.Now\b/,
    appliesTo: (path) => !clockFiles.includes(path),
  },
  { name: 'no randomness in the rules', pattern: /\bMath\s*\.\s*random\b|\bcrypto\s*\./, appliesTo: isPure },
  { name: 'no process and no global object in the rules', pattern: /\bglobalThis\b|\bprocess\s*\./, appliesTo: isPure },
  { name: 'no timers and no network in the rules', pattern: /(?<![\w.])(?:setTimeout|setInterval|setImmediate|fetch)\(/, appliesTo: isPure },
  { name: 'no any', pattern: /(?:[:<,|&]|=>|\bas|\bextends)\s*any\s*(?:\[\]\s*)*(?=[;,)>}=|&\]{\n]|$)/m, appliesTo: everywhere },
  {
    name: 'no cast of parsed JSON',
    pattern: /(?:\bJSON\.parse|\.json)\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)[\s)]*\bas\b(?!\s+unknown\s*[;,)])|<[\w.]+>\s*JSON\.parse/,
    appliesTo: everywhere,
  },
];

/** A file that only passes on what others export hides who depends on whom. */
function isBarrel(path: string, code: string): boolean {
  const passesOn = /^export\b[^;]*?\bfrom\s*['"]/m.test(code);
  const declares = /^export\s+(?:default|declare|abstract|async|const|let|function|class|interface|enum|type\s+\w+\s*[<=])/m.test(code);
  return posix.basename(path) === 'index.ts' || /^export\s*\*/m.test(code) || (passesOn && !declares);
}

/** Lines that a file may have; design section 3. */
const lineLimits: readonly { readonly files: RegExp; readonly lines: number }[] = [
  { files: /^lambdas\//, lines: 30 },
  { files: /^bin\/app\.ts$/, lines: 40 },
];

function lengthProblem({ path, text }: SourceFile): readonly string[] {
  const lines = text.trimEnd().split('\n').length;
  return lineLimits.filter((limit) => limit.files.test(path) && lines > limit.lines).map((limit) => `${lines} lines, at most ${limit.lines} here`);
}

/** Every way in which these files break the rules of the house, one line each; empty when none does. */
export async function violationsOf(files: readonly SourceFile[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const file of files) {
    const code = withoutComments(file.text);
    const imports = await importsOf(file.path, code);
    const problems = [
      ...imports.flatMap((specifier) => importProblem(file.path, specifier) ?? []),
      ...textRules.filter((rule) => rule.appliesTo(file.path) && rule.pattern.test(code)).map((rule) => rule.name),
      ...(isBarrel(file.path, code) ? ['no barrels'] : []),
      ...lengthProblem(file),
    ];
    found.push(...problems.map((problem) => `${file.path}: ${problem}`));
  }
  return found;
}
