import { setImmediate as turn } from 'node:timers/promises';
import { buildSchema, type ExecutionResult, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import type { GatewayContext } from '../../../../src/context/context.ts';
import { createMemoryEventLog } from '../../../../src/events/memory-log.ts';
import { WatchStream } from '../../../../src/events/subscriber/stream.ts';
import type { SubscriptionEnd } from '../../../../src/metrics/subscriptions.ts';
import { publicError } from '../../../../src/server/graphql/error-mask.ts';
import { ClientLeftError } from '../../../../src/server/sharing/end-reason.ts';
import { ExecutionGroup } from '../../../../src/server/sharing/execution-group.ts';
import { GroupMember } from '../../../../src/server/sharing/group-member.ts';
import { PushSubscription } from '../../../../src/server/sharing/push-subscription.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { readResult } from '../../../support/read-result.ts';

interface Item {
  readonly id: string;
  readonly number: number | 'broken' | 'slow';
}

const schema = buildSchema('type Query { number: Int } type Subscription { number: Int! }');
const observedAt = new Date('2030-01-01T00:00:00Z');

/** A push subscription over the changes of a log, to a receiver with room for a configured number of results. */
async function setUp({ room = Number.POSITIVE_INFINITY, ids = null as readonly string[] | null } = {}) {
  const log = createMemoryEventLog<Item>({ key: ({ id }) => id });
  const seen = {
    streamEnded: 0,
    emptied: 0,
    ends: [] as SubscriptionEnd[],
    makeRoom: () => {},
    completeRead: (_: number) => {},
  };
  const slow = new Promise<number>((resolve) => {
    seen.completeRead = resolve;
  });
  const delivered: unknown[] = [];
  const stream = new WatchStream<Item>({
    log,
    key: ({ id }) => id,
    isTerminal: ({ number }) => number === 9,
    newestFirst: (a, b) => b.id.localeCompare(a.id),
    endedAtMs: () => null,
    clock: new FakeClock(),
    ids,
    matches: null,
    onEnd: () => {
      seen.streamEnded += 1;
    },
  });
  const operation = new AbortController();
  await stream.open({ signal: operation.signal });
  const group = new ExecutionGroup({
    operation: { schema, document: parse('subscription { number }') },
    // An execution of this schema uses no context.
    contexts: () => ({}) as GatewayContext,
    clock: new FakeClock(),
    maskError: (error) => publicError(error as never),
    onEmpty: () => {
      seen.emptied += 1;
    },
  });
  const slot = {
    delivered: () => {},
    end: (reason: SubscriptionEnd) => void seen.ends.push(reason),
  };
  const member = new GroupMember({ group, slot, link: null });
  const subscription = new PushSubscription({ events: rootsOf(stream, slow), member, signal: operation.signal });
  const receiver = {
    next: (result: ExecutionResult): Promise<void> | undefined => {
      const { data, errors } = readResult(result);
      delivered.push(errors?.[0]?.message ?? data?.['number']);
      if (delivered.length % room !== 0) return undefined;
      return new Promise((resolve) => {
        seen.makeRoom = resolve;
      });
    },
    complete: () => void delivered.push('complete'),
    fail: (error: unknown) => void delivered.push(error),
  };
  const write = async (number: Item['number'], id = 'a') => {
    await log.write({ changes: [{ kind: 'CREATED', entity: { id, number } }] }, { observedAt });
    await turn();
  };
  return { subscription, receiver, delivered, seen, stream, operation, log, write };
}

/** The events of a stream as roots of an execution, whose field is that of the entity. */
function rootsOf(stream: WatchStream<Item>, slow: Promise<number>) {
  return {
    listen: (listener: Parameters<typeof stream.listen>[0]) => stream.listen(listener),
    return: () => stream.return(),
    [Symbol.asyncIterator]: () => stream[Symbol.asyncIterator](),
    read: () => {
      const taken = stream.read();
      if (taken === null || taken.done === true) return taken;
      const { number } = taken.value.entity ?? { number: 'broken' };
      return {
        done: false,
        value: { ...taken.value, number: () => (number === 'slow' ? slow : numberOf(number)) },
      } as const;
    },
  };
}

function numberOf(number: number | 'broken'): number {
  if (number === 'broken') throw new Error('no number');
  return number;
}

const over = (reason: SubscriptionEnd) => ({ streamEnded: 1, emptied: 1, ends: [reason] });

describe('a push subscription', () => {
  it('delivers the current state and then each event', async () => {
    const { subscription, receiver, delivered, write } = await setUp();
    await write(1);
    subscription.start(receiver);
    expect(delivered).toEqual([1]);
    await write('broken', 'b');
    await write(3, 'c');
    expect(delivered).toEqual([1, 'no number', 3]);
  });

  it('a started one continues when the signal of the operation aborts, and ends when it is stopped', async () => {
    const { subscription, receiver, delivered, seen, operation, write } = await setUp();
    subscription.start(receiver);
    operation.abort();
    await write(1);
    subscription.stop('client_completed');
    await write(2);
    subscription.stop('client_completed');
    expect(delivered).toEqual([1]);
    expect(seen).toMatchObject(over('client_completed'));
  });

  it('reads no further events while there is no room', async () => {
    const { subscription, receiver, delivered, seen, write } = await setUp({ room: 1 });
    subscription.start(receiver);
    await write(1);
    await write(2);
    await write(3);
    expect(delivered).toEqual([1]);
    seen.makeRoom();
    await turn();
    // Duplicate states are merged.
    expect(delivered).toEqual([1, 3]);
  });

  it('waits for a slow result and keeps the order', async () => {
    const { subscription, receiver, delivered, seen, write } = await setUp();
    subscription.start(receiver);
    await write('slow');
    await write(2, 'b');
    expect(delivered).toEqual([]);
    seen.completeRead(1);
    await turn();
    expect(delivered).toEqual([1, 2]);
  });

  it('that is stopped while it waits for a result does not deliver it', async () => {
    const { subscription, receiver, delivered, seen, write } = await setUp();
    subscription.start(receiver);
    await write('slow');
    subscription.stop('client_completed');
    seen.completeRead(1);
    await turn();
    expect(delivered).toEqual([]);
    expect(seen).toMatchObject(over('client_completed'));
  });

  it('completes when all watched entities have ended', async () => {
    const { subscription, receiver, delivered, seen, log } = await setUp({ ids: ['a'] });
    subscription.start(receiver);
    await turn();
    // Nothing of it is there, so there is nothing to wait for.
    expect(delivered).toEqual(['complete']);
    expect(seen).toMatchObject(over('completed'));
    await log[Symbol.asyncDispose]();
  });

  it('reports the failure of its events once', async () => {
    const { subscription, receiver, delivered, seen, stream, write } = await setUp();
    subscription.start(receiver);
    const error = new Error('lost');
    stream.fail(error);
    stream.fail(new Error('again'));
    await write(1);
    expect(delivered).toEqual([error]);
    expect(seen).toMatchObject(over('failed'));
  });
});

it('a subscription that is iterated instead of started ends when the signal of the operation aborts', async () => {
  const { subscription, seen, operation, write } = await setUp();
  await write(1);
  const iterator = subscription[Symbol.asyncIterator]();
  expect(await iterator.next()).toMatchObject({ done: false });
  const next = iterator.next();
  operation.abort(new ClientLeftError('unresponsive'));
  expect(await next).toMatchObject({ done: true });
  expect(seen).toMatchObject(over('unresponsive'));
});

it('a started subscription cannot be iterated', async () => {
  const { subscription, receiver } = await setUp();
  subscription.start(receiver);
  expect(() => subscription[Symbol.asyncIterator]()).toThrow('either started or iterated');
  subscription.stop('client_completed');
});
