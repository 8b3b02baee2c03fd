import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { collectGarbage } from '../../../src/runtime/collect-garbage.ts';

/** Creates a reference to an object that nothing else references. */
const unheld = (): WeakRef<object> => new WeakRef({});

describe('collectGarbage', () => {
  it('removes unreferenced objects, each time', async () => {
    for (const make of [unheld, unheld]) {
      const reference = make();
      // The turn in which a reference was created or read keeps its target in memory.
      await nextTurn();
      await collectGarbage();
      expect(reference.deref()).toBeUndefined();
    }
  });
});
