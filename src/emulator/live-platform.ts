import { setMaxListeners } from 'node:events';
import type { Platform } from './http/operation.ts';
import type { OpenPlatform } from './open-platform.ts';
import { Permits } from './store/permits.ts';
import type { IssuedTokens } from './store/platform-store-tokens.ts';

/** Steps of a reset. */
export interface LivePlatformOptions {
  /** Opens a platform. @param tokens tokens issued before a reset, which stay valid */
  open(tokens: IssuedTokens, signal: AbortSignal | undefined): Promise<OpenPlatform>;
  /** Removes the old state and restores all settings. It is called while no platform is open. */
  clear(): Promise<void>;
}

/** Thrown for requests while there is no state because a reset has failed. */
export class NoPlatformError extends Error {
  override readonly name = 'NoPlatformError';
}

interface Current extends OpenPlatform {
  /** Aborts when the platform is about to be closed. */
  readonly ending: AbortController;
  readonly requests: Set<Promise<unknown>>;
}

/** The platform that currently answers requests. A reset replaces it. */
export class LivePlatform {
  readonly #options: LivePlatformOptions;
  readonly #changes = new Permits(1);
  readonly #closing = new AbortController();
  #current: Current | null;
  /** Settles when the running reset has ended; null when none runs. */
  #reset: Promise<void> | null = null;
  /** Settles when the running clock move has ended; null when none runs. */
  #move: Promise<void> | null = null;

  private constructor(options: LivePlatformOptions, opened: OpenPlatform) {
    this.#options = options;
    this.#current = currentOf(opened);
  }

  static async open(options: LivePlatformOptions, signal: AbortSignal | undefined): Promise<LivePlatform> {
    return new LivePlatform(options, await options.open(new Map(), signal));
  }

  /**
   * Answers a request with the current platform; during a reset, with the next platform.
   * @param isWrite whether the request can start work. Such requests wait for a running clock move to end. Otherwise,
   *   clients that keep creating jobs would prevent the clock from reaching its target time.
   * @param answer receives a signal that aborts when a reset is about to close the platform; the reset then waits for
   *   the answer
   * @throws {NoPlatformError} after a reset that failed
   */
  async use<T>(isWrite: boolean, answer: (platform: Platform, ending: AbortSignal) => Promise<T>): Promise<T> {
    while (this.#reset !== null || (isWrite && this.#move !== null)) await (this.#reset ?? this.#move);
    const current = this.#current;
    if (current === null) throw new NoPlatformError('The last reset failed. Reset the emulator again.');
    const answering = answer(current.platform, current.ending.signal);
    current.requests.add(answering);
    try {
      return await answering;
    } finally {
      current.requests.delete(answering);
    }
  }

  /** Moves the clock of the platform. @param move receives a signal that aborts when the emulator closes */
  moveClock(move: (closing: AbortSignal) => Promise<void>): Promise<void> {
    return this.#change(async (closing) => {
      const moving = move(closing);
      this.#move = moving.catch(() => undefined);
      try {
        await moving;
      } finally {
        this.#move = null;
      }
    });
  }

  /**
   * Replaces the platform with a new one. Requests in progress complete first.
   * @throws when the new state cannot be created; requests then fail until a reset succeeds
   */
  reset(): Promise<void> {
    return this.#change(async (closing) => {
      const replacing = this.#replace(closing);
      this.#reset = replacing.catch(() => undefined);
      try {
        await replacing;
      } finally {
        this.#reset = null;
      }
    });
  }

  /** Ends requests and a running reset, then closes the platform. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('The emulator closes.'));
    await this.#reset;
    await this.#end();
  }

  /** Serializes changes that replace the platform. */
  #change(change: (closing: AbortSignal) => Promise<void>): Promise<void> {
    return this.#changes.hold(() => change(this.#closing.signal), this.#closing.signal);
  }

  async #replace(closing: AbortSignal): Promise<void> {
    const tokens = this.#current?.platform.tokens.issued() ?? new Map();
    await this.#end();
    await this.#options.clear();
    this.#current = currentOf(await this.#options.open(tokens, closing));
  }

  async #end(): Promise<void> {
    const current = this.#current;
    if (current === null) return;
    this.#current = null;
    current.ending.abort(new Error('The platform is reset.'));
    await Promise.allSettled(current.requests);
    await current.lifecycle.close();
  }
}

function currentOf(opened: OpenPlatform): Current {
  const ending = new AbortController();
  // Each request adds a listener, and Node would report more than ten listeners as a leak.
  setMaxListeners(0, ending.signal);
  return { ...opened, ending, requests: new Set() };
}
