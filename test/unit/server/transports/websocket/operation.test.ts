import { setImmediate as turn } from 'node:timers/promises';
import { createSchema } from 'graphql-yoga';
import { expect, it } from 'vitest';
import type { GatewayContext } from '../../../../../src/context/context.ts';
import { createMemoryEventLog } from '../../../../../src/events/memory-log.ts';
import { WatchStream } from '../../../../../src/events/subscriber/stream.ts';
import { abortSignalOf } from '../../../../../src/runtime/end-signal.ts';
import { createLogger } from '../../../../../src/runtime/logger.ts';
import { createErrorMask } from '../../../../../src/server/graphql/error-mask.ts';
import { createPipeline } from '../../../../../src/server/graphql/pipeline.ts';
import { createPreparedDocuments } from '../../../../../src/server/graphql/prepared-documents.ts';
import { createSharedSubscriptions } from '../../../../../src/server/sharing/shared-subscriptions.ts';
import { SocketOperation, type SocketOperationDeps } from '../../../../../src/server/transports/websocket/operation.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';
import { quotaOf } from '../../../../support/quota.ts';
import { testRecord } from '../../../../support/records.ts';
import { testSession } from '../../../../support/session.ts';
import { tenantOf } from '../../../polling/fake-platform.ts';

interface Item {
  readonly id: string;
}

const observedAt = new Date('2030-01-01T00:00:00Z');
const principal = 'somebody';

/** A step of the pipeline that continues when the test releases it. */
interface Gate {
  readonly passed: Promise<void>;
  open(): void;
}

function closedGate(): Gate {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open: () => open() };
}

/** An operation on a socket, with a pipeline over a log with a configured number of items. */
async function setUp({ items = 1 } = {}) {
  const log = createMemoryEventLog<Item>({ key: ({ id }) => id });
  const adopted = Array.from({ length: items }, (_, index) => ({ id: String(index) }));
  await log.write({ adopted }, { observedAt });

  const seen = { created: 0, executed: 0, watching: 0 };
  const known = closedGate();
  const begun = closedGate();
  const watch = async (signal: AbortSignal) => {
    const stream = new WatchStream<Item>({
      log,
      key: ({ id }) => id,
      isTerminal: () => false,
      newestFirst: (a, b) => a.id.localeCompare(b.id),
      endedAtMs: () => null,
      clock: new FakeClock(),
      ids: null,
      matches: null,
      onEnd: () => {
        seen.watching -= 1;
      },
    });
    await stream.open({ signal });
    seen.watching += 1;
    await begun.passed;
    return stream;
  };
  const schema = createSchema<GatewayContext>({
    typeDefs: /* GraphQL */ `
      type Query { ok: Boolean }
      type Mutation { create: Int! }
      type Subscription { items: Item! }
      type Item { cursor: String! }
    `,
    resolvers: {
      Mutation: {
        create: () => {
          seen.created += 1;
          return seen.created;
        },
      },
      Subscription: {
        items: {
          subscribe: (_: unknown, __: unknown, { signal }: GatewayContext) => watch(signal),
          resolve: (event: unknown) => {
            seen.executed += 1;
            return event;
          },
        },
      },
    },
  });

  const maskError = createErrorMask();
  const quota = quotaOf(1);
  const pipeline = createPipeline({
    schema,
    maskError,
    logger: createLogger({ level: 'silent' }),
    introspection: true,
    limits: { maxTokens: 1_000, maxDepth: 10, maxAliases: 10, maxDirectives: 10, maxUpstreamCalls: 10 },
    subscribe: createSharedSubscriptions({ maskError, quota }),
  });

  const messages: string[] = [];
  const socket = {
    open: true,
    end: 'disconnected' as const,
    trace: null,
    send: (message: string): undefined => void messages.push(JSON.parse(message).type),
    ended: () => undefined,
    failed: () => undefined,
  };
  const deps: SocketOperationDeps = {
    pipeline,
    documents: createPreparedDocuments({ ...pipeline, labelOf: () => 'label' }),
    createContext: ({ signal }) => contextOf(abortSignalOf(signal)),
    findDocument: ({ query }) => query ?? '',
    maskError,
    authenticate: async () => {
      await known.passed;
      return testSession();
    },
    countOperation: () => {},
  };
  const operation = new SocketOperation('1', socket, deps, testRecord());
  const run = (query: string) => operation.run({ query }, () => null, query.length);
  const isFree = () => {
    try {
      quota.open({ principal, tenant: tenantOf('prod'), record: null }).end('disconnected');
      return true;
    } catch {
      return false;
    }
  };
  return { operation, socket, run, messages, seen, known, begun, isFree };
}

/** Of the context of the gateway, there is what these resolvers look at. */
function contextOf(signal: AbortSignal): GatewayContext {
  const context = {
    tenant: tenantOf(),
    principal,
    credentialFingerprint: 'x',
    loaders: { select: () => {} },
    clock: new FakeClock(),
    signal,
    forStart: () => context,
    forEvent: () => context,
    forTenant: () => context,
  } as unknown as GatewayContext;
  return context;
}

const subscription = 'subscription { items { cursor } }';

it('an operation whose client leaves before its caller is known is not executed', async () => {
  const { operation, run, messages, seen, known } = await setUp();
  const running = run('mutation { create }');
  operation.cancel('client_completed');
  known.open();
  await running;
  expect(seen.created).toBe(0);
  expect(messages).toEqual([]);
});

it.each<[string, (gates: { readonly known: Gate; readonly begun: Gate }) => void]>([
  ['before its caller is known', () => {}],
  ['while it begins', ({ known }) => known.open()],
  [
    'when it has begun',
    ({ known, begun }) => {
      known.open();
      begun.open();
    },
  ],
])('a subscription whose client leaves %s leaves nothing behind', async (_, goOn) => {
  const { operation, run, seen, known, begun, isFree } = await setUp();
  const running = run(subscription);
  goOn({ known, begun });
  await turn();
  operation.cancel('client_completed');
  known.open();
  begun.open();
  await running;
  expect(isFree()).toBe(true);
  expect(seen.watching).toBe(0);
});

it('a subscription ends with its socket, and executes nothing more for it', async () => {
  const { socket, run, messages, seen, known, begun, isFree } = await setUp({ items: 100 });
  socket.send = (message) => {
    messages.push(JSON.parse(message).type);
    if (messages.length === 2) socket.open = false;
  };
  known.open();
  begun.open();
  await run(subscription);
  expect(messages).toEqual(['next', 'next']);
  // The one that finds it closed is the last.
  expect(seen.executed).toBe(3);
  expect(isFree()).toBe(true);
  expect(seen.watching).toBe(0);
});
