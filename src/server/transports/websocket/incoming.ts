import type { HeldMemory, MemoryHolder } from '../../../observation/operation-record.ts';

/** Size up to which an incomplete message is not counted, in bytes. A chunk can contain many complete messages. */
const uncountedBytes = 128 * 1_024;

export type HoldMemory = (caller: MemoryHolder) => HeldMemory;

/**
 * Counts the bytes of the message that has not completely arrived on one socket, because ws keeps them for as long as
 * the client sends the rest, and a client can have thousands of sockets.
 */
export class IncompleteMessage {
  readonly #holdMemory: HoldMemory;
  /** Null before the caller is authenticated. */
  #caller: MemoryHolder | null = null;
  #held: HeldMemory | null = null;
  #bytes = 0;

  constructor(holdMemory: HoldMemory) {
    this.#holdMemory = holdMemory;
  }

  belongsTo(caller: MemoryHolder): void {
    this.#caller = caller;
  }

  /** @throws {RateLimitedError} the requests in progress of the caller are too large */
  grow(bytes: number): void {
    this.#bytes += bytes;
    // Before authentication, the time and the size of a message have a bound.
    if (this.#bytes <= uncountedBytes || this.#caller === null) return;
    if (this.#held !== null) {
      this.#held.grow(bytes);
      return;
    }
    this.#held = this.#holdMemory(this.#caller);
    this.#held.grow(this.#bytes);
  }

  /** A frame that is not part of a message has arrived. */
  exclude(bytes: number): void {
    this.#bytes = Math.max(0, this.#bytes - bytes);
  }

  /** The message is complete, or its socket is closed. */
  end(): void {
    this.#held?.[Symbol.dispose]();
    this.#held = null;
    this.#bytes = 0;
  }
}
