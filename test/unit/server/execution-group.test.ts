import { buildSchema, parse } from 'graphql';
import { expect, it } from 'vitest';
import type { GatewayContext } from '../../../src/context/context.ts';
import { ExecutionGroup } from '../../../src/server/execution-group.ts';
import { publicError } from '../../../src/server/graphql-error.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** A group with two members, and events that count their executions. */
function setUp() {
  const clock = new FakeClock();
  // What an execution of this schema may use of a context.
  const context = { clock, forEvent: () => context } as unknown as GatewayContext;
  const group = new ExecutionGroup({
    operation: {
      schema: buildSchema('type Query { number: Int } type Subscription { number: Int! }'),
      document: parse('subscription { number }'),
    },
    context,
    scope: 'tenant',
    maskError: (error) => publicError(error as never),
    onEmpty: () => {},
  });
  group.join();
  group.join();
  let executions = 0;
  const newEvent = () => ({
    number: () => {
      executions += 1;
      return 1;
    },
  });
  return {
    clock,
    newEvent,
    /** @returns how often the events were executed */
    executionsOf: (events: readonly object[]) => {
      const before = executions;
      for (const event of events) group.resultOf(event);
      return executions - before;
    },
  };
}

it('a group keeps the results of the last 256 events', () => {
  const { newEvent, executionsOf } = setUp();
  const events = Array.from({ length: 256 }, newEvent);
  expect(executionsOf(events)).toBe(256);
  expect(executionsOf(events)).toBe(0);
  expect(executionsOf([newEvent()])).toBe(1);
  expect(executionsOf(events.slice(1))).toBe(0);
  expect(executionsOf(events.slice(0, 1))).toBe(1);
});

it('a group keeps a result for less than five seconds', async () => {
  const { clock, newEvent, executionsOf } = setUp();
  const event = newEvent();
  expect(executionsOf([event])).toBe(1);
  await clock.advanceBy(4_999);
  expect(executionsOf([event])).toBe(0);
  await clock.advanceBy(1);
  expect(executionsOf([event])).toBe(1);
});
