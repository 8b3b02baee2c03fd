import { buildSchema, parse } from 'graphql';
import { expect, it } from 'vitest';
import type { GatewayContext } from '../../../src/context/context.ts';
import { ExecutionGroup } from '../../../src/server/execution-group.ts';
import { publicError } from '../../../src/server/graphql-error.ts';
import { SharedStream } from '../../../src/server/shared-stream.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const schema = buildSchema('type Query { number: Int } type Subscription { number: Int! }');
const failing = {
  number: () => {
    throw new Error('no number');
  },
};

/** A stream of events, the only one of its group. */
function setUp(events: readonly unknown[]) {
  const seen = { returned: false, emptied: false, freed: 0 };
  async function* source(): AsyncGenerator<unknown, void, void> {
    try {
      yield* events;
    } finally {
      seen.returned = true;
    }
  }
  const group = new ExecutionGroup({
    operation: { schema, document: parse('subscription { number }') },
    // An execution of this schema uses no context.
    contexts: {} as GatewayContext,
    clock: new FakeClock(),
    maskError: (error) => publicError(error as never),
    onEmpty: () => {
      seen.emptied = true;
    },
  });
  const slot = {
    [Symbol.dispose]: () => {
      seen.freed += 1;
    },
  };
  return { stream: new SharedStream({ events: source(), group, slot }), seen };
}

it('tells the result of each event, and then the end', async () => {
  const { stream, seen } = setUp([{ number: 1 }, failing, { number: 2 }]);
  expect(await stream.next()).toMatchObject({ done: false, value: { data: { number: 1 } } });
  expect(await stream.next()).toMatchObject({ done: false, value: { errors: [{ message: 'no number' }] } });
  expect(await stream.next()).toMatchObject({ done: false, value: { data: { number: 2 } } });
  expect(seen).toEqual({ returned: false, emptied: false, freed: 0 });
  expect(await stream.next()).toEqual({ done: true, value: undefined });
  expect(seen).toEqual({ returned: true, emptied: true, freed: 1 });
});

it('leaving it leaves the events and the group', async () => {
  const { stream, seen } = setUp([failing, { number: 1 }]);
  await stream.next();
  await stream.return();
  expect(seen).toEqual({ returned: true, emptied: true, freed: 1 });
});
