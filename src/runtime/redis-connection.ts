import { createClient, ErrorReply, type RedisClientType } from '@redis/client';
import { jitteredBackoffMs } from './backoff.ts';
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';

export type RedisClient = RedisClientType;

export interface RedisConnectionOptions {
  /** `redis://` or `rediss://`. It may contain a password, so it never appears in a log or an error. */
  readonly url: string;
  /** Purpose of the connection, for the log. */
  readonly purpose: string;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  /** Returns a random number from 0 to below 1. */
  readonly random: () => number;
  readonly onReady?: (() => void) | undefined;
  /** Called once for each `onReady`. */
  readonly onLost?: (() => void) | undefined;
  /** Called when the reply to a ping, or to an initial command of the connection, is an error. */
  readonly onRejected: (error: unknown) => void;
}

/** A connection without replies for this time is dropped, in milliseconds. Pings are more frequent. */
const silenceTimeoutMs = 5_000;
const pingIntervalMs = 2_000;
const connectTimeoutMs = 3_000;
/** Shortest pause between attempts to connect, in milliseconds. A random pause is added to it. */
const minReconnectPauseMs = 20;
/** Pauses that are added, before jitter. */
const reconnectBackoff = { firstMs: minReconnectPauseMs, maxMs: 1_000 };

const neverConnected = 'Redis cannot be reached, the gateway tries again; check REDIS_URL';

/** One connection to Redis. It is established in the background, and re-established whenever it is lost. */
export class RedisConnection {
  readonly client: RedisClient;
  readonly #options: RedisConnectionOptions;
  readonly #closed = new AbortController();
  #isReady = false;
  /** Whether the current loss was logged. */
  #isLogged = false;
  /** Whether there was a connection before. */
  #wasReady = false;
  /** Whether the connection is being restarted on purpose, which is not logged. */
  #isRestarting = false;

  constructor(options: RedisConnectionOptions) {
    const { url, logger, purpose } = options;
    this.#options = options;
    const client: RedisClient = createClient({
      url,
      disableOfflineQueue: true,
      pingInterval: pingIntervalMs,
      maintNotifications: 'disabled',
      socket: {
        connectTimeout: connectTimeoutMs,
        socketTimeout: silenceTimeoutMs,
        reconnectStrategy: (retries) => this.#pauseMs(retries),
      },
    });
    client.on('error', (err: unknown) => {
      if (client.isReady) options.onRejected(err);
      // After an intentional destroy, the client reports the pending ping as an error. Only other errors are a loss.
      else if (client.isOpen) {
        this.#isRestarting = false;
        this.#lose(err);
        if (err instanceof ErrorReply) options.onRejected(err);
      }
    });
    client.on('ready', () => {
      // The client completes an attempt to connect even if it was destroyed in the meantime.
      if (this.#closed.signal.aborted) {
        client.destroy();
        return;
      }
      this.#isReady = true;
      this.#wasReady = true;
      this.#isLogged = false;
      if (!this.#isRestarting) logger.info({ purpose }, 'Redis connected');
      this.#isRestarting = false;
      options.onReady?.();
    });
    this.client = client;
    this.#connect();
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Whether there is no connection, except during an intentional restart. */
  get isAway(): boolean {
    return !this.#isReady && !this.#isRestarting;
  }

  /**
   * Reconnects after a pause that grows with the attempts. The same address may then lead to another server. Does
   * nothing while the connection is being established anyway.
   */
  restart({ attempt }: { readonly attempt: number }): void {
    if (!this.#isReady) return;
    this.#isRestarting = true;
    this.#drop();
    this.client.destroy();
    this.#options.clock.sleep(this.#pauseMs(attempt), this.#closed.signal).then(
      () => this.#connect(),
      () => undefined,
    );
  }

  close(): void {
    this.#closed.abort();
    this.client.destroy();
  }

  #connect(): void {
    // It rejects only when the client is destroyed before it has connected. Failed attempts are reported as events.
    this.client.connect().catch(() => undefined);
  }

  #lose(err: unknown): void {
    const { logger, purpose } = this.#options;
    if (!this.#isLogged) logger.warn({ err, purpose }, this.#wasReady ? 'Redis connection lost' : neverConnected);
    this.#isLogged = true;
    this.#drop();
  }

  #drop(): void {
    if (!this.#isReady) return;
    this.#isReady = false;
    this.#options.onLost?.();
  }

  #pauseMs(attempt: number): number {
    return minReconnectPauseMs + jitteredBackoffMs(reconnectBackoff, attempt + 1, this.#options.random);
  }
}
