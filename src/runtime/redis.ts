import { createHash } from 'node:crypto';
import { ErrorReply } from '@redis/client';
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';
import { type RedisClient, RedisConnection } from './redis-connection.ts';
import { type RedisSubscriber, RedisSubscriptions } from './redis-subscriptions.ts';
import { untilAborted } from './until-aborted.ts';

export type { RedisClient } from './redis-connection.ts';
export type { RedisSubscriber } from './redis-subscriptions.ts';

export interface RedisOptions {
  /** `redis://` or `rediss://`. It may contain a password, so it never appears in a log or an error. */
  readonly url: string;
  readonly clock: Pick<Clock, 'deadline' | 'sleep' | 'monotonicMs'>;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  /** Returns a random number from 0 to below 1. @default Math.random */
  readonly random?: () => number;
}

/** State of Redis as this replica observes it. */
export type RedisState =
  | 'ready'
  /** A connection is being established, or the last reply did not arrive in time. */
  | 'away'
  /** Redis is reachable but cannot serve, because it is full, is a read-only replica, or denies permission. */
  | 'rejecting';

/**
 * One Redis server, over one connection for commands and one for subscriptions. Redis Cluster is not supported, because
 * scripts use keys of any hash slot.
 */
export interface Redis extends AsyncDisposable {
  /** It returns to `ready` by itself. */
  readonly state: RedisState;
  /**
   * Sends commands. They fail at once while Redis is unreachable, because none is queued for later.
   * @throws {RedisUnavailableError} no reply arrived, or the reply means that Redis cannot serve now. The commands
   *   may have been executed.
   * @throws {ErrorReply} the command itself was wrong
   */
  send<Reply>(commands: (client: RedisClient) => Promise<Reply>): Promise<Reply>;
  /** Subscribes to a channel until the result is disposed of. */
  subscribe(channel: string, subscriber: RedisSubscriber): Disposable;
}

/** Thrown when Redis is unreachable, does not reply in time, or cannot serve. */
export class RedisUnavailableError extends Error {
  override readonly name = 'RedisUnavailableError';
}

/** A Lua program. Redis executes it atomically. */
export interface RedisScript {
  readonly source: string;
  readonly sha1: string;
}

export const redisScript = (source: string): RedisScript => ({
  source,
  sha1: createHash('sha1').update(source).digest('hex'),
});

/** Runs a script by its digest, or by its text if the server does not know it (after a restart). */
export async function runScript(
  client: RedisClient,
  { source, sha1 }: RedisScript,
  keys: readonly string[],
  values: readonly string[],
): Promise<unknown> {
  const options = { keys: [...keys], arguments: [...values] };
  try {
    return await client.evalSha(sha1, options);
  } catch (error) {
    if (!(error instanceof ErrorReply) || !error.message.startsWith('NOSCRIPT')) throw error;
    return client.eval(source, options);
  }
}

/**
 * Maximum time for one reply, in milliseconds. The server takes less than a few milliseconds for the commands of the
 * gateway.
 */
const replyTimeoutMs = 3_000;
/** Interval of the attempts to write while Redis rejects commands, in milliseconds. */
const probePauseMs = 1_000;
/**
 * Redis counts as ready again when it accepts a write and has not rejected a command for this time, in milliseconds.
 */
const calmMs = 3_000;

/** Replies to a wrong command. All other error replies mean that the server cannot serve. */
const wrongCommand = /^(?:ERR|WRONGTYPE|NOSCRIPT)\b/;
/** A missing permission inside a script has the code ERR. Redis 7.2 and later use the first text. */
const deniedInScript = /^ERR (?:ACL failure in script|The user executing the script can't)\b/;
/** The server has become a replica, because another one is the master now. */
const demoted = /^(?:READONLY|MASTERDOWN)\b/;

const saysUnavailable = ({ message }: ErrorReply): boolean =>
  !wrongCommand.test(message) || deniedInScript.test(message);

/**
 * Needs everything that a script needs: memory, enough replicas, a writable disk, the role of a master, and
 * permissions.
 */
const probe = redisScript("redis.call('SET', KEYS[1], '', 'PX', 1000)");
const probeKey = 'aep:probe';

/** Connects in the background. The gateway starts without its Redis, and reconnects whenever the connection is lost. */
export function startRedis(options: RedisOptions): Redis {
  return new RedisServer(options);
}

class RedisServer implements Redis {
  readonly #options: RedisOptions;
  readonly #commands: RedisConnection;
  readonly #subscriptions: RedisSubscriptions;
  readonly #closed = new AbortController();
  /** Rejections since Redis began to reject commands; null while it accepts them. */
  #rejections: { lastMs: number; restarts: number } | null = null;
  /** Whether the last commands on the current connection received no reply in time. */
  #isSlow = false;

  constructor(options: RedisOptions) {
    this.#options = options;
    const connection = {
      ...options,
      random: options.random ?? Math.random,
      onRejected: (error: unknown) => this.#noteRejection(error),
    };
    const onReady = () => {
      this.#isSlow = false;
    };
    this.#commands = new RedisConnection({ ...connection, purpose: 'commands', onReady });
    this.#subscriptions = new RedisSubscriptions(connection);
  }

  get state(): RedisState {
    // An unreachable server counts as away even if it rejected commands before, because it can return at another
    // address, or without the reason for the rejections.
    if (this.#commands.isAway) return 'away';
    if (this.#rejections !== null) return 'rejecting';
    return this.#commands.isReady && this.#subscriptions.isReady && !this.#isSlow ? 'ready' : 'away';
  }

  async send<Reply>(commands: (client: RedisClient) => Promise<Reply>): Promise<Reply> {
    using deadline = this.#options.clock.deadline(replyTimeoutMs);
    try {
      return await untilAborted(commands(this.#commands.client), deadline.signal);
    } catch (error) {
      if (error instanceof ErrorReply) {
        if (!saysUnavailable(error)) throw error;
        this.#noteRejection(error);
      }
      throw new RedisUnavailableError('Redis is unavailable.', { cause: error });
    } finally {
      this.#isSlow = deadline.signal.aborted;
    }
  }

  subscribe(channel: string, subscriber: RedisSubscriber): Disposable {
    return this.#subscriptions.subscribe(channel, subscriber);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    this.#commands.close();
    this.#subscriptions.close();
  }

  #noteRejection(error: unknown): void {
    const { clock, logger } = this.#options;
    const lastMs = clock.monotonicMs();
    if (this.#rejections === null) {
      logger.warn({ err: error }, 'Redis rejects commands');
      this.#rejections = { lastMs, restarts: 0 };
      void this.#awaitAcceptance();
    }
    this.#rejections.lastMs = lastMs;
    // The connections stay open when a server is demoted, so they are restarted. The address may lead to the new
    // master.
    if (error instanceof ErrorReply && demoted.test(error.message)) this.#reconnect(this.#rejections);
  }

  #reconnect(rejections: { restarts: number }): void {
    if (!this.#commands.isReady) return;
    const restart = { attempt: rejections.restarts };
    rejections.restarts += 1;
    this.#commands.restart(restart);
    this.#subscriptions.restart(restart);
  }

  async #awaitAcceptance(): Promise<void> {
    const { clock, logger } = this.#options;
    const { signal } = this.#closed;
    while (!signal.aborted && this.#rejections !== null) {
      await clock.sleep(probePauseMs, signal).catch(() => undefined);
      const isAccepted = await this.send((client) => runScript(client, probe, [probeKey], [])).then(
        () => true,
        () => false,
      );
      if (!isAccepted || clock.monotonicMs() - this.#rejections.lastMs < calmMs) continue;
      this.#rejections = null;
      logger.info({}, 'Redis accepts commands again');
    }
  }
}
