import { describe } from 'vitest';
import { isRedisInstalled } from './redis-server.ts';

if (!isRedisInstalled && process.env['REQUIRE_REDIS'] !== undefined) {
  throw new Error('REQUIRE_REDIS is set, and there is no redis-server.');
}

/** Defines tests that need a real server. They are skipped if there is none, unless REQUIRE_REDIS is set. */
export const describeWithRedis = describe.skipIf(!isRedisInstalled);
