import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

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
  test: { include: ['*.test.ts'], retry: 0, testTimeout: 30_000, hookTimeout: 60_000, restoreMocks: true },
});
