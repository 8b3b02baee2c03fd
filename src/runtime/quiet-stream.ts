/** A reader that takes values without a promise for each. */
export interface QuietListener {
  /** Called when there may be a value, after `take` has returned null. It must not throw. */
  onValues(): void;
}

/**
 * A stream for one reader, which either iterates or listens. A listener holds no promise while there are no values. The
 * signal of its operation no longer ends the stream, so the listener calls `return` when it leaves.
 */
export interface QuietStream<Value> extends AsyncIterable<Value, undefined> {
  listen(listener: QuietListener): void;
  /**
   * Returns the next value or the end; null: there is none yet.
   * @throws the error with which the stream failed
   */
  take(): IteratorResult<Value, undefined> | null;
  /** Ends the stream. */
  return(): Promise<IteratorReturnResult<undefined>>;
}

export const isQuietStream = (stream: AsyncIterable<unknown>): stream is QuietStream<unknown> =>
  'listen' in stream && 'take' in stream && 'return' in stream;

/** A pending call of `next`. */
interface Taker<Value> {
  resolve(taken: IteratorResult<Value, undefined>): void;
  reject(error: unknown): void;
}

/** An iterator over a stream. `next` may be called before there is a value, and several times. */
export class QuietIterator<Value> implements AsyncIterableIterator<Value, undefined>, QuietListener {
  readonly #stream: Pick<QuietStream<Value>, 'take' | 'return'>;
  #taker: Taker<Value> | null = null;
  /** The promise of the taker, while it is pending. */
  #taking: Promise<unknown> | null = null;

  constructor(stream: Pick<QuietStream<Value>, 'take' | 'return'>) {
    this.#stream = stream;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Value, undefined>> {
    if (this.#taking !== null) {
      // Calls are served one after another, because an error belongs to only one of them.
      const next = () => this.next();
      return this.#taking.then(next, next);
    }
    const taking = new Promise<IteratorResult<Value, undefined>>((resolve, reject) => {
      this.#taker = { resolve, reject };
      this.onValues();
    });
    // If a value was available, the next call need not wait.
    if (this.#taker !== null) this.#taking = taking;
    return taking;
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    return this.#stream.return();
  }

  onValues(): void {
    const taker = this.#taker;
    if (taker === null) return;
    try {
      const taken = this.#stream.take();
      if (taken === null) return;
      this.#settled();
      taker.resolve(taken);
    } catch (error) {
      this.#settled();
      taker.reject(error);
    }
  }

  #settled(): void {
    this.#taker = null;
    this.#taking = null;
  }
}
