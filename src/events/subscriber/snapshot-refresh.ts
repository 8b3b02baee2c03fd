import type { Clock } from '../../runtime/clock.ts';

/** A live view that can send its current state again. */
export interface Confirmable {
  /** Sends the current state, unless other events are waiting. */
  confirm(): void;
}

export interface StateConfirmationsOptions {
  readonly clock: Pick<Clock, 'sleep'>;
  /** Pause between two confirmations, in milliseconds; null: no confirmations are sent. */
  readonly intervalMs: number | null;
}

/**
 * Lets live views send their state again at intervals, for clients behind a router that joined a stream after its
 * beginning. One timer serves all views, and none is left when there are no views.
 */
export class SnapshotRefresher {
  readonly #options: StateConfirmationsOptions;
  readonly #views = new Set<Confirmable>();
  /** Null while there are no views, because the reason of an abort would keep the last view in memory. */
  #waiting: AbortController | null = null;

  constructor(options: StateConfirmationsOptions) {
    this.#options = options;
  }

  add(view: Confirmable): void {
    this.#views.add(view);
    const { intervalMs } = this.#options;
    if (intervalMs !== null && this.#views.size === 1) void this.#run(intervalMs);
  }

  delete(view: Confirmable): void {
    this.#views.delete(view);
    if (this.#views.size > 0) return;
    this.#waiting?.abort();
    this.#waiting = null;
  }

  async #run(intervalMs: number): Promise<void> {
    const waiting = new AbortController();
    this.#waiting = waiting;
    for (;;) {
      try {
        await this.#options.clock.sleep(intervalMs, waiting.signal);
      } catch (error) {
        if (waiting.signal.aborted) return;
        throw error;
      }
      for (const view of this.#views) view.confirm();
    }
  }
}
