import { setImmediate as turn } from 'node:timers/promises';
import type { ExecutionResult } from 'graphql-ws';
import { expect, it } from 'vitest';
import { DirectDelivery } from '../../../src/server/direct-delivery.ts';
import { SharedResult } from '../../../src/server/shared-result.ts';

/** A stream of results, and a socket that has room for as many messages as the test says. */
function setUp(results: readonly ExecutionResult[], { id = '1', room = Number.POSITIVE_INFINITY } = {}) {
  const sent: string[] = [];
  const seen = { taken: 0, returned: false, flush: () => {} };
  const send = (message: string): Promise<void> | undefined => {
    sent.push(message);
    if (sent.length < room) return undefined;
    return new Promise((resolve) => {
      seen.flush = resolve;
    });
  };
  async function* source(): AsyncGenerator<ExecutionResult, void, void> {
    try {
      for (const result of results) {
        seen.taken += 1;
        yield result;
      }
    } finally {
      seen.returned = true;
    }
  }
  return { delivery: new DirectDelivery(source(), id, send), sent, seen };
}

const result = (number: number) => new SharedResult({ number });

it('shared results are sent as the messages that graphql-ws would send, and it is left with the end', async () => {
  const { delivery, sent } = setUp([result(1), result(2)], { id: 'id "1"' });
  expect(await delivery.next()).toEqual({ done: true, value: undefined });
  expect(sent.map((text): unknown => JSON.parse(text))).toEqual(
    [1, 2].map((number) => ({ id: 'id "1"', type: 'next', payload: { data: { number } } })),
  );
});

it('what is not shared is left to graphql-ws, in its place', async () => {
  const failure = { data: null, errors: [] };
  const { delivery, sent } = setUp([result(1), failure, result(2)]);
  expect(await delivery.next()).toEqual({ done: false, value: failure });
  expect(sent).toHaveLength(1);
  expect((await delivery.next()).done).toBe(true);
  expect(sent).toHaveLength(2);
});

it('nothing more is taken while the socket has no room', async () => {
  const { delivery, sent, seen } = setUp([result(1), result(2)], { room: 1 });
  const end = delivery.next();
  await turn();
  expect([sent.length, seen.taken]).toEqual([1, 1]);
  seen.flush();
  await turn();
  expect([sent.length, seen.taken]).toEqual([2, 2]);
  seen.flush();
  expect((await end).done).toBe(true);
});

it('leaving it leaves the results', async () => {
  const { delivery, seen } = setUp([{ data: null, errors: [] }, result(1)]);
  await delivery.next();
  await delivery.return();
  expect(seen.returned).toBe(true);
});
