import { buildSchema, parse } from 'graphql';
import { expect, it } from 'vitest';
import type { GatewayContext } from '../../../../src/context/context.ts';
import { publicError } from '../../../../src/server/graphql/error-mask.ts';
import { ExecutionGroup } from '../../../../src/server/sharing/execution-group.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { isCollected } from '../../../support/garbage.ts';

/** A group with the given number of members, and events that count their executions. */
function setUp(members: number) {
  const clock = new FakeClock();
  const group = new ExecutionGroup({
    operation: {
      schema: buildSchema('type Query { number: Int } type Subscription { number: Int! }'),
      document: parse('subscription { number }'),
    },
    // An execution of this schema uses no context.
    contexts: {} as GatewayContext,
    clock,
    maskError: (error) => publicError(error as never),
    onEmpty: () => {},
  });
  for (let member = 0; member < members; member += 1) group.join(null);
  let executions = 0;
  const newEvent = () => ({
    number: () => {
      executions += 1;
      return 1;
    },
  });
  return {
    clock,
    group,
    newEvent,
    /** One member takes the events. @returns the number of executions that this needed */
    executionsOf: (events: readonly object[]) => {
      const before = executions;
      for (const event of events) group.resultOf(event);
      return executions - before;
    },
    /** One member takes an event. */
    resultOf: (event: object) => new WeakRef(group.resultOf(event)),
  };
}

it('a group keeps the results of the last 256 events', () => {
  const { newEvent, executionsOf } = setUp(10);
  const events = Array.from({ length: 256 }, newEvent);
  expect(executionsOf(events)).toBe(256);
  expect(executionsOf(events)).toBe(0);
  expect(executionsOf([newEvent()])).toBe(1);
  expect(executionsOf(events.slice(1))).toBe(0);
  expect(executionsOf(events.slice(0, 1))).toBe(1);
});

it('a group keeps a result for less than five seconds', async () => {
  const { clock, newEvent, executionsOf } = setUp(10);
  const [event, later] = [newEvent(), newEvent()];
  expect(executionsOf([event])).toBe(1);
  await clock.advanceBy(2_000);
  expect(executionsOf([later])).toBe(1);
  await clock.advanceBy(2_999);
  expect(executionsOf([event])).toBe(0);
  await clock.advanceBy(1);
  expect(executionsOf([event, later])).toBe(1);
  await clock.advanceBy(2_000);
  expect(executionsOf([later])).toBe(1);
});

it('a group without further events releases its results after five seconds', async () => {
  const { clock, newEvent, resultOf } = setUp(2);
  const event = newEvent();
  const result = resultOf(event);
  await clock.advanceBy(4_999);
  expect(await isCollected(result)).toBe(false);
  await clock.advanceBy(1);
  expect(await isCollected(result)).toBe(true);
  expect(clock.pending('deadline')).toBe(0);
});

it('a group releases a result as soon as all members have taken it', async () => {
  const { newEvent, resultOf, executionsOf } = setUp(3);
  const event = newEvent();
  const result = resultOf(event);
  expect(executionsOf([event])).toBe(0);
  expect(await isCollected(result)).toBe(false);
  expect(executionsOf([event])).toBe(0);
  expect(await isCollected(result)).toBe(true);
  expect(executionsOf([event])).toBe(1);
});

it('a group without members holds no results and no timer', async () => {
  const { clock, group, newEvent, resultOf } = setUp(2);
  const event = newEvent();
  const result = resultOf(event);
  expect(clock.pending('deadline')).toBe(1);
  group.leave(null);
  group.leave(null);
  expect(await isCollected(result)).toBe(true);
  expect(clock.pending('deadline')).toBe(0);
});
