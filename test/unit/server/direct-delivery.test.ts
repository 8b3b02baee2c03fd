import { expect, it } from 'vitest';
import { deliverOver } from '../../../src/server/direct-delivery.ts';
import { SharedResult } from '../../../src/server/shared-result.ts';

it('shared results are sent as the messages that graphql-ws would send', () => {
  const sent: string[] = [];
  const deliver = deliverOver((message) => void sent.push(message), 'id "1"');
  for (const number of [1, 2]) expect(deliver(new SharedResult({ number }))).toBe(undefined);
  expect(sent.map((text): unknown => JSON.parse(text))).toEqual(
    [1, 2].map((number) => ({ id: 'id "1"', type: 'next', payload: { data: { number } } })),
  );
});

it('says when the socket has room again', () => {
  const room = Promise.resolve();
  expect(deliverOver(() => room, '1')(new SharedResult(null))).toBe(room);
});
