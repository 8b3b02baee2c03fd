import type { ExecutionResult } from 'graphql';
import { type ExecutionGroup, PendingResult } from './execution-group.ts';

const end: IteratorReturnResult<undefined> = { done: true, value: undefined };

export interface SharedStreamOptions {
  readonly events: AsyncIterator<unknown>;
  readonly group: ExecutionGroup;
  /** Disposed of when the subscription has ended, whoever ended it. */
  readonly place: Disposable;
}

/** What one subscriber is told: the results of its group for the events of its own source. Read one after the other. */
export class SharedStream implements AsyncIterableIterator<ExecutionResult, undefined> {
  readonly #events: AsyncIterator<unknown>;
  readonly #group: ExecutionGroup;
  readonly #place: Disposable;
  #pending: PendingResult | null = null;
  #left = false;

  constructor({ events, group, place }: SharedStreamOptions) {
    this.#events = events;
    this.#group = group;
    this.#place = place;
    group.join();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<ExecutionResult, undefined>> {
    try {
      const { done, value: event } = await this.#events.next();
      if (done === true) this.#leave();
      if (this.#left) return end;
      const result = this.#group.resultOf(event);
      const value = result instanceof PendingResult ? await this.#wait(result) : result;
      return this.#left ? end : { done: false, value };
    } catch (error) {
      await this.return();
      throw error;
    }
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#leave();
    await this.#events.return?.();
    return end;
  }

  async #wait(result: PendingResult): Promise<ExecutionResult> {
    this.#pending = result;
    try {
      return await result.wait();
    } finally {
      this.#pending = null;
    }
  }

  #leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#group.leave();
    this.#pending?.leave();
    this.#place[Symbol.dispose]();
  }
}
