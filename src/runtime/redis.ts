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
  /** `redis://` or `rediss://`. It may contain a password, so that no log and no error contains it. */
  readonly url: string;
  readonly clock: Pick<Clock, 'deadline' | 'sleep' | 'monotonicMs'>;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  /** Chance, between 0 and 1. @default Math.random */
  readonly random?: () => number;
}

/** What a replica knows about its Redis. */
export type RedisState =
  | 'ready'
  /** A connection is being made, or the last reply did not arrive in time. */
  | 'away'
  /** Redis is reachable and cannot serve: it is full, a replica of another server, or denies permission. */
  | 'rejecting';

/**
 * One Redis server, over one connection for commands and one for subscriptions. Redis Cluster is not supported: scripts
 * use keys of any slot.
 */
export interface Redis extends AsyncDisposable {
  /** It returns to `ready` by itself. */
  readonly state: RedisState;
  /**
   * Sends commands. They fail at once while Redis is away: none is kept for later.
   * @throws {RedisUnavailableError} no reply arrived, or one that says that Redis cannot serve now. The commands may have
   *   been executed.
   * @throws {ErrorReply} the command itself was wrong
   */
  send<Reply>(commands: (client: RedisClient) => Promise<Reply>): Promise<Reply>;
  /** Subscribes to a channel until the result is disposed of. */
  subscribe(channel: string, subscriber: RedisSubscriber): Disposable;
}

/** Thrown when Redis cannot be reached, does not reply in time, or cannot serve. */
export class RedisUnavailableError extends Error {
  override readonly name = 'RedisUnavailableError';
}

/** A Lua program. Redis runs it as one step. */
export interface RedisScript {
  readonly source: string;
  readonly sha1: string;
}

export const redisScript = (source: string): RedisScript => ({
  source,
  sha1: createHash('sha1').update(source).digest('hex'),
});

/** Runs a script by its digest, with its text where the server does not know it (after a restart). */
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

/** How long one reply may take, in milliseconds. Commands here take the server less than a few of them. */
const replyTimeoutMs = 3_000;
/** Pause between two attempts to write while Redis rejects commands, in milliseconds. */
const probePauseMs = 1_000;
/** Redis is ready again when it accepts a write and has rejected nothing for this time, in milliseconds. */
const calmMs = 3_000;

/** Replies to a wrong command. All others say that the server cannot serve. */
const wrongCommand = /^(?:ERR|WRONGTYPE|NOSCRIPT)\b/;
/** A missing permission inside a script has the code ERR: in Redis 7.2 and later with the first text. */
const deniedInScript = /^ERR (?:ACL failure in script|The user executing the script can't)\b/;
/** The server is a replica now: another one has become the master. */
const demoted = /^(?:READONLY|MASTERDOWN)\b/;

const saysUnavailable = ({ message }: ErrorReply): boolean =>
  !wrongCommand.test(message) || deniedInScript.test(message);

/** Needs what every script needs: memory, enough replicas, a writable disk, the role of a master, permissions. */
const probe = redisScript("redis.call('SET', KEYS[1], '', 'PX', 1000)");
const probeKey = 'aep:probe';

/** Connects in the background. The gateway starts without its Redis, and connects again whenever it was lost. */
export function startRedis(options: RedisOptions): Redis {
  return new RedisServer(options);
}

class RedisServer implements Redis {
  readonly #options: RedisOptions;
  readonly #commands: RedisConnection;
  readonly #subscriptions: RedisSubscriptions;
  readonly #closed = new AbortController();
  /** Since Redis began to reject commands; null while it accepts them. */
  #rejections: { lastMs: number; restarts: number } | null = null;
  /** The last commands on the present connection have received no reply in time. */
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
    // A server that rejected commands before it was lost can also come back elsewhere, or without the reason for it.
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
    // The connections stay open when a server is demoted. Its address may lead to the new master.
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
