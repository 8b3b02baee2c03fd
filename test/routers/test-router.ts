import { describe, it } from 'vitest';
import { testHistories } from './history-cases.ts';
import { testLiveViews } from './live-cases.ts';
import { testQueries } from './query-cases.ts';
import type { RouterKind } from './router.ts';
import { testScopes } from './scope-cases.ts';

/** Runs all cases behind a router, or skips it with the reason why it cannot be built. */
export async function testRouter(kind: RouterKind): Promise<void> {
  const prepared = await versionOf(kind);
  if (prepared.version === null) {
    it.skip(`${kind.name} cannot be built: ${prepared.reason}`);
    return;
  }
  describe(`${kind.name} ${prepared.version}`, () => {
    describe('queries', () => {
      testQueries(kind);
      if (kind.verifiesTokens) testScopes(kind);
    });
    for (const transport of kind.transports) {
      describe(transport, () => {
        testLiveViews(kind, transport);
      });
      describe(transport, () => {
        testHistories(kind, transport);
      });
    }
  });
}

type Prepared = { readonly version: string } | { readonly version: null; readonly reason: string };

async function versionOf(kind: RouterKind): Promise<Prepared> {
  try {
    return { version: await kind.prepare() };
  } catch (error) {
    return { version: null, reason: error instanceof Error ? error.message : String(error) };
  }
}
