import type { Plugin } from 'graphql-yoga';
import type { SubscriptionQuota } from '../../context/subscription-quota.ts';

/** Counts each subscription of a principal for as long as its stream lasts, over every transport. */
export function useSubscriptionQuota(quota: SubscriptionQuota): Plugin<{ readonly principal: string }> {
  return {
    onSubscribe: ({ args, subscribeFn, setSubscribeFn }) => {
      const { principal } = args.contextValue;
      setSubscribeFn(async (subscribeArgs) => {
        const place = quota.open(principal);
        let stream: unknown;
        try {
          stream = await subscribeFn(subscribeArgs);
        } finally {
          // Refused, failed, or answered without a stream: nothing is open.
          if (!isStream(stream)) place[Symbol.dispose]();
        }
        return isStream(stream) ? new CountedStream(stream, place) : stream;
      });
    },
  };
}

const isStream = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value;

/** A stream that gives its place back when it ends: completed, failed, or left by whoever read it. */
class CountedStream implements AsyncIterableIterator<unknown> {
  readonly #source: AsyncIterator<unknown>;
  readonly #place: Disposable;

  constructor(stream: AsyncIterable<unknown>, place: Disposable) {
    this.#source = stream[Symbol.asyncIterator]();
    this.#place = place;
  }

  async next(): Promise<IteratorResult<unknown>> {
    try {
      const result = await this.#source.next();
      if (result.done === true) this.#place[Symbol.dispose]();
      return result;
    } catch (error) {
      this.#place[Symbol.dispose]();
      throw error;
    }
  }

  async return(value?: unknown): Promise<IteratorResult<unknown>> {
    this.#place[Symbol.dispose]();
    return (await this.#source.return?.(value)) ?? { done: true, value };
  }

  async throw(error?: unknown): Promise<IteratorResult<unknown>> {
    this.#place[Symbol.dispose]();
    if (this.#source.throw === undefined) throw error;
    return await this.#source.throw(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
