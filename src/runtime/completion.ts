/**
 * A result that arrives later, like a promise. It calls its callbacks at once when it settles, whereas a promise calls
 * them in a later microtask. A chain of completions therefore takes less time and memory than a chain of promises.
 *
 * The callbacks run inside the code that settles the first completion of the chain. `then` may be called once. A
 * rejection without a callback is ignored.
 */
export class Completion<Value> implements PromiseLike<Value> {
  #state: 'pending' | 'resolved' | 'rejected' = 'pending';
  /** The value, or the error of a rejection. */
  #outcome: unknown;
  #onResolved: ((value: Value) => unknown) | null = null;
  #onRejected: ((error: unknown) => unknown) | null = null;
  /** Result of `then`; null before its call. */
  #next: Completion<unknown> | null = null;

  /** Does nothing if the completion has settled. */
  resolve(value: Value): void {
    this.#settle('resolved', value);
  }

  /** Does nothing if the completion has settled. */
  reject(error: unknown): void {
    this.#settle('rejected', error);
  }

  /**
   * @returns a completion of the callback's result, or of its error if it throws
   * @throws {Error} it was called before
   */
  // biome-ignore lint/suspicious/noThenProperty: code waits for a completion as for a promise.
  then<Result = Value, Failure = never>(
    onResolved?: ((value: Value) => Result | PromiseLike<Result>) | null,
    onRejected?: ((error: unknown) => Failure | PromiseLike<Failure>) | null,
  ): Completion<Result | Failure> {
    if (this.#next !== null) throw new Error('A completion has one pair of callbacks.');
    const next = new Completion<Result | Failure>();
    this.#onResolved = onResolved ?? null;
    this.#onRejected = onRejected ?? null;
    // `#pass` settles it only with results of the callbacks, or with the outcome that has no callback.
    this.#next = next as Completion<unknown>;
    if (this.#state !== 'pending') this.#pass(this.#next);
    return next;
  }

  #settle(state: 'resolved' | 'rejected', outcome: unknown): void {
    if (this.#state !== 'pending') return;
    this.#state = state;
    this.#outcome = outcome;
    if (this.#next !== null) this.#pass(this.#next);
  }

  #pass(next: Completion<unknown>): void {
    const [outcome, onResolved, onRejected] = [this.#outcome, this.#onResolved, this.#onRejected];
    // A completion that has waited for long is in V8's old generation, where it would keep the outcome reachable after
    // its end.
    this.#outcome = undefined;
    this.#onResolved = null;
    this.#onRejected = null;
    let result: unknown;
    try {
      if (this.#state === 'resolved') {
        // The outcome of the state `resolved` is the argument of `resolve`.
        result = onResolved === null ? outcome : onResolved(outcome as Value);
      } else if (onRejected === null) {
        next.#settle('rejected', outcome);
        return;
      } else {
        result = onRejected(outcome);
      }
    } catch (error) {
      next.#settle('rejected', error);
      return;
    }
    if (isPromiseLike(result)) {
      result.then(
        (value) => next.#settle('resolved', value),
        (error: unknown) => next.#settle('rejected', error),
      );
    } else {
      next.#settle('resolved', result);
    }
  }
}

const isPromiseLike = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
