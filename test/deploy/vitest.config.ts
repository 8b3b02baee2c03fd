import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: import.meta.dirname,
  test: { include: ['*.test.ts'], retry: 0, testTimeout: 300_000, hookTimeout: 300_000, restoreMocks: true },
});
