import type { ExecutionResult } from 'graphql';
import type { SubscriptionEnd } from '../../metrics/subscriptions.ts';
import { endReasonOf, endReasonOfAbort } from './end-reason.ts';
import type { GroupMember } from './group-member.ts';

const end: IteratorReturnResult<undefined> = { done: true, value: undefined };

export interface PullSubscriptionOptions {
  readonly events: AsyncIterator<unknown>;
  readonly member: GroupMember;
  /** Aborts when the client has left, with the reason of the end. The events then end. */
  readonly signal: AbortSignal;
}

/** The results of one subscriber, pulled one by one. Its group executes the events of its source. */
export class PullSubscription implements AsyncIterableIterator<ExecutionResult, undefined> {
  readonly #events: AsyncIterator<unknown>;
  readonly #member: GroupMember;
  readonly #signal: AbortSignal;
  /** A transport that waits for a result does not return the stream before the result is there. */
  readonly #onAbort = () => this.#leave(endReasonOfAbort(this.#signal.reason));

  constructor({ events, member, signal }: PullSubscriptionOptions) {
    this.#events = events;
    this.#member = member;
    this.#signal = signal;
    if (signal.aborted) this.#onAbort();
    else signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<ExecutionResult, undefined>> {
    const member = this.#member;
    try {
      const { done, value: event } = await this.#events.next();
      if (done === true) this.#leave('completed');
      if (member.left) return end;
      const value = await member.resultOf(event);
      return member.left ? end : { done: false, value };
    } catch (error) {
      this.#leave(endReasonOf(error));
      await this.#events.return?.();
      throw error;
    }
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#leave('disconnected');
    await this.#events.return?.();
    return end;
  }

  #leave(reason: SubscriptionEnd): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#member.leave(reason);
  }
}
