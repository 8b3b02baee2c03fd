import { type DocumentNode, type ExecutionResult, type GraphQLObjectType, isObjectType, parse } from 'graphql';
import { createSchema, isAsyncIterable } from 'graphql-yoga';
import { beforeEach, describe, expect, it } from 'vitest';
import type { GatewayContext } from '../../../../src/context/context.ts';
import { createLogger, type Logger } from '../../../../src/runtime/logger.ts';
import { createErrorMask } from '../../../../src/server/graphql/error-mask.ts';
import { createSharedSubscriptions } from '../../../../src/server/sharing/shared-subscriptions.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { isCollected } from '../../../support/garbage.ts';
import { quotaOf } from '../../../support/quota.ts';
import { readResult } from '../../../support/read-result.ts';
import { otherOrganization, tenantOf } from '../../../support/tenants.ts';

const typeDefs = /* GraphQL */ `
  type Query { ok: Boolean }
  type Subscription { tick(from: Int): Tick! }
  type Tick { number: Int! echo(text: String = "unsaid"): String! read: String broken: Int }
`;

interface Ask {
  readonly query: string;
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly operationName?: string;
  readonly sandbox?: string;
  readonly organization?: string;
  readonly credential?: string;
  readonly publicUrl?: string;
}

/** A slow read that the test completes. */
interface PendingRead {
  readonly by: string;
  readonly signal: AbortSignal;
  readonly complete: (text: string) => void;
  readonly fail: (error: Error) => void;
}

let clock: FakeClock;
beforeEach(() => {
  clock = new FakeClock();
});

/** A pipeline over shared events, with a field that depends on a slow read. */
function setUp({ most = 100 } = {}) {
  const executed: number[] = [];
  const logged: unknown[] = [];
  const reads: PendingRead[] = [];
  const ticks = [1, 2, 3].map((number) => ({ number }));
  const ended: number[] = [];
  const contexts: WeakRef<GatewayContext>[] = [];

  async function* ticksFrom(from: number) {
    try {
      yield* ticks.filter(({ number }) => number >= from);
    } finally {
      ended.push(from);
    }
  }

  const schema = createSchema<GatewayContext>({
    typeDefs,
    resolvers: {
      Subscription: {
        tick: {
          subscribe: (_: unknown, { from = 1 }: { from?: number }) => {
            if (from === 0) throw new Error('a secret');
            return ticksFrom(from);
          },
          resolve: (tick: { readonly number: number }) => {
            executed.push(tick.number);
            return tick;
          },
        },
      },
      Tick: {
        echo: (_: unknown, { text }: { text: string | null }) => text ?? 'null',
        read: (_: unknown, __: unknown, { credentialFingerprint: by, signal }: GatewayContext) =>
          new Promise<string>((complete, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason));
            reads.push({ by, signal, complete, fail: reject });
          }),
        broken: () => {
          throw new Error('a secret');
        },
      },
    },
  });
  const tick = schema.getType('Tick');
  if (!isObjectType(tick)) throw new Error('There is no type Tick.');
  markAsReading(tick, 'read');

  const maskError = createErrorMask();
  const logger = createLogger({ destination: { write: (line) => void logged.push(JSON.parse(line)) } });
  const quota = quotaOf(most);
  const hasRoom = () => {
    try {
      quota.open({ principal, tenant: tenantOf('prod'), record: null }).end('disconnected');
      return true;
    } catch {
      return false;
    }
  };
  const start = createSharedSubscriptions({ maskError, quota });
  /** Subscriptions share an execution only if they have the same document. */
  const documents = new Map<string, DocumentNode>();

  const subscribe = async (ask: Ask): Promise<AsyncIterator<ExecutionResult>> => {
    const context = contextOf(ask, logger);
    contexts.push(new WeakRef(context));
    const document = documents.get(ask.query) ?? parse(ask.query);
    documents.set(ask.query, document);
    const stream = await start({
      schema,
      document,
      operationName: ask.operationName ?? null,
      variableValues: ask.variables ?? null,
      contextValue: context,
    });
    if (!isAsyncIterable(stream)) throw new Error(`no stream: ${JSON.stringify(stream)}`);
    return stream[Symbol.asyncIterator]();
  };
  return { subscribe, executed, logged, reads, ended, hasRoom, contexts };
}

function markAsReading(type: GraphQLObjectType, name: string): void {
  const field = type.getFields()[name];
  if (field !== undefined) field.extensions = { upstreamCalls: 'each' };
}

const principal = 'somebody';

/** The parts of a context that the plugin and these resolvers read. */
function contextOf(
  { sandbox = 'prod', organization, credential = 'a', publicUrl = 'http://gateway' }: Ask,
  logger: Logger,
): GatewayContext {
  const context: GatewayContext = {
    tenant: tenantOf(sandbox, organization),
    principal,
    credentialFingerprint: credential,
    publicUrl,
    signal: new AbortController().signal,
    clock,
    logger,
    forStart: () => ({ ...context }),
    forEvent: (signal: AbortSignal) => ({ ...context, signal }),
    // The fields that every subscriber of a tenant may receive use no context here.
    forTenant: () => ({ logger }),
  } as unknown as GatewayContext;
  return context;
}

const first = async (stream: AsyncIterator<ExecutionResult>): Promise<ExecutionResult> => {
  const { done, value } = await stream.next();
  if (done === true) throw new Error('The stream has ended.');
  return value;
};

/** The last result before the stream ends. */
async function last(stream: AsyncIterator<ExecutionResult>): Promise<ExecutionResult> {
  let result = await first(stream);
  for (let next = await stream.next(); next.done !== true; next = await stream.next()) result = next.value;
  return result;
}

describe('two subscriptions to the same event', () => {
  const echo = 'subscription ($from: Int, $text: String) { tick(from: $from) { number echo(text: $text) } }';
  const read = 'subscription { tick { read } }';

  it.each<[string, Ask, Ask]>([
    ['that are the same', { query: echo }, { query: echo }],
    ['with other events before it', { query: echo, variables: { from: 2 } }, { query: echo, variables: { from: 3 } }],
    [
      'that reach the gateway by two names',
      { query: echo, publicUrl: 'http://one' },
      { query: echo, publicUrl: 'http://other' },
    ],
    ['of two credentials', { query: echo, credential: 'a' }, { query: echo, credential: 'b' }],
    ['with the same variables', { query: echo, variables: { text: 'x' } }, { query: echo, variables: { text: 'x' } }],
  ])('are executed once: %s', async (_, one, other) => {
    const { subscribe, executed } = setUp();
    const [left, right] = [await subscribe(one), await subscribe(other)];
    const received = [await last(left), await last(right)];
    expect(received[0]).toBe(received[1]);
    expect(executed.filter((number) => number === 3)).toEqual([3]);
  });

  it.each<[string, Ask, Ask]>([
    ['of two tenants', { query: echo }, { query: echo, sandbox: 'dev' }],
    ['of two organizations', { query: echo }, { query: echo, organization: otherOrganization }],
    ['with other variables', { query: echo, variables: { text: 'x' } }, { query: echo, variables: { text: 'y' } }],
    ['with null instead of a default', { query: echo, variables: { text: null } }, { query: echo }],
    [
      'with null for a variable that is named as what every object has',
      { query: echo.replaceAll('$text', '$toString'), variables: { toString: null } },
      { query: echo.replaceAll('$text', '$toString') },
    ],
    [
      'that reach the gateway by two names, when a result may hold a link',
      { query: read, publicUrl: 'http://one' },
      { query: read, publicUrl: 'http://other' },
    ],
    ['of two credentials, when somebody is reads', { query: read, credential: 'a' }, { query: read, credential: 'b' }],
    [
      'with another operation of the document',
      { query: `${read.replace('{', 'A {')} subscription B { tick { number } }`, operationName: 'A' },
      { query: `${read.replace('{', 'A {')} subscription B { tick { number } }`, operationName: 'B' },
    ],
    ['with another text', { query: echo }, { query: `${echo} ` }],
    [
      'with another condition',
      { query: 'subscription ($n: Boolean!) { tick { number @include(if: $n) __typename } }', variables: { n: true } },
      { query: 'subscription ($n: Boolean!) { tick { number @include(if: $n) __typename } }', variables: { n: false } },
    ],
  ])('are executed each by itself: %s', async (_, one, other) => {
    const { subscribe, executed, reads } = setUp();
    const streams = [await subscribe(one), await subscribe(other)];
    const results = Promise.all(streams.map(first));
    await expect.poll(() => executed).toEqual([1, 1]);
    for (const { by, complete } of reads) complete(`for ${by}`);
    const [left, right] = await results;
    expect(left).not.toBe(right);
  });
});

describe('a field that calls the platform', () => {
  const query = 'subscription { tick { number read } }';

  it('a field is resolved once for all subscribers', async () => {
    const { subscribe, reads } = setUp();
    const streams = await Promise.all(Array.from({ length: 5 }, () => subscribe({ query })));
    const results = Promise.all(streams.map(first));
    await expect.poll(() => reads.length).toBe(1);
    reads[0]?.complete('once');
    expect((await results).map((result) => readResult(result).data)).toEqual(
      Array(5).fill({ tick: { number: 1, read: 'once' } }),
    );
  });

  it('a read continues when its first subscriber leaves, and is cancelled when all have left', async () => {
    const { subscribe, reads, logged, ended } = setUp();
    const [one, other] = [await subscribe({ query }), await subscribe({ query })];
    const [gone, staying] = [one.next(), first(other)];
    await expect.poll(() => reads.length).toBe(1);
    await one.return?.();
    expect(reads[0]?.signal.aborted).toBe(false);
    reads[0]?.complete('for the remaining caller');
    expect(readResult(await staying).data).toEqual({ tick: { number: 1, read: 'for the remaining caller' } });
    // A subscriber that has left does not receive the results of others.
    expect((await gone).done).toBe(true);

    const pending = other.next();
    await expect.poll(() => reads.length).toBe(2);
    await other.return?.();
    expect(reads[1]?.signal.aborted).toBe(true);
    expect((await pending).done).toBe(true);
    expect(ended).toEqual([1, 1]);
    expect(logged).toEqual([]);
  });

  it('a field is resolved again for a subscriber that reads the event after it was cancelled', async () => {
    const { subscribe, reads } = setUp();
    const [one, late] = [await subscribe({ query }), await subscribe({ query })];
    const pending = one.next();
    await expect.poll(() => reads.length).toBe(1);
    await one.return?.();
    await pending;
    const result = first(late);
    await expect.poll(() => reads.length).toBe(2);
    reads[1]?.complete('once more');
    expect(readResult(await result).data).toEqual({ tick: { number: 1, read: 'once more' } });
  });

  it('a field is resolved again for a subscriber that reads the event long after its result', async () => {
    const { subscribe, reads } = setUp();
    const [one, soon, late] = [await subscribe({ query }), await subscribe({ query }), await subscribe({ query })];
    const early = first(one);
    await expect.poll(() => reads.length).toBe(1);
    reads[0]?.complete('then');
    const received = await early;
    await clock.advanceBy(4_999);
    expect(await first(soon)).toBe(received);
    await clock.advanceBy(1);
    const result = first(late);
    await expect.poll(() => reads.length).toBe(2);
    reads[1]?.complete('now');
    expect(readResult(await result).data).toEqual({ tick: { number: 1, read: 'now' } });
  });

  it('a field is resolved again for a subscriber that reads the event after it failed', async () => {
    const { subscribe, reads } = setUp();
    const [one, late] = [await subscribe({ query }), await subscribe({ query })];
    const early = first(one);
    await expect.poll(() => reads.length).toBe(1);
    reads[0]?.fail(new Error('out of reach'));
    expect((await early).errors).toHaveLength(1);
    const result = first(late);
    await expect.poll(() => reads.length).toBe(2);
    reads[1]?.complete('again');
    expect(readResult(await result).data).toEqual({ tick: { number: 1, read: 'again' } });
  });
});

it('a group of a whole tenant does not keep the context of a member that has left', async () => {
  const { subscribe, contexts } = setUp();
  const afterFirst = async () => {
    const query = 'subscription { tick { number } }';
    const [first, other] = [await subscribe({ query }), await subscribe({ query })];
    await first.next();
    await first.return?.();
    return other;
  };
  const other = await afterFirst();
  expect(await isCollected(contexts[0] as WeakRef<GatewayContext>)).toBe(true);
  expect(readResult((await other.next()).value)).toEqual({ data: { tick: { number: 1 } } });
});

it('an unexpected error is logged once, and all subscribers receive the same error', async () => {
  const { subscribe, logged } = setUp();
  const query = 'subscription { tick { number broken } }';
  const streams = await Promise.all(Array.from({ length: 3 }, () => subscribe({ query })));
  const results = await Promise.all(streams.map(first));
  const received = results.map(({ errors }) => errors?.[0]?.toJSON());
  expect(received[0]).toMatchObject({ message: 'Internal error.', path: ['tick', 'broken'] });
  expect(received[1]).toEqual(received[0]);
  expect(received[2]).toEqual(received[0]);
  expect(logged).toHaveLength(1);
  expect(JSON.stringify(results)).not.toContain('a secret');
});

it('a subscription that cannot start returns the reason', async () => {
  const { subscribe } = setUp();
  await expect(subscribe({ query: 'subscription ($from: Int!) { tick(from: $from) { number } }' })).rejects.toThrow(
    /no stream.*\$from/,
  );
});

describe('the quota slot of a subscription', () => {
  it.each([
    ['is left between two events', (stream: AsyncIterator<unknown>) => stream.return?.()],
    [
      'is read to its end',
      async (stream: AsyncIterator<unknown>) => {
        while ((await stream.next()).done !== true);
      },
    ],
  ])('is free again when it %s', async (_, end) => {
    const { subscribe, hasRoom } = setUp({ most: 1 });
    const stream = await subscribe({ query: 'subscription { tick { number } }' });
    await stream.next();
    expect(hasRoom()).toBe(false);
    await end(stream);
    expect(hasRoom()).toBe(true);
  });

  it.each([
    ['it cannot begin', 'subscription { tick(from: 0) { number } }', 'no stream'],
    ['there is none', 'subscription { tick { number } }', 'A caller may have 0 subscriptions'],
  ])('is not taken when %s', async (_, query, message) => {
    const { subscribe, hasRoom } = setUp({ most: message === 'no stream' ? 1 : 0 });
    await expect(subscribe({ query })).rejects.toThrow(message);
    expect(hasRoom()).toBe(message === 'no stream');
  });
});
