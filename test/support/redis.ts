import { describe } from 'vitest';
import { isRedisInstalled } from './redis-server.ts';

if (!isRedisInstalled && process.env['REQUIRE_REDIS'] !== undefined) {
  throw new Error('REQUIRE_REDIS is set, and there is no redis-server.');
}

/** Tests that need a real server; skipped where there is none, unless REQUIRE_REDIS is set. */
export const describeWithRedis = describe.skipIf(!isRedisInstalled);
