import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Lease } from './poll-coordinator.ts';

export interface RedisLeaseOptions {
  readonly term: number;
  /** For how long it holds after each renewal, in milliseconds. */
  readonly leaseMs: number;
  /** When the granting of it was asked for, in milliseconds of the clock: it holds from then on or from later. */
  readonly askedAtMs: number;
  readonly clock: Pick<Clock, 'now' | 'sleep'>;
  readonly logger: Pick<Logger, 'debug'>;
  /** @returns whether it still was this replica's */
  readonly renew: () => Promise<boolean>;
  readonly giveBack: () => Promise<void>;
  /** Called once, when it is lost or given back. */
  readonly onEnd: () => void;
}

/** It is renewed so many times while it holds. */
const renewalsPerLease = 3;
/** After a renewal that failed the next one follows this many times sooner. */
const haste = 4;
/** The part of its time before the end in which the holder stands still already: clocks differ. */
const safety = 1 / 10;

/**
 * A lease that Redis takes back by itself unless it is renewed. A holder that cannot renew it counts it as lost before
 * anybody else can have it.
 */
export class RedisLease implements Lease {
  readonly term: number;
  readonly #options: RedisLeaseOptions;
  readonly #lost = new AbortController();
  readonly #ended = new AbortController();
  #validUntilMs: number;

  constructor(options: RedisLeaseOptions) {
    this.#options = options;
    this.term = options.term;
    this.#validUntilMs = options.askedAtMs + options.leaseMs;
    void this.#keep();
    void this.#watch();
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async release(): Promise<void> {
    if (this.#ended.signal.aborted) return;
    this.#end();
    try {
      await this.#options.giveBack();
    } catch (err) {
      this.#options.logger.debug({ term: this.term, err }, 'poll lease not given back: it runs out');
    }
  }

  async #keep(): Promise<void> {
    const { leaseMs, renew, clock } = this.#options;
    const pauseMs = leaseMs / renewalsPerLease;
    let nextInMs = pauseMs;
    while (await this.#slept(nextInMs)) {
      const askedAtMs = clock.now().getTime();
      try {
        if (!(await renew())) this.#lose();
        this.#validUntilMs = askedAtMs + leaseMs;
        nextInMs = pauseMs;
      } catch (err) {
        nextInMs = pauseMs / haste;
        this.#options.logger.debug({ term: this.term, err }, 'poll lease not renewed');
      }
    }
  }

  async #watch(): Promise<void> {
    const { leaseMs, clock } = this.#options;
    const leftMs = () => this.#validUntilMs - leaseMs * safety - clock.now().getTime();
    while (leftMs() > 0) if (!(await this.#slept(leftMs()))) return;
    this.#lose();
  }

  /** @returns false when the lease has ended meanwhile */
  async #slept(ms: number): Promise<boolean> {
    await this.#options.clock.sleep(ms, this.#ended.signal).catch(() => undefined);
    return !this.#ended.signal.aborted;
  }

  #lose(): void {
    if (this.#ended.signal.aborted) return;
    this.#end();
    this.#lost.abort();
  }

  #end(): void {
    this.#ended.abort();
    this.#options.onEnd();
  }
}
