import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

interface Setup {
  readonly setupFiles?: string[];
  readonly globalSetup?: string[];
}

const project = (name: string, include: string[], testTimeout: number, setup: Setup = {}) => ({
  extends: true as const,
  test: { name, include, testTimeout, hookTimeout: testTimeout, ...setup },
});

/** Whatever starts a gateway or an emulator is searched for secrets. */
const searched = {
  setupFiles: ['test/support/no-secrets.ts'],
  // Emulators of all workers start with copies of the same databases.
  globalSetup: ['test/support/seeded-folder.ts'],
};
/** Processes start from what is compiled once: compiling while they start took most of their time. */
const withProcesses = { ...searched, globalSetup: [...searched.globalSetup, 'test/support/compile.ts'] };

export default defineConfig({
  resolve: {
    // Vite would take the package's `module` build and libraries its `main` build, and graphql refuses to meet itself.
    alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql')) }],
  },
  test: {
    retry: 0,
    // One more than the cores of a small machine, because tests of leases, timeouts and processes mostly wait.
    maxWorkers: 3,
    // Importing the gateway and the emulator takes longer than the tests of most files: a worker does it once for a project.
    isolate: false,
    restoreMocks: true,
    // Each project transforms the gateway and the emulator for itself. They share the result on disk, also with later runs.
    experimental: { fsModuleCache: true },
    projects: [
      project('repository', ['test/repository/**/*.test.ts'], 20_000),
      project('unit', ['test/unit/**/*.test.ts'], 30_000, { globalSetup: searched.globalSetup }),
      project('contract', ['test/contract/**/*.test.ts'], 30_000, withProcesses),
      project('e2e', ['test/e2e/**/*.test.ts'], 30_000, withProcesses),
      project('console', ['test/console/**/*.test.ts'], 180_000, withProcesses),
      project('package', ['test/package/**/*.test.ts'], 300_000),
      project('examples', ['test/examples/**/*.test.ts'], 300_000, searched),
      project('fuzz', ['test/fuzz/**/*.test.ts'], 120_000, withProcesses),
      project('chaos', ['test/chaos/**/*.test.ts'], 120_000, searched),
      project('soak', ['test/soak/**/*.test.ts'], 180_000, searched),
    ],
  },
});
