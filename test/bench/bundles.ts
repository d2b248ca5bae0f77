import { execFile } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build, type BuildOptions } from 'esbuild';
import { medianOf } from './figures.ts';

/*
 * What each function weighs and how long it takes to load, beside a file with nothing in it but the SDK that the function uses: the
 * same clients, built once, and the same commands.
 */

const run = promisify(execFile);
const projectFolder = join(import.meta.dirname, '..', '..');

/** As lib/event-function.ts has it for the CDK's bundling. */
const options = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  mainFields: ['module', 'main'],
  minify: true,
  logLevel: 'warning',
  metafile: true,
  banner: { js: "import{createRequire as perennialCreateRequire}from'node:module';const require=perennialCreateRequire(import.meta.url);" },
} as const satisfies BuildOptions;

interface Bundle {
  readonly file: string;
  /** Source file → what is left of it in the bundle, in bytes. */
  readonly inputs: Readonly<Record<string, number>>;
}

async function bundle(entry: string, file: string): Promise<Bundle> {
  const { metafile } = await build({ ...options, entryPoints: [entry], outfile: file, absWorkingDir: projectFolder });
  const kept = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs));
  const inputs = Object.fromEntries(kept.flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [[path, bytesInOutput]] : [])));
  return { file, inputs };
}

const sdkImport = /import\s+(?!type\b)\{([^}]+)\}\s+from\s+'(@aws-sdk\/[a-z0-9-]+)'/g;

/** The names our own sources take from the SDK, by package, as far as they are in the bundle. */
function sdkNamesOf(inputs: readonly string[]): ReadonlyMap<string, ReadonlySet<string>> {
  const names = new Map<string, Set<string>>();
  for (const path of inputs.filter((input) => !input.includes('node_modules'))) {
    for (const [, list = '', from = ''] of readFileSync(join(projectFolder, path), 'utf8').matchAll(sdkImport)) {
      if (!inputs.some((input) => input.includes(`node_modules/${from}/`))) continue;
      const values = list
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '' && !name.startsWith('type '));
      names.set(from, new Set([...(names.get(from) ?? []), ...values]));
    }
  }
  return names;
}

const isClient = (name: string): boolean => /^[A-Z]\w*Client$/.test(name) && name !== 'DynamoDBDocumentClient';

/** A module with the SDK and nothing else. `what`: only the clients, or what the function calls as well. */
function sdkAlone(names: ReadonlyMap<string, ReadonlySet<string>>, what: 'clients' | 'clients and commands'): string {
  const lines: string[] = [];
  const kept: string[] = [];
  for (const [from, all] of names) {
    const taken = [...all].filter((name) => what === 'clients and commands' || isClient(name) || name === 'DynamoDBDocumentClient');
    if (taken.length === 0) continue;
    lines.push(`import { ${taken.join(', ')} } from '${from}';`);
    kept.push(...taken.map((name) => (isClient(name) ? `new ${name}({})` : name)));
  }
  return `${lines.join('\n')}\nexport const kept = [${kept.join(', ')}];\n`;
}

/** What every function finds in its environment; none of it is reached. */
export const environment = {
  PATH: '',
  AWS_REGION: 'eu-central-1',
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  ACCOUNT_ID: '111122223333',
  TABLE_NAME: 'bench',
  SIGNALS_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/111122223333/signals',
  REJECTED_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/111122223333/rejected',
  SCHEDULER_GROUP_NAME: 'bench',
  SMALL_FLEET_POLL_MINUTES: '1',
  ...Object.fromEntries(
    [
      'STATE_MACHINE_ARN',
      'OBSERVE_VERSION_ARN',
      'ACT_VERSION_ARN',
      'PAGE_FUNCTION_ARN',
      'SCHEDULER_ROLE_ARN',
      'SCHEDULER_DEAD_LETTER_ARN',
      'TOPIC_CRITICAL_ARN',
      'TOPIC_HIGH_ARN',
      'TOPIC_WARNING_ARN',
      'TOPIC_INFO_ARN',
      'TOPIC_PLATFORM_ARN',
    ].map((name) => [name, 'arn:aws:sns:eu-central-1:111122223333:bench']),
  ),
};

const timer = 'const began = performance.now(); await import(process.argv[1]); console.log(performance.now() - began); process.exit(0);';

/** Milliseconds to import a bundle in a fresh Node. */
async function importOnce(file: string): Promise<number> {
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', timer, file], { env: environment, timeout: 20_000 });
  const milliseconds = Number(stdout.trim().split('\n').at(-1));
  if (Number.isNaN(milliseconds)) throw new Error(`${file} could not be imported: ${stdout}`);
  return milliseconds;
}

const IMPORTS = 9;

/** Both files in turn, so that they meet the same machine; the first pair warms the disk's cache. */
async function importBoth(left: string, right: string): Promise<readonly [number, number]> {
  const times: [number, number][] = [];
  for (let round = 0; round <= IMPORTS; round += 1) times.push([await importOnce(left), await importOnce(right)]);
  const measured = times.slice(1);
  return [medianOf(measured.map(([time]) => time)), medianOf(measured.map(([, time]) => time))];
}

/** The SDK with what it brings along; the rest is ours or ours to choose. */
const groups = [
  {
    name: 'sdk',
    finds: /node_modules\/(@aws-sdk|@smithy|@aws|@aws-crypto|fast-xml-parser|bowser|tslib|mnemonist|obliterator|strnum|@nodable|path-expression-matcher)\//,
  },
  { name: 'powertools', finds: /node_modules\/@aws-lambda-powertools\// },
  { name: 'zod', finds: /node_modules\/zod\// },
  { name: 'other packages', finds: /node_modules\// },
  { name: 'aws/', finds: /^(aws|lambdas)\// },
  { name: 'core/', finds: /^core\// },
] as const;

/** Bytes by where they are from. */
function partsOf({ inputs }: Bundle): Readonly<Record<string, number>> {
  const byGroup = Object.groupBy(Object.entries(inputs), ([path]) => groups.find(({ finds }) => finds.test(path))?.name ?? 'unknown');
  return Object.fromEntries(Object.entries(byGroup).map(([name, found]) => [name, (found ?? []).reduce((sum, [, bytes]) => sum + bytes, 0)]));
}

export interface BundleFigures {
  readonly name: string;
  readonly bytes: number;
  readonly gzipBytes: number;
  /** The SDK it uses: clients and commands. */
  readonly sdkBytes: number;
  /** The clients without any command. */
  readonly clientBytes: number;
  readonly importMilliseconds: number;
  readonly sdkImportMilliseconds: number;
  readonly packages: readonly string[];
  /** Bytes by where they are from. */
  readonly parts: Readonly<Record<string, number>>;
}

async function measureOne(folder: string, entry: string): Promise<BundleFigures> {
  const name = basename(entry, '.ts');
  const ours = await bundle(entry, join(folder, `${name}.mjs`));
  const names = sdkNamesOf(Object.keys(ours.inputs));
  const alone = async (what: 'clients' | 'clients and commands', suffix: string): Promise<Bundle> => {
    const source = join(folder, `${name}-${suffix}-source.mjs`);
    writeFileSync(
      source,
      sdkAlone(names, what).replaceAll(/'(@aws-sdk\/[^']+)'/g, (_, from: string) => `'${join(projectFolder, 'node_modules', from, entryOf(from))}'`),
    );
    return bundle(source, join(folder, `${name}-${suffix}.mjs`));
  };
  const clients = await alone('clients', 'clients');
  const sdk = await alone('clients and commands', 'sdk');
  const [importMilliseconds, sdkImportMilliseconds] = await importBoth(ours.file, sdk.file);
  const bytes = readFileSync(ours.file);
  return {
    name,
    bytes: bytes.length,
    gzipBytes: gzipSync(bytes).length,
    sdkBytes: readFileSync(sdk.file).length,
    clientBytes: readFileSync(clients.file).length,
    importMilliseconds,
    sdkImportMilliseconds,
    packages: [...names.keys()].map((from) => from.replace('@aws-sdk/', '')),
    parts: partsOf(ours),
  };
}

/** The module form that `mainFields` prefers. */
function entryOf(from: string): string {
  const text: unknown = JSON.parse(readFileSync(join(projectFolder, 'node_modules', from, 'package.json'), 'utf8'));
  if (typeof text === 'object' && text !== null && 'module' in text && typeof text.module === 'string') return text.module;
  throw new Error(`${from} has no module form.`);
}

/** Every function of lambdas/; what has no handler is no function. */
export async function measureBundles(): Promise<readonly BundleFigures[]> {
  const folder = mkdtempSync(join(tmpdir(), 'perennial-bench-'));
  try {
    const entries = globSync('lambdas/*.ts', { cwd: projectFolder })
      .toSorted()
      .filter((entry) => readFileSync(join(projectFolder, entry), 'utf8').includes('function handler('));
    const figures: BundleFigures[] = [];
    for (const entry of entries) figures.push(await measureOne(folder, entry));
    return figures;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
