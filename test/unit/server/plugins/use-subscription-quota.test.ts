import { createSchema, createYoga, type YogaInitialContext } from 'graphql-yoga';
import { expect, it } from 'vitest';
import { createSubscriptionQuota } from '../../../../src/context/subscription-quota.ts';
import { useSubscriptionQuota } from '../../../../src/server/plugins/use-subscription-quota.ts';

interface Caller {
  readonly principal: string;
}

/** A pipeline of which only the quota counts: a subscription gives one event, then waits. */
function setUp() {
  const quota = createSubscriptionQuota(1);
  const schema = createSchema<YogaInitialContext & Caller>({
    typeDefs: 'type Query { ok: Boolean } type Subscription { tick(fail: Boolean): Int }',
    resolvers: {
      Subscription: {
        tick: {
          subscribe: async function* (_: unknown, { fail }: { fail?: boolean }) {
            yield { tick: 1 };
            if (fail === true) throw new Error('broken');
            yield { tick: 2 };
          },
        },
      },
    },
  });
  const plugins = [useSubscriptionQuota(quota)];
  const yoga = createYoga<object, Caller>({ schema, plugins, logging: false, context: { principal: 'a' } });
  const subscribe = async (query: string): Promise<AsyncIterator<unknown>> => {
    const { parse, schema: pipelineSchema, contextFactory, subscribe: start } = yoga.getEnveloped({});
    const stream: unknown = await start({
      schema: pipelineSchema,
      document: parse(query),
      contextValue: await contextFactory(),
    });
    if (typeof stream !== 'object' || stream === null || !(Symbol.asyncIterator in stream))
      throw new Error('no stream');
    // Whatever has this member is an async iterable.
    return (stream as AsyncIterable<unknown>)[Symbol.asyncIterator]();
  };
  const hasRoom = () => {
    try {
      quota.open('a')[Symbol.dispose]();
      return true;
    } catch {
      return false;
    }
  };
  return { subscribe, hasRoom };
}

it.each([
  ['is left between two events', 'subscription { tick }', (stream: AsyncIterator<unknown>) => stream.return?.()],
  [
    'is read to its end',
    'subscription { tick }',
    async (stream: AsyncIterator<unknown>) => {
      while ((await stream.next()).done !== true);
    },
  ],
  [
    'fails',
    'subscription { tick(fail: true) }',
    (stream: AsyncIterator<unknown>) => stream.next().catch(() => undefined),
  ],
])('a place is free again when its stream %s', async (_, query, end) => {
  const { subscribe, hasRoom } = setUp();
  const stream = await subscribe(query);
  await stream.next();
  expect(hasRoom()).toBe(false);
  await end(stream);
  expect(hasRoom()).toBe(true);
});
