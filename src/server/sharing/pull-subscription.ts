import type { ExecutionResult } from 'graphql';
import type { GroupMember } from './group-member.ts';

const end: IteratorReturnResult<undefined> = { done: true, value: undefined };

export interface PullSubscriptionOptions {
  readonly events: AsyncIterator<unknown>;
  readonly member: GroupMember;
  /** Aborts when the client has left. The events then end. */
  readonly signal: AbortSignal;
}

/** The results of one subscriber, pulled one by one. Its group executes the events of its source. */
export class PullSubscription implements AsyncIterableIterator<ExecutionResult, undefined> {
  readonly #events: AsyncIterator<unknown>;
  readonly #member: GroupMember;
  readonly #signal: AbortSignal;
  /** A transport that waits for a result does not return the stream before the result is there. */
  readonly #onAbort = () => this.#leave();

  constructor({ events, member, signal }: PullSubscriptionOptions) {
    this.#events = events;
    this.#member = member;
    this.#signal = signal;
    if (signal.aborted) this.#leave();
    else signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<ExecutionResult, undefined>> {
    const member = this.#member;
    try {
      const { done, value: event } = await this.#events.next();
      if (done === true) this.#leave();
      if (member.left) return end;
      const value = await member.resultOf(event);
      return member.left ? end : { done: false, value };
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

  #leave(): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#member.leave();
  }
}
