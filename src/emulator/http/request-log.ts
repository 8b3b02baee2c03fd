import type { RecordedRequest } from '../options.ts';

/** Most requests that are kept. */
const capacity = 10_000;

/** The requests that were answered last. */
export class RequestLog {
  readonly #requests: RecordedRequest[] = [];

  /** A copy, newest last. */
  get requests(): readonly RecordedRequest[] {
    return this.#requests.slice(-capacity);
  }

  add(request: RecordedRequest): void {
    this.#requests.push(request);
    // Dropping many at a time keeps the cost of each one constant.
    if (this.#requests.length >= 2 * capacity) this.#requests.splice(0, this.#requests.length - capacity);
  }

  clear(): void {
    this.#requests.length = 0;
  }
}
