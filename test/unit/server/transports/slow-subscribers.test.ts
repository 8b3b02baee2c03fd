import { setImmediate as turn } from 'node:timers/promises';
import { buildSchema, type ExecutionResult, parse } from 'graphql';
import { expect, it } from 'vitest';
import type { GatewayContext } from '../../../../src/context/context.ts';
import { createMemoryEventLog } from '../../../../src/events/memory-log.ts';
import { WatchStream } from '../../../../src/events/subscriber/stream.ts';
import type { WatchEvent } from '../../../../src/events/watch.ts';
import { ExecutionGroup } from '../../../../src/server/sharing/execution-group.ts';
import { GroupMember } from '../../../../src/server/sharing/group-member.ts';
import { PushSubscription } from '../../../../src/server/sharing/push-subscription.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { readResult } from '../../../support/read-result.ts';

interface Item {
  readonly id: string;
  readonly number: number;
}

const observedAt = new Date('2030-01-01T00:00:00Z');
const subscribers = 50;
const entities = 10;

/** Subscribers of one group, each of which reads the next result only after `read` was called. */
async function setUp() {
  const log = createMemoryEventLog<Item>({ key: ({ id }) => id });
  let executions = 0;
  const schema = buildSchema(`
    type Query { ok: Boolean }
    type Subscription { change: Change! }
    type Change { kind: String! before: Int now: Int! }
  `);
  const field = schema.getSubscriptionType()?.getFields()['change'];
  if (field === undefined) throw new Error('The schema has no field change.');
  field.resolve = ({ kind, previous, entity }: WatchEvent<Item>) => {
    executions += 1;
    return { kind, before: previous?.number, now: entity?.number };
  };
  const clock = new FakeClock();
  const group = new ExecutionGroup({
    operation: { schema, document: parse('subscription { change { kind before now } }') },
    // An execution of this schema uses no context.
    contexts: {} as GatewayContext,
    clock,
    maskError: (error) => {
      throw error;
    },
    onEmpty: () => {},
  });
  const waiting = new Set<() => void>();
  const received: unknown[][] = [];
  for (let index = 0; index < subscribers; index += 1) {
    const events = new WatchStream<Item>({
      log,
      key: ({ id }) => id,
      isTerminal: () => false,
      newestFirst: () => 0,
      endedAtMs: () => null,
      clock,
      ids: null,
      matches: null,
      onEnd: () => {},
    });
    const { signal } = new AbortController();
    await events.open({ signal });
    const results: unknown[] = [];
    received.push(results);
    const member = new GroupMember({ group, slot: { delivered: () => {}, end: () => {} }, link: null });
    new PushSubscription({ events, member, signal }).start({
      next: (result: ExecutionResult) => {
        results.push(readResult(result).data?.['change']);
        return new Promise<void>((resolve) => waiting.add(resolve));
      },
      complete: () => {},
      fail: (error) => {
        throw error;
      },
    });
  }
  const write = async (kind: 'CREATED' | 'CHANGED', number: number): Promise<void> => {
    const changes = Array.from({ length: entities }, (_, index) => {
      const entity = { id: `item ${index}`, number };
      return kind === 'CREATED' ? { kind, entity } : { kind, entity, previous: { id: entity.id, number: number - 1 } };
    });
    await log.write({ changes }, { observedAt });
    await turn();
  };
  /** Every subscriber reads everything. */
  const read = async (): Promise<void> => {
    while (waiting.size > 0) {
      const resolvers = [...waiting];
      waiting.clear();
      for (const resolve of resolvers) resolve();
      await turn();
    }
  };
  return { write, read, received, executed: () => executions };
}

it('slow subscribers share the execution of merged events', async () => {
  const { write, read, received, executed } = await setUp();
  await write('CREATED', 1);
  await read();
  const before = executed();
  // All subscribers are busy with the first entity of this write, and the other changes wait.
  await write('CHANGED', 2);
  await write('CHANGED', 3);
  await write('CHANGED', 4);
  await read();
  const [first] = received;
  expect(first?.slice(-entities)).toEqual(
    expect.arrayContaining([
      { kind: 'CHANGED', before: 1, now: 4 },
      { kind: 'CHANGED', before: 2, now: 4 },
    ]),
  );
  for (const results of received) expect(results).toEqual(first);
  // One for each result of a subscriber, whatever the number of subscribers.
  const perSubscriber = (first?.length ?? 0) - entities;
  expect(perSubscriber).toBe(entities + 1);
  expect(executed() - before).toBe(perSubscriber);
});
