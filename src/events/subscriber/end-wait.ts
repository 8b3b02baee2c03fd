import type { PullSource, ReadableListener } from '../../runtime/pull-source.ts';
import type { WaitResult, WatchEvent } from '../watch.ts';

/**
 * Reads the events of one entity until they complete, and keeps only the latest state. It holds no promise per event,
 * because thousands of callers can wait.
 */
export class EndWait<Entity> implements ReadableListener {
  /**
   * The last state. Null when there were no events with a state.
   * @throws the error with which the stream failed, or the argument of `fail`
   */
  readonly result: Promise<WaitResult<Entity> | null>;
  readonly #stream: PullSource<WatchEvent<Entity>>;
  #last: Omit<WaitResult<Entity>, 'ended'> | null = null;
  // The constructor of the promise, which runs at once, sets both.
  #resolve!: (result: WaitResult<Entity> | null) => void;
  #reject!: (error: unknown) => void;

  constructor(stream: PullSource<WatchEvent<Entity>>) {
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#stream = stream;
    stream.listen(this);
    this.onReadable();
  }

  onReadable(): void {
    try {
      for (let read = this.#stream.read(); read !== null; read = this.#stream.read()) {
        if (read.done === true) {
          this.#settle(true);
          return;
        }
        const { entity, cursor } = read.value;
        if (entity !== null) this.#last = { entity, cursor };
      }
    } catch (error) {
      this.#reject(error);
    }
  }

  /** Ends the wait with the current state. */
  release(): void {
    this.#settle(false);
    void this.#stream.return();
  }

  /** Ends the wait with an error. */
  fail(error: unknown): void {
    this.#reject(error);
    void this.#stream.return();
  }

  #settle(ended: boolean): void {
    this.#resolve(this.#last === null ? null : { ...this.#last, ended });
  }
}
