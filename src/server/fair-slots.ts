import { RateLimitedError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';

export interface FairSlotsOptions {
  /** Slots of all owners together. */
  readonly total: number;
  /** Slots that one owner may hold. */
  readonly perOwner: number;
  /** Requests for a slot that may wait for one owner. More are rejected. */
  readonly waitingPerOwner: number;
  /** Longest time that a request waits, in milliseconds. */
  readonly maxWaitMs: number;
  readonly clock: Pick<Clock, 'deadline'>;
}

interface Owner {
  held: number;
  readonly waiting: Set<() => void>;
}

/**
 * Slots that owners share. A free slot goes to the waiting owners in turn, so that an owner who requests many delays
 * the others by one slot at most.
 */
export class FairSlots {
  readonly #options: FairSlotsOptions;
  /** In the order in which the owners have their turns. An owner without slots and requests has no entry. */
  readonly #owners = new Map<string, Owner>();
  #held = 0;

  constructor(options: FairSlotsOptions) {
    this.#options = options;
  }

  /** Slots that are held, and owners that hold or want one. */
  get size(): { readonly held: number; readonly owners: number } {
    return { held: this.#held, owners: this.#owners.size };
  }

  /**
   * Waits for a slot. The caller holds it until it disposes the result.
   * @throws {RateLimitedError} too many requests of this owner are waiting, or no slot was free in time
   * @throws the reason of `signal`, when it aborts before a slot is free
   */
  async take(name: string, signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    const owner = this.#owners.get(name) ?? { held: 0, waiting: new Set() };
    this.#owners.set(name, owner);
    if (this.#mayHold(owner)) return this.#grant(name, owner);
    if (owner.waiting.size >= this.#options.waitingPerOwner) throw tooBusy();
    return await this.#wait(name, owner, signal);
  }

  async #wait(name: string, owner: Owner, signal: AbortSignal): Promise<Disposable> {
    using deadline = this.#options.clock.deadline(this.#options.maxWaitMs);
    return await new Promise((resolve, reject) => {
      const end = () => {
        owner.waiting.delete(turn);
        signal.removeEventListener('abort', leave);
        deadline.signal.removeEventListener('abort', giveUp);
      };
      const turn = () => {
        end();
        resolve(this.#grant(name, owner));
      };
      const fail = (reason: unknown) => {
        end();
        this.#forgetIfIdle(name, owner);
        reject(reason);
      };
      const leave = () => fail(signal.reason);
      const giveUp = () => fail(tooBusy());
      owner.waiting.add(turn);
      signal.addEventListener('abort', leave);
      deadline.signal.addEventListener('abort', giveUp);
    });
  }

  #mayHold({ held }: Owner): boolean {
    return this.#held < this.#options.total && held < this.#options.perOwner;
  }

  #grant(name: string, owner: Owner): Disposable {
    owner.held += 1;
    this.#held += 1;
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        owner.held -= 1;
        this.#held -= 1;
        this.#forgetIfIdle(name, owner);
        this.#next();
      },
    };
  }

  #next(): void {
    for (const [name, owner] of this.#owners) {
      const [turn] = owner.waiting;
      if (turn === undefined || !this.#mayHold(owner)) continue;
      // Its next turn comes after those of all others.
      this.#owners.delete(name);
      this.#owners.set(name, owner);
      turn();
      return;
    }
  }

  #forgetIfIdle(name: string, { held, waiting }: Owner): void {
    if (held === 0 && waiting.size === 0) this.#owners.delete(name);
  }
}

const tooBusy = () =>
  new RateLimitedError({ message: 'Too many requests are waiting for routers to respond to callbacks.' });
