import type { ExecutionResult } from 'graphql';

/** A result without errors that is sent to many subscribers. It is serialized once. */
export class SharedResult implements ExecutionResult {
  readonly data: NonNullable<ExecutionResult['data']> | null;
  #text: string | undefined;

  constructor(data: SharedResult['data']) {
    this.data = data;
  }

  /** Called by Yoga in place of `JSON.stringify`, with the result itself and without `this`. */
  stringify(result: SharedResult): string {
    result.#text ??= JSON.stringify(result);
    return result.#text;
  }
}

/** A result as JSON. Subscribers that share a result also share its text. */
export const textOf = (result: ExecutionResult): string =>
  result instanceof SharedResult ? result.stringify(result) : JSON.stringify(result);
