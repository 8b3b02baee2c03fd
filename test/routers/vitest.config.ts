import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { ResultsReporter } from './results-reporter.ts';

export default defineConfig({
  root: import.meta.dirname,
  resolve: {
    // As in the main configuration, the tests and the sources share one graphql package. The gateways have their own.
    alias: [
      {
        find: /^graphql$/,
        replacement: fileURLToPath(import.meta.resolve('graphql', new URL('../../', import.meta.url).href)),
      },
    ],
  },
  test: {
    include: ['*.test.ts'],
    // Each router and its 200 clients need all cores.
    fileParallelism: false,
    reporters: ['verbose', new ResultsReporter()],
    retry: 0,
    testTimeout: 180_000,
    hookTimeout: 180_000,
    restoreMocks: true,
  },
});
