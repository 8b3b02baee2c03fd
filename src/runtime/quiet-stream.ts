/** Who takes values without waiting for each. */
export interface QuietListener {
  /** Called when there may be something to take, after `take` has said that there was nothing. May not throw. */
  onValues(): void;
}

/**
 * A stream for one reader, who either iterates or listens. Whoever listens holds no promise while nothing happens, and
 * ends the stream with `return` when it leaves: the signal of its operation does not any more.
 */
export interface QuietStream<Value> extends AsyncIterable<Value, undefined> {
  listen(listener: QuietListener): void;
  /**
   * The next value, or the end; null when there is none yet.
   * @throws what the stream has failed with
   */
  take(): IteratorResult<Value, undefined> | null;
  /** Ends the stream. */
  return(): Promise<IteratorReturnResult<undefined>>;
}

export const isQuietStream = (stream: AsyncIterable<unknown>): stream is QuietStream<unknown> =>
  'listen' in stream && 'take' in stream && 'return' in stream;

/** Who waits for the next value. */
interface Taker<Value> {
  resolve(taken: IteratorResult<Value, undefined>): void;
  reject(error: unknown): void;
}

/** Values that are taken one by one, as an iterator that may be asked for the next one before there is one. */
export class QuietIterator<Value> implements AsyncIterableIterator<Value, undefined>, QuietListener {
  readonly #stream: Pick<QuietStream<Value>, 'take' | 'return'>;
  #taker: Taker<Value> | null = null;
  /** What the taker was given. */
  #taking: Promise<unknown> | null = null;

  constructor(stream: Pick<QuietStream<Value>, 'take' | 'return'>) {
    this.#stream = stream;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Value, undefined>> {
    if (this.#taking !== null) {
      // One after the other: an error is the answer to one of them alone.
      const next = () => this.next();
      return this.#taking.then(next, next);
    }
    const taking = new Promise<IteratorResult<Value, undefined>>((resolve, reject) => {
      this.#taker = { resolve, reject };
      this.onValues();
    });
    // What was there already is no reason to wait.
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
