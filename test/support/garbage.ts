import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Number of full collections, each after a turn of the event loop, because objects held by a promise or a finalizer are
 * released only after another turn.
 */
const collections = 5;

/** Whether only weak references to an object exist. Collects garbage. */
export async function isCollected(reference: WeakRef<object>): Promise<boolean> {
  for (let round = 0; round < collections && reference.deref() !== undefined; round += 1) {
    // The target of a `deref` stays alive until the end of the job, which a turn of the event loop ends.
    await setImmediate();
    collect();
  }
  return reference.deref() === undefined;
}

setFlagsFromString('--expose-gc');
// A new context has the function, regardless of the flags with which the process was started.
const collect = runInNewContext('gc') as () => void;
