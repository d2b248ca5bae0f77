import { defineConfig } from 'vitest/config';

/** `unit`: the quick inner loop. `template`: rules over the synthesised CDK app. `slow`: pure, but thousands of runs. `local-aws`: contracts and end to end on one local AWS, started once. */
export default defineConfig({
  test: {
    reporters: ['default'],
    expect: { requireAssertions: true },
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
          include: ['test/**/*.test.ts'],
          exclude: ['test/lib/**', 'test/e2e/**', 'test/**/*.contract.test.ts', 'test/**/*.slow.test.ts', 'node_modules/**'],
          testTimeout: 20_000,
        },
      },
      {
        extends: true,
        // One process: loading the CDK once instead of once a file.
        test: { name: 'template', include: ['test/lib/**/*.test.ts'], isolate: false, fileParallelism: false, testTimeout: 60_000 },
      },
      {
        extends: true,
        test: { name: 'slow', include: ['test/**/*.slow.test.ts'], testTimeout: 120_000 },
      },
      {
        extends: true,
        test: {
          name: 'local-aws',
          include: ['test/**/*.contract.test.ts', 'test/e2e/**/*.test.ts'],
          globalSetup: ['test/e2e/global-setup.ts'],
          fileParallelism: false,
          testTimeout: 240_000,
          hookTimeout: 240_000,
        },
      },
    ],
  },
});
