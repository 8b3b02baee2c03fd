import { UpstreamUnreachableError } from '../errors.ts';
import { type Redis, type RedisClient, RedisUnavailableError } from '../runtime/redis.ts';

/** The error that a client receives while Redis is out of reach. */
export const outOfReach = (cause?: unknown): UpstreamUnreachableError =>
  new UpstreamUnreachableError({ message: 'Live views are out of reach at this moment.', cause });

/**
 * Sends commands that live views depend on.
 * @throws {UpstreamUnreachableError} Redis is unavailable. The commands may have been executed.
 */
export async function reachRedis<Reply>(
  redis: Pick<Redis, 'send'>,
  commands: (client: RedisClient) => Promise<Reply>,
): Promise<Reply> {
  try {
    return await redis.send(commands);
  } catch (error) {
    if (error instanceof RedisUnavailableError) throw outOfReach(error);
    throw error;
  }
}
