import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Full collections, each after a turn of the event loop: what a promise or a finalizer holds is free only after another one. */
const collections = 5;

/** Whether nothing but weak references leads to an object. It collects garbage. */
export async function isCollected(reference: WeakRef<object>): Promise<boolean> {
  for (let round = 0; round < collections && reference.deref() !== undefined; round += 1) {
    // A turn of the event loop ends the job that keeps the target of a `deref` alive.
    await setImmediate();
    collect();
  }
  return reference.deref() === undefined;
}

setFlagsFromString('--expose-gc');
// A new context has the function, whatever flags the process was started with.
const collect = runInNewContext('gc') as () => void;
