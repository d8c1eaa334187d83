import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/built.ts'],
    // A process a file: engines set up their process, and a crash in native code takes one file along, not all.
    pool: 'forks',
    // Tests train on several threads themselves.
    maxWorkers: 2,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
