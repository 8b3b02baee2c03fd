import fc from 'fast-check';
import { systemClock } from '../../src/runtime/clock.ts';
import type { RedisUnderTest } from '../support/redis-server.ts';
import type { Journal } from './journal.ts';

/** A fault of the Redis that several gateways share. No fault loses data, because idempotency keys depend on it. */
export interface RedisTrouble {
  /** Number of operations of all clients after which the fault begins. */
  readonly atOperation: number;
  /** All connections are cut, no data passes through them, or writes are rejected. */
  readonly kind: 'cut' | 'hang' | 'full' | 'too few replicas';
  readonly forMs: number;
}

/** Faults that are shorter or longer than the time after which subscribers receive STALE. */
export const redisTroubles: fc.Arbitrary<readonly RedisTrouble[]> = fc.array(
  fc.record({
    atOperation: fc.integer({ min: 70, max: 140 }),
    kind: fc.constantFrom<RedisTrouble['kind']>('cut', 'hang', 'full', 'too few replicas'),
    forMs: fc.integer({ min: 100, max: 3_000 }),
  }),
  { minLength: 1, maxLength: 2 },
);

/** Makes Redis fail as planned, one fault after the other. Resolves when all are over. */
export async function troubleRedis(
  redis: RedisUnderTest,
  troubles: readonly RedisTrouble[],
  journal: Pick<Journal, 'operations' | 'until'>,
): Promise<void> {
  for (const { atOperation, kind, forMs } of troubles.toSorted((a, b) => a.atOperation - b.atOperation)) {
    await journal.until(() => journal.operations >= atOperation);
    const end = await begin(redis, kind);
    await systemClock.sleep(forMs);
    await end();
  }
}

/** Begins a fault. @returns a function that ends it */
async function begin(redis: RedisUnderTest, kind: RedisTrouble['kind']): Promise<() => unknown> {
  switch (kind) {
    case 'cut':
      redis.cut();
      return () => undefined;
    case 'hang':
      redis.pause();
      return () => redis.resume();
    case 'full':
      await redis.command('CONFIG SET maxmemory 1');
      return () => redis.command('CONFIG SET maxmemory 0');
    case 'too few replicas':
      await redis.command('CONFIG SET min-replicas-to-write 1');
      return () => redis.command('CONFIG SET min-replicas-to-write 0');
  }
}
