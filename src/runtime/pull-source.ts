/** A reader of values without a promise for each. */
export interface ReadableListener {
  /** Called when there may be a value, after `read` has returned null. It must not throw. */
  onReadable(): void;
}

/**
 * A stream for one reader, which either iterates or listens. A listener holds no promise while there are no values. The
 * signal of its operation no longer ends the stream, so the listener calls `return` when it leaves.
 */
export interface PullSource<Value> extends AsyncIterable<Value, undefined> {
  listen(listener: ReadableListener): void;
  /**
   * Returns the next value or the end; null: there is none yet.
   * @throws the error with which the stream failed
   */
  read(): IteratorResult<Value, undefined> | null;
  /** Ends the stream. */
  return(): Promise<IteratorReturnResult<undefined>>;
}

export const isPullSource = (stream: AsyncIterable<unknown>): stream is PullSource<unknown> =>
  'listen' in stream && 'read' in stream && 'return' in stream;

/** A pending call of `next`. */
interface PendingRead<Value> {
  resolve(result: IteratorResult<Value, undefined>): void;
  reject(error: unknown): void;
}

/** An iterator over a stream. `next` may be called before there is a value, and several times. */
export class PullIterator<Value> implements AsyncIterableIterator<Value, undefined>, ReadableListener {
  readonly #stream: Pick<PullSource<Value>, 'read' | 'return'>;
  #pending: PendingRead<Value> | null = null;
  /** The promise of the pending read. */
  #reading: Promise<unknown> | null = null;

  constructor(stream: Pick<PullSource<Value>, 'read' | 'return'>) {
    this.#stream = stream;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Value, undefined>> {
    if (this.#reading !== null) {
      // Calls are served one after another, because an error belongs to only one of them.
      const next = () => this.next();
      return this.#reading.then(next, next);
    }
    const reading = new Promise<IteratorResult<Value, undefined>>((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.onReadable();
    });
    // If a value was available, the next call need not wait.
    if (this.#pending !== null) this.#reading = reading;
    return reading;
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    return this.#stream.return();
  }

  onReadable(): void {
    const pending = this.#pending;
    if (pending === null) return;
    try {
      const result = this.#stream.read();
      if (result === null) return;
      this.#settled();
      pending.resolve(result);
    } catch (error) {
      this.#settled();
      pending.reject(error);
    }
  }

  #settled(): void {
    this.#pending = null;
    this.#reading = null;
  }
}
