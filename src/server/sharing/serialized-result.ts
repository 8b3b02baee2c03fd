import type { ExecutionResult } from 'graphql';

/** A result without errors that is sent to many subscribers. It is serialized once. */
export class SerializedResult implements ExecutionResult {
  readonly data: NonNullable<ExecutionResult['data']> | null;
  #text: string | undefined;

  constructor(data: SerializedResult['data']) {
    this.data = data;
  }

  /** Called by Yoga instead of `JSON.stringify`, with the result itself and without `this`. */
  stringify(result: SerializedResult): string {
    result.#text ??= JSON.stringify(result);
    return result.#text;
  }
}

/** A result as JSON. Subscribers that share a result also share its text. */
export const textOf = (result: ExecutionResult): string =>
  result instanceof SerializedResult ? result.stringify(result) : JSON.stringify(result);
