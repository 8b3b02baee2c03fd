/** An error of an answer, as far as tests look at it. */
export interface GraphQLFailure {
  readonly message: string;
  readonly path?: readonly (string | number)[] | undefined;
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

/** What a reference client ends a stream with when the gateway refused it or broke it off. */
export class StreamFailure extends Error {
  override readonly name = 'StreamFailure';
  /** Empty when the connection ended without a GraphQL error. */
  readonly errors: readonly GraphQLFailure[];

  constructor(errors: readonly GraphQLFailure[], cause?: unknown) {
    super(errors.map(({ message }) => message).join('; ') || `the stream broke: ${describe(cause)}`, { cause });
    this.errors = errors;
  }
}

/** What the reference clients give for one event, each in a type of its own. */
export interface Result<Data> {
  readonly data?: Data | null | undefined;
  readonly errors?: readonly GraphQLFailure[] | undefined;
}

/** The events of one subscription, taken one by one. Disposing unsubscribes. */
export class EventStream<Data> implements AsyncDisposable {
  readonly #results: AsyncIterator<Result<Data>>;
  readonly #close: () => void | Promise<void>;

  /** @param close ends the connection that the events come over */
  constructor(results: AsyncIterable<Result<Data>>, close: () => void | Promise<void>) {
    this.#results = results[Symbol.asyncIterator]();
    this.#close = close;
  }

  /**
   * The next event; null when the stream has completed.
   * @throws {StreamFailure} the event holds errors, or the stream broke
   */
  async take(): Promise<Data | null> {
    const { done, value } = await this.#next();
    if (done) return null;
    if (value.errors !== undefined) throw new StreamFailure(value.errors);
    if (value.data === null || value.data === undefined) throw new StreamFailure([], 'an event without data');
    return value.data;
  }

  /** Takes events up to the first one that `wanted` accepts, and answers all of them. */
  async until(wanted: (data: Data) => boolean): Promise<readonly Data[]> {
    const taken: Data[] = [];
    for (;;) {
      const data = await this.take();
      if (data === null)
        throw new Error(`The stream completed before the wanted event; it had ${JSON.stringify(taken)}`);
      taken.push(data);
      if (wanted(data)) return taken;
    }
  }

  /** Takes what is left until the stream completes by itself. */
  async rest(): Promise<readonly Data[]> {
    const taken: Data[] = [];
    for (let data = await this.take(); data !== null; data = await this.take()) taken.push(data);
    return taken;
  }

  /** The GraphQL errors that the stream ends with; events before them are skipped. */
  async failure(): Promise<readonly GraphQLFailure[]> {
    try {
      await this.rest();
    } catch (error) {
      if (error instanceof StreamFailure) return error.errors;
      throw error;
    }
    throw new Error('The stream completed without an error.');
  }

  /** Unsubscribes, as a client does that has seen enough. */
  async complete(): Promise<void> {
    await this.#results.return?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A client's iterator waits for its pending `next` before it returns: closing the connection ends that.
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
