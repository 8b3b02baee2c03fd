import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { collectGarbage } from '../../../src/runtime/collect-garbage.ts';

/** A reference to something that nothing else holds. */
const unheld = (): WeakRef<object> => new WeakRef({});

describe('collectGarbage', () => {
  it('removes what nobody holds, each time', async () => {
    for (const make of [unheld, unheld]) {
      const reference = make();
      // What a reference was made or read in keeps its target until the turn ends.
      await nextTurn();
      await collectGarbage();
      expect(reference.deref()).toBeUndefined();
    }
  });
});
