import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** The tests that planted faults are run against: all of these folders that need no process and no socket of a gateway. */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  resolve: {
    alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql')) }],
  },
  test: {
    include: [
      'test/unit/polling/**/*.test.ts',
      'test/unit/events/**/*.test.ts',
      'test/unit/runtime/**/*.test.ts',
      // Addresses and names of variables are the configuration's.
      'test/unit/config/config.test.ts',
      'test/contract/event-log.test.ts',
      'test/contract/event-log-replicas.test.ts',
      'test/contract/leader-election.test.ts',
      'test/contract/redis.test.ts',
      'test/contract/redis-heartbeat.test.ts',
    ],
    // They take a second for each fault, and find few that the others do not.
    exclude: [
      'test/unit/polling/many-jobs.test.ts',
      'test/unit/polling/history.test.ts',
      'test/unit/events/subscriber/stream.property.test.ts',
    ],
    testTimeout: 10_000,
    restoreMocks: true,
  },
});
