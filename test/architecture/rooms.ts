import { posix } from 'node:path';
import { init, parse } from 'es-module-lexer';

/** The rooms of the design, section 3: what each may import. A room that is missing here fails the test. */
export interface Room {
  /** Other rooms it may import. */
  readonly rooms: readonly string[];
  /** Packages by name or by scope (`@aws-sdk/`); `*` for any. */
  readonly packages: readonly string[];
  readonly node: boolean;
}

const purePackages = ['zod', 'yaml', 'croner', 'temporal-polyfill'];

export const rooms: Readonly<Record<string, Room>> = {
  core: { rooms: [], packages: purePackages, node: false },
  aws: { rooms: ['core'], packages: ['@aws-sdk/', '@aws-lambda-powertools/', 'aws-lambda', ...purePackages], node: true },
  lambdas: { rooms: ['core', 'aws'], packages: ['zod', 'aws-lambda'], node: false },
  lib: { rooms: ['core', 'catalog-files'], packages: ['aws-cdk-lib', 'constructs', 'cdk-nag', ...purePackages], node: true },
  'catalog-files': { rooms: ['core'], packages: purePackages, node: true },
  sim: { rooms: ['core'], packages: purePackages, node: false },
  cli: { rooms: ['core', 'aws', 'sim', 'catalog-files'], packages: ['commander', '@aws-sdk/', ...purePackages], node: true },
  sandbox: { rooms: ['core', 'aws', 'lambdas', 'lib', 'catalog-files', 'sim', 'cli'], packages: ['*'], node: true },
  bin: { rooms: ['lib', 'cli'], packages: [], node: true },
};

export interface SourceFile {
  /** From the top of the checkout, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** Reads what a file imports, in any form: static, type-only, re-export, dynamic, `import('…')` as a type. */
export async function importsOf({ path, text }: SourceFile): Promise<readonly string[]> {
  await init();
  const [found] = parse(text, path);
  // import.meta has no specifier, nor has an import that computes it.
  const lexed = found.flatMap((one) => one.specifier ?? (one.type === 'dynamic' ? '(computed)' : []));
  const typed = [...withoutComments(text).matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)].map((match) => match[1] ?? '');
  return [...new Set([...lexed, ...typed])];
}

export function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|[^:'"`\\])\/\/.*$/gm, '$1');
}

const roomOf = (path: string): string => path.split('/')[0] ?? '';

/** Why an import is not allowed; `undefined` when it is. */
function importProblem(path: string, specifier: string): string | undefined {
  const room = rooms[roomOf(path)];
  if (room === undefined) return `${path}: the folder ${roomOf(path)} is no room of the design`;
  if (specifier === '(computed)') return `${path}: a computed import cannot be checked`;
  if (specifier.startsWith('node:')) return room.node ? undefined : `${path} imports ${specifier}: ${roomOf(path)}/ is pure`;
  if (specifier.startsWith('.')) {
    const target = roomOf(posix.normalize(posix.join(posix.dirname(path), specifier)));
    return target === roomOf(path) || room.rooms.includes(target) ? undefined : `${path} imports ${specifier}: ${roomOf(path)}/ may not import ${target}/`;
  }
  const isAllowed = room.packages.some(
    (allowed) => allowed === '*' || specifier === allowed || specifier.startsWith(allowed.endsWith('/') ? allowed : `${allowed}/`),
  );
  return isAllowed ? undefined : `${path} imports ${specifier}: not a package of ${roomOf(path)}/`;
}

interface TextRule {
  readonly name: string;
  readonly pattern: RegExp;
  /** Where it is allowed. */
  readonly except: (path: string) => boolean;
}

const functionsAndRules = ['core', 'aws', 'lambdas', 'sim', 'catalog-files', 'lib'];
const isElsewhere = (path: string): boolean => !functionsAndRules.includes(roomOf(path));

export const textRules: readonly TextRule[] = [
  {
    name: 'one file of the functions reads process.env',
    pattern: /\bprocess\.env\b/,
    except: (path) => isElsewhere(path) || path === 'aws/runtime/environment.ts',
  },
  {
    name: 'one file of the functions reads the clock',
    pattern: /\bnew Date\(\s*\)|\bDate\.now\(|\bperformance\.now\(/,
    except: (path) => isElsewhere(path) || path === 'aws/runtime/system.ts',
  },
  {
    name: 'one file of the sandbox reads process.env',
    pattern: /\bprocess\.env\b/,
    except: (path) => roomOf(path) !== 'sandbox' || path === 'sandbox/emulators/host.ts',
  },
  { name: 'the command line reads no process.env', pattern: /\bprocess\.env\b/, except: (path) => !['cli', 'bin'].includes(roomOf(path)) },
  { name: 'no randomness in the rules', pattern: /\bMath\.random\(/, except: (path) => !['core', 'sim'].includes(roomOf(path)) },
  { name: 'no global object in the rules', pattern: /\bglobalThis\b/, except: (path) => !['core', 'sim'].includes(roomOf(path)) },
  { name: 'no any', pattern: /[:<(,]\s*any\b(?!\w)|\bas any\b/, except: () => false },
  { name: 'no cast of parsed JSON', pattern: /JSON\.parse\([^;]*\)\s+as\b/, except: () => false },
  { name: 'no barrels', pattern: /^export \* from /m, except: () => false },
];

/** Every way in which these files break the rules of the house; empty when none does. */
export async function violationsOf(files: readonly SourceFile[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const file of files) {
    for (const specifier of await importsOf(file)) {
      const problem = importProblem(file.path, specifier);
      if (problem !== undefined) found.push(problem);
    }
    const code = withoutComments(file.text);
    found.push(...textRules.filter((rule) => !rule.except(file.path) && rule.pattern.test(code)).map((rule) => `${file.path}: ${rule.name}`));
  }
  return found;
}
