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
        return isStream(stream) ? ending(stream, () => place[Symbol.dispose]()) : stream;
      });
    },
  };
}

const isStream = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value;

/** The stream, with a word when it ends: completed, failed, or left by whoever read it. */
function ending(stream: AsyncIterable<unknown>, onEnd: () => void): AsyncIterableIterator<unknown> {
  const source = stream[Symbol.asyncIterator]();
  return {
    next: async () => {
      try {
        const result = await source.next();
        if (result.done === true) onEnd();
        return result;
      } catch (error) {
        onEnd();
        throw error;
      }
    },
    return: async (value) => {
      onEnd();
      return (await source.return?.(value)) ?? { done: true, value };
    },
    throw: async (error) => {
      onEnd();
      if (source.throw === undefined) throw error;
      return source.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
