import { type ExecutionResult, GraphQLError } from 'graphql';
import { expect, it } from 'vitest';
import { resultsUntilFailure } from '../../../../src/server/graphql/operation.ts';
import { testLog } from '../../../support/records.ts';

const maskError = () => new GraphQLError('masked');

/** A subscription with one result and then an error. */
function subscription() {
  const seen = { returned: 0, requested: 0 };
  const results: AsyncIterable<ExecutionResult> = {
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        seen.requested += 1;
        if (seen.requested > 1) throw new Error('a secret');
        return { done: false, value: { data: { n: 1 } } };
      },
      return: async () => {
        seen.returned += 1;
        return { done: true, value: undefined };
      },
    }),
  };
  return { results: resultsUntilFailure(results, maskError, testLog()), seen };
}

it('the failure of a subscription is its last result', async () => {
  const { results, seen } = subscription();
  expect(await results.next()).toEqual({ done: false, value: { data: { n: 1 } } });
  expect((await results.next()).value).toMatchObject({ errors: [{ message: 'masked' }] });
  expect(await results.next()).toEqual({ done: true, value: undefined });
  expect(seen.requested).toBe(2);
});

it.each([0, 1])('a subscription ends when it is left after %i results', async (count) => {
  const { results, seen } = subscription();
  for (let index = 0; index < count; index += 1) await results.next();
  expect(await results.return?.()).toEqual({ done: true, value: undefined });
  expect(seen.returned).toBe(1);
});
