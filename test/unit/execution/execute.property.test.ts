import fc from 'fast-check';
import { type ExecutionResult, execute as executeWithGraphql } from 'graphql';
import { expect, it } from 'vitest';
import { execute } from '../../../src/execution/execute.ts';
import { textOf } from '../../../src/server/sharing/serialized-result.ts';
import { readResult } from '../../support/read-result.ts';
import { type RandomOperation, randomOperation } from './random-document.ts';
import { type Mode, Source, schema } from './random-schema.ts';
import { Steps } from './steps.ts';

async function resultOf(
  executor: typeof execute,
  operation: RandomOperation,
  seed: number,
  mode: Mode,
): Promise<ExecutionResult> {
  const steps = new Steps(seed);
  const contextValue = { seed, mode, steps };
  const result = executor({ schema, ...operation, contextValue, rootValue: new Source('root', contextValue) });
  await steps.settle();
  return result;
}

/**
 * Paths of the fields and items that are null because of an error, and the errors of the fields that failed themselves.
 */
function failuresIn({ data, errors = [] }: ExecutionResult): { nulls: Set<string>; own: string[] } {
  const nulls = new Set<string>();
  const own: string[] = [];
  for (const error of errors) {
    let value: unknown = data;
    const keys = [...(error.path ?? [])];
    const passed: (string | number)[] = [];
    while (keys.length > 0 && typeof value === 'object' && value !== null) {
      const key = keys.shift() ?? '';
      passed.push(key);
      value = Object.entries(value).find(([name]) => name === String(key))?.[1];
    }
    nulls.add(JSON.stringify([passed, value]));
    if (keys.length === 0) own.push(JSON.stringify(error));
  }
  return { nulls, own: own.sort() };
}

const seeds = fc.tuple(fc.nat(), fc.nat());

it.each(['sync', 'async'] as const)('returns what graphql returns, when all resolvers are %s', async (mode) => {
  const property = fc.asyncProperty(seeds, async ([operationSeed, seed]) => {
    const operation = randomOperation(operationSeed, mode === 'sync');
    const expected = await resultOf(executeWithGraphql, operation, seed, mode);
    // The second execution uses the plan of the first one.
    for (let round = 0; round < 2; round += 1) {
      const result = await resultOf(execute, operation, seed, mode);
      expect(textOf(result)).toBe(JSON.stringify(expected));
    }
  });
  await fc.assert(property, { numRuns: mode === 'sync' ? 250 : 100, endOnFailure: true });
});

/** If one error replaces an object, graphql also reports errors of awaited fields in it. */
it('returns what graphql returns, when some resolvers are async', async () => {
  const property = fc.asyncProperty(seeds, async ([operationSeed, seed]) => {
    const operation = randomOperation(operationSeed, true);
    const expected = await resultOf(executeWithGraphql, operation, seed, 'mixed');
    const result = await resultOf(execute, operation, seed, 'mixed');
    expect(JSON.stringify(readResult(result).data)).toBe(JSON.stringify(expected.data));
    expect(failuresIn({ ...result, data: readResult(result).data ?? null })).toEqual(failuresIn(expected));
  });
  await fc.assert(property, { numRuns: 100, endOnFailure: true });
});
