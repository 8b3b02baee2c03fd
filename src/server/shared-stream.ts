import type { ExecutionResult } from 'graphql';
import { type ExecutionGroup, PendingResult, type SubscriptionArgs } from './execution-group.ts';

const end: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** What one subscriber is told: the results of its group for the events of its own source. Read one after the other. */
export class SharedStream implements AsyncIterableIterator<ExecutionResult, undefined> {
  readonly #events: AsyncIterator<unknown>;
  readonly #group: ExecutionGroup;
  readonly #args: SubscriptionArgs;
  #pending: PendingResult | null = null;
  #left = false;

  constructor(events: AsyncIterator<unknown>, group: ExecutionGroup, args: SubscriptionArgs) {
    this.#events = events;
    this.#group = group;
    this.#args = args;
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
      const result = this.#group.resultOf(event, this.#args);
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
  }
}
