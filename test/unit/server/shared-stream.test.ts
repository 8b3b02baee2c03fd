import { setImmediate as turn } from 'node:timers/promises';
import { buildSchema, parse } from 'graphql';
import { expect, it } from 'vitest';
import type { GatewayContext } from '../../../src/context/context.ts';
import { ExecutionGroup } from '../../../src/server/execution-group.ts';
import { publicError } from '../../../src/server/graphql-error.ts';
import type { SharedResult } from '../../../src/server/shared-result.ts';
import { SharedStream } from '../../../src/server/shared-stream.ts';

const schema = buildSchema('type Query { number: Int } type Subscription { number: Int! }');
const failing = {
  number: () => {
    throw new Error('no number');
  },
};

/** A stream of events, and a transport that has room for as many results as the test says. */
function setUp(events: readonly unknown[], { room = Number.POSITIVE_INFINITY } = {}) {
  const delivered: unknown[] = [];
  const seen = { taken: 0, returned: false, emptied: false, flush: () => {} };
  async function* source(): AsyncGenerator<unknown, void, void> {
    try {
      for (const event of events) {
        seen.taken += 1;
        yield event;
      }
    } finally {
      seen.returned = true;
    }
  }
  const deliver = (result: SharedResult): Promise<void> | undefined => {
    delivered.push(result.data?.['number']);
    if (delivered.length < room) return undefined;
    return new Promise((resolve) => {
      seen.flush = resolve;
    });
  };
  const group = new ExecutionGroup({
    scope: 'tenant',
    maskError: (error) => publicError(error as never),
    onEmpty: () => {
      seen.emptied = true;
    },
  });
  // What an execution of this schema may use of a context.
  const contextValue = { forEvent: () => contextValue } as unknown as GatewayContext;
  const args = { schema, document: parse('subscription { number }'), contextValue };
  return { stream: new SharedStream({ events: source(), group, args, deliver }), delivered, seen };
}

it('shared results are delivered, and who reads the stream is left with the end', async () => {
  const { stream, delivered, seen } = setUp([{ number: 1 }, { number: 2 }]);
  expect(await stream.next()).toEqual({ done: true, value: undefined });
  expect([delivered, seen.emptied]).toEqual([[1, 2], true]);
});

it('what is not shared is left to who reads the stream, in its place', async () => {
  const { stream, delivered } = setUp([{ number: 1 }, failing, { number: 2 }]);
  expect(await stream.next()).toMatchObject({ done: false, value: { errors: [{ message: 'no number' }] } });
  expect(delivered).toEqual([1]);
  expect((await stream.next()).done).toBe(true);
  expect(delivered).toEqual([1, 2]);
});

it('nothing more is taken while there is no room', async () => {
  const { stream, delivered, seen } = setUp([{ number: 1 }, { number: 2 }], { room: 1 });
  const end = stream.next();
  await turn();
  expect([delivered.length, seen.taken]).toEqual([1, 1]);
  seen.flush();
  await turn();
  expect([delivered.length, seen.taken]).toEqual([2, 2]);
  seen.flush();
  expect((await end).done).toBe(true);
});

it('leaving it leaves the events and the group', async () => {
  const { stream, seen } = setUp([failing, { number: 1 }]);
  await stream.next();
  await stream.return();
  expect([seen.returned, seen.emptied]).toEqual([true, true]);
});
