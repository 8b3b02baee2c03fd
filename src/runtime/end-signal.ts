/** What ends a piece of work, as far as the work needs to know. Every AbortSignal is one. */
export interface EndSignal {
  readonly aborted: boolean;
  /** Undefined until then. */
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/**
 * A signal with its controller, for work of which there is much: an AbortController with one listener costs several
 * microseconds, this a fraction of one. Listeners are called once, in the order in which they came.
 */
export class EndController implements EndSignal {
  #aborted = false;
  #reason: unknown;
  /** Null while there are none. */
  #listeners: (() => void)[] | null = null;

  get aborted(): boolean {
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason;
  }

  /** Does nothing once it has been called. */
  abort(reason?: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    const listeners = this.#listeners ?? [];
    this.#listeners = null;
    // A listener that another one removes meanwhile is called all the same: each of them does nothing a second time.
    for (const listener of listeners) listener();
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    if (this.#listeners === null) this.#listeners = [listener];
    else this.#listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    const index = this.#listeners?.indexOf(listener) ?? -1;
    if (index >= 0) this.#listeners?.splice(index, 1);
  }
}
