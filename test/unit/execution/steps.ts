import { setImmediate } from 'node:timers/promises';
import { hashOf } from './random.ts';

/** Promises that settle one at a time, in an order that depends only on their names. */
export class Steps {
  readonly #pending = new Map<string, { readonly order: number; readonly settle: () => void }>();
  readonly #uses = new Map<string, number>();
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  later<T>(name: string, produce: () => T): Promise<T> {
    const uses = this.#uses.get(name) ?? 0;
    this.#uses.set(name, uses + 1);
    const unique = `${name} ${uses}`;
    const step = new Promise<T>((resolve, reject) => {
      const settle = () => {
        try {
          resolve(produce());
        } catch (error) {
          reject(error);
        }
      };
      this.#pending.set(unique, { order: hashOf(this.#seed, unique), settle });
    });
    // A resolver that throws while it makes the items of a list abandons the promises of earlier items.
    step.catch(() => undefined);
    return step;
  }

  /**
   * Settles all promises, including those that are created in the meantime. The effects of one end before the next one.
   */
  async settle(): Promise<void> {
    while (this.#pending.size > 0) {
      const [first, ...others] = this.#pending;
      if (first === undefined) return;
      const [name, { settle }] = others.reduce((least, each) => (each[1].order < least[1].order ? each : least), first);
      this.#pending.delete(name);
      settle();
      await setImmediate();
    }
  }
}
