/**
 * What has been started and must be stopped. `close` stops everything in reverse order of `add`, tries each one even
 * when others fail, and runs only once: later calls wait for the first.
 */
export class Lifecycle implements AsyncDisposable {
  readonly #resources: { readonly name: string; readonly close: () => PromiseLike<void> | void }[] = [];
  #closing: Promise<void> | undefined;

  add(name: string, close: () => PromiseLike<void> | void): void {
    this.#resources.push({ name, close });
  }

  /** @throws {AggregateError} after everything was tried, with one error per resource that failed to close. */
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
        failures.push(new Error(`${name} did not close`, { cause: error }));
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'Not everything closed.');
  }
}
