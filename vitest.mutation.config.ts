import { defineConfig } from 'vitest/config';

/** What the mutation run asks of every mutant: the rules' own unit tests, in one project because the runner knows no others. They share no state, so modules are loaded once. */
export default defineConfig({
  test: { include: ['test/core/**/*.test.ts'], exclude: ['test/**/*.slow.test.ts', 'node_modules/**'], testTimeout: 20_000, isolate: false },
});
