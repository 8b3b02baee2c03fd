import type { Clock } from './clock.ts';
import { Counts } from './counts.ts';
import { FairQueue } from './fair-queue.ts';

export interface FairSlotsOptions {
  /** Number of slots of all owners together. */
  readonly total: number;
  /** Maximum number of slots of one owner. */
  readonly perOwner: number;
  /** Maximum number of waiting requests of one owner. Further requests are rejected. */
  readonly waitingPerOwner: number;
  /** Longest time that a request waits, in milliseconds. */
  readonly maxWaitMs: number;
  readonly clock: Pick<Clock, 'deadline'>;
  /** Creates the error of a request that is rejected, because too many wait or no slot was free in time. */
  readonly tooBusy: () => Error;
}

interface Waiting {
  readonly owner: string;
  /** Called once, when it is the turn of this request. */
  go(): void;
}

/**
 * Slots that owners share. A free slot goes to the waiting owners in turn, so that an owner who requests many delays
 * the others by one slot at most.
 */
export class FairSlots {
  readonly #options: FairSlotsOptions;
  readonly #held = new Counts();
  readonly #waiting = new FairQueue<Waiting>();
  #total = 0;

  constructor(options: FairSlotsOptions) {
    this.#options = options;
  }

  /** Numbers of held slots, of owners that hold a slot, and of waiting requests. */
  get size(): { readonly held: number; readonly owners: number; readonly waiting: number } {
    return { held: this.#total, owners: this.#held.size, waiting: this.#waiting.size };
  }

  /**
   * Waits for a slot. The caller holds it until it disposes the result.
   * @throws the error of `tooBusy`: too many requests of this owner are waiting, or no slot was free in time
   * @throws the reason of `signal`, when it aborts before a slot is free
   */
  async take(owner: string, signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    if (this.#mayHold(owner)) return this.#grant(owner);
    if (this.#waiting.sizeOf(owner) >= this.#options.waitingPerOwner) throw this.#options.tooBusy();
    return await this.#wait(owner, signal);
  }

  async #wait(owner: string, signal: AbortSignal): Promise<Disposable> {
    using deadline = this.#options.clock.deadline(this.#options.maxWaitMs);
    return await new Promise((resolve, reject) => {
      const end = () => {
        this.#waiting.delete(owner, waiting);
        signal.removeEventListener('abort', leave);
        deadline.signal.removeEventListener('abort', giveUp);
      };
      const fail = (reason: unknown) => {
        end();
        reject(reason);
      };
      const leave = () => fail(signal.reason);
      const giveUp = () => fail(this.#options.tooBusy());
      const waiting: Waiting = {
        owner,
        go: () => {
          end();
          resolve(this.#grant(owner));
        },
      };
      this.#waiting.add(owner, waiting);
      signal.addEventListener('abort', leave);
      deadline.signal.addEventListener('abort', giveUp);
    });
  }

  #mayHold(owner: string): boolean {
    return this.#total < this.#options.total && this.#held.of(owner) < this.#options.perOwner;
  }

  #grant(owner: string): Disposable {
    this.#change(owner, 1);
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#change(owner, -1);
        this.#waiting.take((next) => this.#mayHold(next.owner))?.go();
      },
    };
  }

  #change(owner: string, difference: 1 | -1): void {
    this.#held.add(owner, difference);
    this.#total += difference;
  }
}
