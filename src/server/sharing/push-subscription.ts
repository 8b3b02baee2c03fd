import type { ExecutionResult } from 'graphql';
import type { PullSource, ReadableListener } from '../../runtime/pull-source.ts';
import { GroupMember, type GroupMemberOptions } from './group-member.ts';

/** Receives the results of one subscriber. */
export interface ResultReceiver {
  /** @returns a promise that resolves when there is room for the next result; undefined if there is room */
  next(result: ExecutionResult): Promise<void> | undefined;
  complete(): void;
  fail(error: unknown): void;
}

export interface PushSubscriptionOptions extends GroupMemberOptions {
  readonly events: PullSource<unknown>;
}

/**
 * The results of one subscriber, pushed to its transport. It is the push counterpart of PullSubscription: an idle
 * subscription holds only a few small objects and no promises.
 */
export class PushSubscription implements ReadableListener {
  readonly #events: PullSource<unknown>;
  readonly #member: GroupMember;
  #receiver: ResultReceiver | null = null;

  constructor({ events, ...options }: PushSubscriptionOptions) {
    this.#events = events;
    this.#member = new GroupMember(options);
  }

  /** Call it once. */
  start(receiver: ResultReceiver): void {
    this.#receiver = receiver;
    this.#events.listen(this);
    this.onReadable();
  }

  /** Ends the subscription. Its receiver is not called again. */
  stop(): void {
    if (this.#member.left) return;
    this.#member.leave();
    void this.#events.return();
  }

  onReadable(): void {
    const receiver = this.#receiver;
    if (receiver === null) return;
    try {
      while (!this.#member.left) {
        const event = this.#events.read();
        if (event === null) return;
        if (event.done === true) {
          this.stop();
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
    this.stop();
    receiver.fail(error);
  }
}
