import { setImmediate as turn } from 'node:timers/promises';
import { buildSchema, parse } from 'graphql';
import { expect, it } from 'vitest';
import type { GatewayContext } from '../../../../src/context/context.ts';
import type { SubscriptionEnd } from '../../../../src/metrics/subscriptions.ts';
import { publicError } from '../../../../src/server/graphql/error-mask.ts';
import { ExecutionGroup } from '../../../../src/server/sharing/execution-group.ts';
import { GroupMember } from '../../../../src/server/sharing/group-member.ts';
import { PullSubscription } from '../../../../src/server/sharing/pull-subscription.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { readResult } from '../../../support/read-result.ts';

const schema = buildSchema('type Query { number: Int } type Subscription { number: Int! }');
const failing = {
  number: () => {
    throw new Error('no number');
  },
};

/** A stream of events, the only one of its group. */
function setUp(events: readonly unknown[]) {
  const seen = { returned: false, emptied: false, ends: [] as SubscriptionEnd[] };
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
    delivered: () => {},
    end: (reason: SubscriptionEnd) => void seen.ends.push(reason),
  };
  const controller = new AbortController();
  const member = new GroupMember({ group, slot, link: null });
  const stream = new PullSubscription({ events: source(), member, signal: controller.signal });
  return { stream, seen, abort: () => controller.abort() };
}

async function nextOf(stream: PullSubscription): Promise<unknown> {
  const { done, value } = await stream.next();
  return done === true ? null : readResult(value);
}

it('a stream returns the result of each event and then the end', async () => {
  const { stream, seen } = setUp([{ number: 1 }, failing, { number: 2 }]);
  expect(await nextOf(stream)).toEqual({ data: { number: 1 } });
  expect(await stream.next()).toMatchObject({ done: false, value: { errors: [{ message: 'no number' }] } });
  expect(await nextOf(stream)).toEqual({ data: { number: 2 } });
  expect(seen).toEqual({ returned: false, emptied: false, ends: [] });
  expect(await stream.next()).toEqual({ done: true, value: undefined });
  expect(seen).toEqual({ returned: true, emptied: true, ends: ['completed'] });
});

it('a stream that is returned leaves its events and its group', async () => {
  const { stream, seen } = setUp([failing, { number: 1 }]);
  await stream.next();
  await stream.return();
  expect(seen).toEqual({ returned: true, emptied: true, ends: ['disconnected'] });
});

it('is left at once when its client leaves while a result depends on a read', async () => {
  const { stream, seen, abort } = setUp([{ number: () => new Promise(() => {}) }]);
  void stream.next();
  await turn();
  expect(seen.ends).toEqual([]);
  abort();
  expect(seen).toMatchObject({ emptied: true, ends: ['disconnected'] });
});
