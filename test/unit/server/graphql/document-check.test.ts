import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../../src/runtime/clock.ts';
import { schema } from '../../../../src/schema/index.ts';
import { checkDocuments } from '../../../../src/server/graphql/document-check.ts';

type TestClock = Pick<Clock, 'monotonicMs' | 'sleep'>;

/** A clock on which each document takes some milliseconds. */
function clockWith({ documentMs, onTurn }: { readonly documentMs: number; readonly onTurn: () => void }): TestClock {
  let now = 0;
  return {
    monotonicMs: () => {
      now += documentMs;
      return now;
    },
    sleep: async () => onTurn(),
  };
}

/** Checks documents, and returns the log lines and the number of turns of other work. */
async function check(texts: readonly (readonly [id: string, text: string])[], { stopAtTurn = Infinity } = {}) {
  const logged: unknown[] = [];
  const stop = new AbortController();
  let turns = 0;
  const onTurn = () => {
    turns += 1;
    if (turns === stopAtTurn) stop.abort();
  };
  await checkDocuments(new Map(texts), {
    schema,
    logger: { warn: (fields: unknown) => void logged.push(fields) },
    clock: clockWith({ documentMs: 5, onTurn }),
    signal: stop.signal,
  });
  return { logged, turns };
}

const usable = (count: number) =>
  Array.from({ length: count }, (_, index) => [`usable-${index}`, '{ viewer { canWrite } }'] as const);

describe('the check of trusted documents', () => {
  it('logs nothing if all of them fit the schema', async () => {
    expect((await check(usable(3))).logged).toEqual([]);
  });

  it('logs those that do not parse or do not fit the schema, with at most ten ids', async () => {
    const broken = Array.from({ length: 11 }, (_, index) => [`broken-${index}`, '{ nope }'] as const);
    const { logged } = await check([...usable(1), ['open', '{'], ...broken]);
    const ids = ['open', ...broken.map(([id]) => id)];
    expect(logged).toEqual([{ documents: ids.slice(0, 10), count: 12 }]);
  });

  it('begins after its caller, and lets other work run every few milliseconds', async () => {
    // Two documents take longer than a turn.
    expect((await check(usable(20))).turns).toBe(1 + 10);
  });

  it('ends without a log line when the gateway stops', async () => {
    const { logged, turns } = await check([['open', '{'], ...usable(20)], { stopAtTurn: 3 });
    expect({ logged, turns }).toEqual({ logged: [], turns: 3 });
  });

  it('concerns the first 500 documents, because it takes time from requests', async () => {
    expect((await check([...usable(499), ['open', '{'], ['later', '{']])).logged).toEqual([
      { documents: ['open'], count: 1 },
    ]);
  });
});
