import type { ExecutionResult } from 'graphql';
import type { DirectDelivery } from './direct-delivery.ts';
import { type ExecutionGroup, PendingResult, type SubscriptionArgs } from './execution-group.ts';
import { SharedResult } from './shared-result.ts';

const end: IteratorReturnResult<undefined> = { done: true, value: undefined };

export interface SharedStreamOptions {
  readonly events: AsyncIterator<unknown>;
  readonly group: ExecutionGroup;
  readonly args: SubscriptionArgs;
  /** Takes the shared results; whoever reads the stream then gets what is left: errors, and the end. */
  readonly deliver: DirectDelivery | null;
}

/** What one subscriber is told: the results of its group for the events of its own source. Read one after the other. */
export class SharedStream implements AsyncIterableIterator<ExecutionResult, undefined> {
  readonly #events: AsyncIterator<unknown>;
  readonly #group: ExecutionGroup;
  readonly #args: SubscriptionArgs;
  readonly #deliver: DirectDelivery | null;
  #pending: PendingResult | null = null;
  #left = false;

  constructor({ events, group, args, deliver }: SharedStreamOptions) {
    this.#events = events;
    this.#group = group;
    this.#args = args;
    this.#deliver = deliver;
    group.join();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<ExecutionResult, undefined>> {
    try {
      for (;;) {
        const { done, value: event } = await this.#events.next();
        if (done === true) this.#leave();
        if (this.#left) return end;
        const result = this.#group.resultOf(event, this.#args);
        const value = result instanceof PendingResult ? await this.#wait(result) : result;
        if (this.#left) return end;
        if (this.#deliver === null || !(value instanceof SharedResult)) return { done: false, value };
        const full = this.#deliver(value);
        if (full !== undefined) await full;
      }
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
