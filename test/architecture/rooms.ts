/** The rooms of the house (design section 3): what each folder may import. A folder that has no row here fails the test. */
export interface Room {
  /** Other rooms it may import; its own always. */
  readonly rooms: readonly string[];
  /** Packages: `zod/mini` is exactly that, `zod` with all below it, `@aws-sdk/` a whole scope, `*` any. */
  readonly packages: readonly string[];
  /** Modules of Node, without `node:`; `*` for any. */
  readonly node: readonly string[];
}

export const rooms: Readonly<Record<string, Room>> = {
  /** The rules: pure; clock, ids, randomness and hashing are ports. */
  core: { rooms: [], packages: ['zod', 'yaml', 'croner', 'temporal-polyfill'], node: [] },
  /** Adapters on the SDK and Powertools; hashing, random bytes and short delays come from Node. `aws-lambda` is types only. */
  aws: { rooms: ['core'], packages: ['@aws-sdk/', '@aws-lambda-powertools/', 'aws-lambda', 'zod'], node: ['crypto', 'timers/promises'] },
  /** Parse, call core with adapters, map. SDK and Powertools only through `aws/`. */
  lambdas: { rooms: ['core', 'aws'], packages: ['zod/mini', 'aws-lambda'], node: [] },
  /** The CDK; it names the functions by the paths of their entries and never imports them. */
  lib: { rooms: ['core', 'catalog-files'], packages: ['aws-cdk-lib', 'constructs', 'cdk-nag'], node: ['fs', 'path', 'url'] },
  /** Reads `ops/` from disk and asks git; the hash is Node's. */
  'catalog-files': { rooms: ['core'], packages: [], node: ['fs', 'path', 'child_process', 'crypto'] },
  /** The simulated region. */
  sim: { rooms: ['core'], packages: [], node: [] },
  /** The `perennial` command. */
  cli: { rooms: ['core', 'aws', 'sim', 'catalog-files'], packages: ['commander', '@aws-sdk/', 'zod/mini'], node: ['fs', 'os', 'path', 'worker_threads'] },
  /** Local AWS and the demo fleet; nothing imports it. */
  sandbox: { rooms: ['core', 'aws', 'lambdas', 'lib', 'catalog-files', 'sim', 'cli'], packages: ['*'], node: ['*'] },
  /** Two entries: the CDK app and the command line. */
  bin: { rooms: ['lib', 'cli'], packages: [], node: ['readline/promises', 'stream/consumers'] },
};

/** The room that a path lies in. */
export function roomOf(path: string): string {
  return path.split('/')[0] ?? '';
}
