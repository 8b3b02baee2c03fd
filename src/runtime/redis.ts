import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createClient, ErrorReply, type RedisClientType } from '@redis/client';
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';
import { untilAborted } from './until-aborted.ts';

export interface RedisOptions {
  /** `redis://` or `rediss://`. May hold a password, so it is in no log and no error. */
  readonly url: string;
  readonly clock: Pick<Clock, 'deadline'>;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  /** Chance, between 0 and 1. @default Math.random */
  readonly random?: () => number;
}

export type RedisClient = RedisClientType;

/** One connection, which comes back by itself for as long as it is not closed. */
export interface RedisConnection {
  readonly client: RedisClient;
  /** Resolves when it is there. @throws the reason of the signal */
  ready(signal: AbortSignal): Promise<void>;
}

/** A Redis server as the gateway uses it: one connection for commands, and one for calls that block. */
export interface Redis extends AsyncDisposable {
  /** For calls that wait on the server. Commands must not queue behind them. */
  readonly blocking: RedisConnection;
  /**
   * Sends commands. They fail at once while Redis is away: nothing is kept to be sent later.
   * @throws {RedisUnavailableError} no answer came, or one that says that Redis cannot serve now. What was sent may have
   *   been carried out all the same.
   * @throws {ErrorReply} the command itself was wrong
   */
  send<Reply>(commands: (client: RedisClient) => Promise<Reply>): Promise<Reply>;
}

/** Thrown when Redis could not be asked, or did not answer in time. */
export class RedisUnavailableError extends Error {
  override readonly name = 'RedisUnavailableError';
}

/** A Lua program: one step for everybody else. */
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

/** How long one answer may take, in milliseconds. Commands here take the server less than a few of them. */
const answerTimeoutMs = 3_000;
/** A connection that is silent for longer is given up, in milliseconds. It is asked for a sign of life more often. */
const silenceTimeoutMs = 5_000;
const pingIntervalMs = 2_000;
const connectTimeoutMs = 3_000;
/** Pauses between attempts to connect grow up to this, in milliseconds; each is a random part of it. */
const maxReconnectPauseMs = 1_000;
const minReconnectPauseMs = 20;

/**
 * Connects in the background, and again whenever the connection is lost: it never gives up, and a gateway starts
 * without its Redis.
 */
export function startRedis(options: RedisOptions): Redis {
  return new RedisServer(options);
}

class RedisServer implements Redis {
  readonly blocking: RedisConnection;
  readonly #commands: Connection;
  readonly #blocking: Connection;
  readonly #clock: RedisOptions['clock'];

  constructor(options: RedisOptions) {
    this.#clock = options.clock;
    this.#commands = new Connection('commands', options);
    this.#blocking = new Connection('blocking', options);
    this.blocking = this.#blocking;
  }

  async send<Reply>(commands: (client: RedisClient) => Promise<Reply>): Promise<Reply> {
    using deadline = this.#clock.deadline(answerTimeoutMs);
    try {
      return await untilAborted(commands(this.#commands.client), deadline.signal);
    } catch (error) {
      if (error instanceof ErrorReply && /^(?:ERR|WRONGTYPE|NOSCRIPT|NOPERM)\b/.test(error.message)) throw error;
      throw new RedisUnavailableError('Redis did not answer.', { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#commands.close();
    this.#blocking.close();
  }
}

class Connection implements RedisConnection {
  readonly client: RedisClient;
  #away = false;
  #closed = false;

  constructor(purpose: string, { url, logger, random = Math.random }: RedisOptions) {
    const client: RedisClient = createClient({
      url,
      disableOfflineQueue: true,
      pingInterval: pingIntervalMs,
      maintNotifications: 'disabled',
      socket: {
        connectTimeout: connectTimeoutMs,
        socketTimeout: silenceTimeoutMs,
        reconnectStrategy: (retries) =>
          minReconnectPauseMs + random() * Math.min(maxReconnectPauseMs, minReconnectPauseMs * 2 ** retries),
      },
    });
    client.on('error', (err: unknown) => {
      if (this.#away) return;
      this.#away = true;
      logger.warn({ err, purpose }, 'Redis is away');
    });
    client.on('ready', () => {
      // The client does not give up a connection that was being made when it was closed.
      if (this.#closed) client.destroy();
      this.#away = false;
      logger.info({ purpose }, 'Redis is there');
    });
    // It rejects only when it is closed before it was there; every failed attempt comes as an event.
    client.connect().catch(() => undefined);
    this.client = client;
  }

  async ready(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    while (!this.client.isReady) {
      // It also ends with the error of an attempt in vain, after which the client makes the next one.
      await once(this.client, 'ready', { signal }).catch(() => signal.throwIfAborted());
    }
  }

  close(): void {
    this.#closed = true;
    this.client.destroy();
  }
}
