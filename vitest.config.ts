import { defineConfig } from 'vitest/config';
import { LongWaitsFirst } from './test/e2e/long-waits-first.ts';

/** The group of what runs last, all at once: two files that mostly wait for a local AWS each, and beside them what computes. */
const together = { maxWorkers: 3, sequence: { groupOrder: 2 } };

/** What tests of a local AWS share. */
const onLocalAws = {
  ...together,
  globalSetup: ['test/e2e/global-setup.ts'],
  setupFiles: ['test/e2e/one-at-a-time.ts'],
  // Stories that run at once wait for things that pass: each must be there from the beginning.
  maxConcurrency: 50,
  // What is waited for has deadlines of its own, which say what did not happen. These only end what hangs: they are longer than the
  // deadlines of one test, and of one hook (the first deploys the platform and builds a fleet), together.
  testTimeout: 900_000,
  hookTimeout: 1_200_000,
};

/** The stories of repairs have a local AWS of their own; the contracts come after them there, so that both have about as much to do. */
const repairs = 'test/e2e/repairs.test.ts';
const contracts = 'test/**/*.contract.test.ts';

/**
 * `unit`: the quick inner loop. `template`: rules over the synthesised CDK app. `slow`: pure, but thousands of runs. `local-aws` and
 * `local-aws-repairs`: end to end and contracts, each project on one local AWS that is started once.
 */
export default defineConfig({
  test: {
    reporters: ['default'],
    expect: { requireAssertions: true },
    sequence: { sequencer: LongWaitsFirst },
    coverage: {
      provider: 'v8',
      include: ['core/**/*.ts'],
      thresholds: { statements: 85, branches: 75, functions: 85, lines: 85 },
    },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          // The tests share no state, and loading every module once instead of once a file takes a third of the time.
          isolate: false,
          // All processors: nothing else runs in its group, and it is what people wait for.
          maxWorkers: '100%',
          include: ['test/**/*.test.ts'],
          exclude: ['test/lib/**', 'test/e2e/**', 'test/**/*.contract.test.ts', 'test/**/*.slow.test.ts', 'node_modules/**'],
          testTimeout: 20_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'template',
          include: ['test/lib/**/*.test.ts'],
          // One process: loading the CDK once instead of once a file.
          isolate: false,
          fileParallelism: false,
          // A group of its own: vitest wants one number of workers in a group, and has more of them for `unit` where there are more processors.
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: { ...together, name: 'slow', include: ['test/**/*.slow.test.ts'], testTimeout: 240_000 },
      },
      {
        extends: true,
        test: { ...onLocalAws, name: 'local-aws', include: ['test/e2e/**/*.test.ts'], exclude: [repairs, 'node_modules/**'] },
      },
      {
        extends: true,
        test: { ...onLocalAws, name: 'local-aws-repairs', include: [repairs, contracts] },
      },
    ],
  },
});
