import type { ExecutionResult } from 'graphql';
import type { SubscriptionEnd } from '../../metrics/subscriptions.ts';
import type { PullSource, ReadableListener } from '../../runtime/pull-source.ts';
import { endReasonOf } from './end-reason.ts';
import type { GroupMember } from './group-member.ts';
import { PullSubscription } from './pull-subscription.ts';

/** Receives the results of one subscriber. */
export interface ResultReceiver {
  /** @returns a promise that resolves when there is room for the next result; undefined if there is room */
  next(result: ExecutionResult): Promise<void> | undefined;
  complete(): void;
  fail(error: unknown): void;
}

export interface PushSubscriptionOptions {
  readonly events: PullSource<unknown>;
  readonly member: GroupMember;
  /** Aborts when the client has left. It ends the subscription until the subscription is started. */
  readonly signal: AbortSignal;
}

/**
 * The results of one subscriber. A transport starts it, or iterates over it. After the start, the results are pushed to
 * a receiver, and an idle subscription holds only a few small objects and no promises.
 */
export class PushSubscription implements AsyncIterable<ExecutionResult, undefined>, ReadableListener {
  readonly #events: PullSource<unknown>;
  readonly #member: GroupMember;
  /** Null after the start, because the signal would keep the request in memory. */
  #signal: AbortSignal | null;
  #receiver: ResultReceiver | null = null;

  constructor({ events, member, signal }: PushSubscriptionOptions) {
    this.#events = events;
    this.#member = member;
    this.#signal = signal;
  }

  /** Pushes the results from now on. Call it once. The signal of the operation no longer ends the subscription. */
  start(receiver: ResultReceiver): void {
    this.#signal = null;
    this.#receiver = receiver;
    this.#events.listen(this);
    this.onReadable();
  }

  /** Ends the subscription. Its receiver is not called again. */
  stop(reason: SubscriptionEnd): void {
    if (this.#member.left) return;
    this.#member.leave(reason);
    void this.#events.return();
  }

  /** Call it once, instead of `start`. */
  [Symbol.asyncIterator](): PullSubscription {
    const signal = this.#signal;
    if (signal === null) throw new Error('A subscription is either started or iterated.');
    return new PullSubscription({ events: this.#events[Symbol.asyncIterator](), member: this.#member, signal });
  }

  onReadable(): void {
    const receiver = this.#receiver;
    if (receiver === null) return;
    try {
      while (!this.#member.left) {
        const event = this.#events.read();
        if (event === null) return;
        if (event.done === true) {
          this.stop('completed');
          receiver.complete();
          return;
        }
        const result = this.#member.resultOf(event.value);
        const wait = result instanceof Promise ? this.#deliver(result, receiver) : receiver.next(result);
        if (wait === undefined) continue;
        void this.#continueAfter(wait, receiver);
        return;
      }
    } catch (error) {
      this.#fail(error, receiver);
    }
  }

  async #deliver(pending: Promise<ExecutionResult>, receiver: ResultReceiver): Promise<void> {
    const result = await pending;
    if (!this.#member.left) await receiver.next(result);
  }

  async #continueAfter(wait: Promise<void>, receiver: ResultReceiver): Promise<void> {
    try {
      await wait;
    } catch (error) {
      this.#fail(error, receiver);
    }
    this.onReadable();
  }

  #fail(error: unknown, receiver: ResultReceiver): void {
    if (this.#member.left) return;
    this.stop(endReasonOf(error));
    receiver.fail(error);
  }
}
