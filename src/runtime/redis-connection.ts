import { createClient, ErrorReply, type RedisClientType } from '@redis/client';
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';

export type RedisClient = RedisClientType;

export interface RedisConnectionOptions {
  /** `redis://` or `rediss://`. It may contain a password, so that no log and no error contains it. */
  readonly url: string;
  /** Named in the log. */
  readonly purpose: string;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  /** Chance, between 0 and 1. */
  readonly random: () => number;
  readonly onReady?: (() => void) | undefined;
  /** Called once for each `onReady`. */
  readonly onLost?: (() => void) | undefined;
  /** The reply to a ping, or to a command with which the connection begins, is an error. */
  readonly onRejected: (error: unknown) => void;
}

/** A connection that is silent for longer is given up, in milliseconds. Pings are more frequent. */
const silenceTimeoutMs = 5_000;
const pingIntervalMs = 2_000;
const connectTimeoutMs = 3_000;
/** Pauses between attempts to connect grow up to this, in milliseconds; each is a random part of it. */
const maxReconnectPauseMs = 1_000;
const minReconnectPauseMs = 20;

/** One connection to Redis. It is made in the background, and again whenever it was lost. */
export class RedisConnection {
  readonly client: RedisClient;
  readonly #options: RedisConnectionOptions;
  readonly #closed = new AbortController();
  #isReady = false;
  /** No second line for the same loss. */
  #isLogged = false;
  /** It is made again on purpose, which is no news in the log. */
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
      // A ping was pending when the client was destroyed on purpose.
      else if (client.isOpen) {
        this.#isRestarting = false;
        this.#lose(err);
        if (err instanceof ErrorReply) options.onRejected(err);
      }
    });
    client.on('ready', () => {
      // The client completes an attempt to connect although it was destroyed meanwhile.
      if (this.#closed.signal.aborted) {
        client.destroy();
        return;
      }
      this.#isReady = true;
      this.#isLogged = false;
      if (!this.#isRestarting) logger.info({ purpose }, 'Redis is there');
      this.#isRestarting = false;
      options.onReady?.();
    });
    this.client = client;
    this.#connect();
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** There is no connection, and not because it is made again on purpose. */
  get isAway(): boolean {
    return !this.#isReady && !this.#isRestarting;
  }

  /**
   * Connects again after a pause, which grows with the attempts. The same address may then lead to another server. Does
   * nothing while the connection is being made anyway.
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
    // It rejects only when the client is destroyed before it has connected. Failed attempts are events.
    this.client.connect().catch(() => undefined);
  }

  #lose(err: unknown): void {
    const { logger, purpose } = this.#options;
    if (!this.#isLogged) logger.warn({ err, purpose }, 'Redis is away');
    this.#isLogged = true;
    this.#drop();
  }

  #drop(): void {
    if (!this.#isReady) return;
    this.#isReady = false;
    this.#options.onLost?.();
  }

  #pauseMs(attempt: number): number {
    const longestMs = Math.min(maxReconnectPauseMs, minReconnectPauseMs * 2 ** attempt);
    return minReconnectPauseMs + this.#options.random() * longestMs;
  }
}
