import { z } from 'zod';
import { UpstreamUnreachableError } from '../../errors.ts';
import { withRedisErrors } from '../../events/redis/errors.ts';
import { type Redis, runScript } from '../../runtime/redis.ts';
import { type RedisHeartbeat, replicasKey } from '../../runtime/redis-heartbeat.ts';
import { pollScript } from './redis-scripts.ts';

/** The keys and the channel of one feed. */
export interface FeedChannel {
  readonly meta: string;
  readonly scopes: string;
  readonly channel: string;
}

/** One step of the script: its name and arguments. */
export type PollStep = readonly [
  name: 'acquire' | 'release' | 'publishScope' | 'look' | 'publish',
  ...values: string[],
];

interface Queued {
  readonly feed: FeedChannel;
  readonly step: PollStep;
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Limits of one call, because Redis serves no other client during it: number of steps, and number of values in all of
 * them.
 */
const maxSteps = 100;
const maxValues = 10_000;

const replies = z.array(z.unknown());

/**
 * Sends the steps of all feeds in the order of the queue, while this replica is registered. One call carries many
 * steps, so that a replica whose thousand feeds need a step at the same moment makes only a few calls.
 */
export class PollSteps {
  readonly #redis: Pick<Redis, 'send'>;
  readonly #heartbeat: Pick<RedisHeartbeat, 'replicas'>;
  readonly #queue: Queued[] = [];
  #sending = false;

  constructor(redis: Pick<Redis, 'send'>, heartbeat: Pick<RedisHeartbeat, 'replicas'>) {
    this.#redis = redis;
    this.#heartbeat = heartbeat;
  }

  /**
   * @returns the reply of the step
   * @throws {UpstreamUnreachableError} Redis is unreachable; the step may have been executed
   */
  run(feed: FeedChannel, step: PollStep): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ feed, step, resolve, reject });
      this.resume();
    });
  }

  /** Sends the queued steps. Call it when this replica is registered. */
  resume(): void {
    if (this.#sending || this.#queue.length === 0 || this.#heartbeat.replicas === null) return;
    this.#sending = true;
    // All steps that are queued in this turn of the event loop go into one call.
    setImmediate(() => void this.#send());
  }

  /** Rejects the queued steps. Call it when this replica is no longer registered. */
  reject(error: UpstreamUnreachableError): void {
    for (const queued of this.#queue.splice(0)) queued.reject(error);
  }

  async #send(): Promise<void> {
    while (this.#queue.length > 0 && this.#heartbeat.replicas !== null) {
      const batch = this.#takeBatch();
      const keys = [replicasKey, ...batch.flatMap(({ feed }) => [feed.meta, feed.scopes])];
      const values = batch.flatMap(({ feed, step }) => [feed.channel, ...step]);
      try {
        const sent = await withRedisErrors(this.#redis, (client) => runScript(client, pollScript, keys, values));
        const received = replies.parse(sent);
        for (const [index, { resolve }] of batch.entries()) resolve(received[index]);
      } catch (error) {
        // Queued steps would otherwise wait for the same timeout, one call after another.
        const failed = error instanceof UpstreamUnreachableError ? [...batch, ...this.#queue.splice(0)] : batch;
        for (const { reject } of failed) reject(error);
      }
    }
    this.#sending = false;
  }

  #takeBatch(): readonly Queued[] {
    let values = 0;
    let steps = 0;
    for (const { step } of this.#queue) {
      values += step.length;
      if (steps > 0 && (steps === maxSteps || values > maxValues)) break;
      steps += 1;
    }
    return this.#queue.splice(0, steps);
  }
}
