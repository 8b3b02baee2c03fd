import type { QuietListener, QuietStream } from '../runtime/quiet-stream.ts';
import type { ResultReceiver } from './direct-results.ts';
import { type ExecutionGroup, PendingResult } from './execution-group.ts';

export interface SharedFlowOptions {
  readonly events: QuietStream<unknown>;
  readonly group: ExecutionGroup;
  /** Disposed of when the subscription has ended, whoever ended it. */
  readonly place: Disposable;
}

/**
 * What one subscriber is told, as SharedStream, for a transport that takes it as it comes: a silent subscription is then
 * a few small objects.
 */
export class SharedFlow implements QuietListener {
  readonly #events: QuietStream<unknown>;
  readonly #group: ExecutionGroup;
  readonly #place: Disposable;
  #receiver: ResultReceiver | null = null;
  /** A result that is waited for. */
  #pending: PendingResult | null = null;
  #ended = false;

  constructor({ events, group, place }: SharedFlowOptions) {
    this.#events = events;
    this.#group = group;
    this.#place = place;
    group.join();
  }

  /** To be called once. */
  start(receiver: ResultReceiver): void {
    this.#receiver = receiver;
    this.#events.listen(this);
    this.onValues();
  }

  /** Ends the subscription; its receiver hears no more. */
  stop(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#group.leave();
    this.#pending?.leave();
    this.#place[Symbol.dispose]();
    void this.#events.return();
  }

  onValues(): void {
    const receiver = this.#receiver;
    if (receiver === null) return;
    try {
      while (!this.#ended) {
        const taken = this.#events.take();
        if (taken === null) return;
        if (taken.done === true) {
          this.stop();
          receiver.complete();
          return;
        }
        const result = this.#group.resultOf(taken.value);
        const wait = result instanceof PendingResult ? this.#tell(result, receiver) : receiver.next(result);
        if (wait === undefined) continue;
        void this.#goOnAfter(wait, receiver);
        return;
      }
    } catch (error) {
      this.#fail(error, receiver);
    }
  }

  async #tell(pending: PendingResult, receiver: ResultReceiver): Promise<void> {
    this.#pending = pending;
    const result = await pending.wait().finally(() => {
      this.#pending = null;
    });
    if (!this.#ended) await receiver.next(result);
  }

  async #goOnAfter(wait: Promise<void>, receiver: ResultReceiver): Promise<void> {
    try {
      await wait;
    } catch (error) {
      this.#fail(error, receiver);
    }
    this.onValues();
  }

  #fail(error: unknown, receiver: ResultReceiver): void {
    if (this.#ended) return;
    this.stop();
    receiver.fail(error);
  }
}
