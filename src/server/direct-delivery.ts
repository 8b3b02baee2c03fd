import type { ExecutionResult } from 'graphql-ws';
import { SharedResult } from './shared-result.ts';
import type { SocketSender } from './socket.ts';

/**
 * Sends the shared results of a stream past `graphql-ws`, which would make text of each of them anew. What is left for
 * it to send are errors, and the end. For its hook `onOperation`.
 */
export class DirectDelivery implements AsyncIterableIterator<ExecutionResult> {
  readonly #results: AsyncIterator<ExecutionResult>;
  /** The message up to its payload. */
  readonly #head: string;
  readonly #send: SocketSender['send'];

  constructor(results: AsyncIterable<ExecutionResult>, id: string, send: SocketSender['send']) {
    this.#results = results[Symbol.asyncIterator]();
    this.#head = `{"id":${JSON.stringify(id)},"type":"next","payload":`;
    this.#send = send;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next result that `graphql-ws` has to send itself. */
  async next(): Promise<IteratorResult<ExecutionResult>> {
    for (;;) {
      const next = await this.#results.next();
      if (next.done === true || !(next.value instanceof SharedResult)) return next;
      const full = this.#send(`${this.#head}${next.value.stringify(next.value)}}`);
      if (full !== undefined) await full;
    }
  }

  async return(): Promise<IteratorResult<ExecutionResult>> {
    return (await this.#results.return?.()) ?? { done: true, value: undefined };
  }
}
