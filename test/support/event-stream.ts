/** The members of an error that tests use. */
export interface GraphQLFailure {
  readonly message: string;
  readonly path?: readonly (string | number)[] | undefined;
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

/** Thrown by a reference client when the gateway rejected or aborted the stream. */
export class StreamFailure extends Error {
  override readonly name = 'StreamFailure';
  /** Empty when the connection ended without a GraphQL error. */
  readonly errors: readonly GraphQLFailure[];

  constructor(errors: readonly GraphQLFailure[], cause?: unknown) {
    super(errors.map(({ message }) => message).join('; ') || `the stream broke: ${describe(cause)}`, { cause });
    this.errors = errors;
  }
}

/** The common members of one event, which each reference client returns in its own type. */
export interface Result<Data> {
  readonly data?: Data | null | undefined;
  readonly errors?: readonly GraphQLFailure[] | undefined;
}

/** Reads the events of one subscription one by one. Disposing unsubscribes. */
export class EventStream<Data> implements AsyncDisposable {
  readonly #results: AsyncIterator<Result<Data>>;
  readonly #close: () => void | Promise<void>;

  /** @param close closes the connection of the events */
  constructor(results: AsyncIterable<Result<Data>>, close: () => void | Promise<void>) {
    this.#results = results[Symbol.asyncIterator]();
    this.#close = close;
  }

  /**
   * Returns the next event; null when the stream has completed.
   * @throws {StreamFailure} when the event contains errors, or the stream broke
   */
  async take(): Promise<Data | null> {
    const { done, value } = await this.#next();
    if (done) return null;
    if (value.errors !== undefined) throw new StreamFailure(value.errors);
    if (value.data === null || value.data === undefined) throw new StreamFailure([], 'an event without data');
    return value.data;
  }

  /** Reads and returns the events up to and including the first that `wanted` accepts. */
  async until(wanted: (data: Data) => boolean): Promise<readonly Data[]> {
    const taken: Data[] = [];
    for (;;) {
      const data = await this.take();
      if (data === null)
        throw new Error(`The stream completed before the wanted event; it emitted ${JSON.stringify(taken)}`);
      taken.push(data);
      if (wanted(data)) return taken;
    }
  }

  /** Reads the remaining events until the stream completes. */
  async rest(): Promise<readonly Data[]> {
    const taken: Data[] = [];
    for (let data = await this.take(); data !== null; data = await this.take()) taken.push(data);
    return taken;
  }

  /** Returns the GraphQL errors that end the stream. Earlier events are skipped. */
  async failure(): Promise<readonly GraphQLFailure[]> {
    try {
      await this.rest();
    } catch (error) {
      if (error instanceof StreamFailure) return error.errors;
      throw error;
    }
    throw new Error('The stream completed without an error.');
  }

  /** Unsubscribes, as a client does after it has received enough. */
  async complete(): Promise<void> {
    await this.#results.return?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A client's iterator waits for its pending `next` before it returns. Closing the connection ends that wait.
    const completed = this.complete().catch(() => undefined);
    await this.#close();
    await completed;
  }

  async #next(): Promise<IteratorResult<Result<Data>>> {
    try {
      return await this.#results.next();
    } catch (error) {
      throw new StreamFailure(Array.isArray(error) ? error : [], error);
    }
  }
}

function describe(cause: unknown): string {
  if (cause instanceof Error) return cause.message;
  if (typeof cause === 'object' && cause !== null && 'code' in cause) return `closed with ${String(cause.code)}`;
  return String(cause);
}
