import { UpstreamUnreachableError } from '../errors.ts';
import { type Redis, type RedisClient, RedisUnavailableError } from '../runtime/redis.ts';

/** What those are told who cannot wait until Redis is back. */
export const outOfReach = (cause?: unknown): UpstreamUnreachableError =>
  new UpstreamUnreachableError({ message: 'Live views are out of reach at this moment.', cause });

/**
 * Sends commands that live views depend on.
 * @throws {UpstreamUnreachableError} Redis is away; they may have been carried out all the same.
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
