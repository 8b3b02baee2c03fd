import { UpstreamUnreachableError } from '../../errors.ts';
import { type Redis, type RedisClient, RedisUnavailableError } from '../../runtime/redis.ts';

/** The error that a client receives while Redis is unreachable. */
export const subscriptionsUnavailable = (cause?: unknown): UpstreamUnreachableError =>
  new UpstreamUnreachableError({ message: 'Live views are temporarily unavailable.', cause });

/**
 * Sends Redis commands of live views.
 * @throws {UpstreamUnreachableError} Redis is unreachable. The commands may have been executed.
 */
export async function withRedisErrors<Reply>(
  redis: Pick<Redis, 'send'>,
  commands: (client: RedisClient) => Promise<Reply>,
): Promise<Reply> {
  try {
    return await redis.send(commands);
  } catch (error) {
    if (error instanceof RedisUnavailableError) throw subscriptionsUnavailable(error);
    throw error;
  }
}
