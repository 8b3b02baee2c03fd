/**
 * Resources that were started and must be closed. `close` closes all of them in reverse order of `add`, even if some
 * fail. It runs only once, and later calls wait for the first.
 */
export class Lifecycle implements AsyncDisposable {
  readonly #resources: { readonly name: string; readonly close: () => PromiseLike<void> | void }[] = [];
  #closing: Promise<void> | undefined;

  add(name: string, close: () => PromiseLike<void> | void): void {
    this.#resources.push({ name, close });
  }

  /** @throws {AggregateError} after all resources were tried, with one error per resource that failed to close */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #closeAll(): Promise<void> {
    const failures: Error[] = [];
    for (const { name, close } of this.#resources.reverse()) {
      try {
        await close();
      } catch (error) {
        failures.push(new Error(`could not close: ${name}`, { cause: error }));
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'Some resources could not be closed.');
  }
}
