import type { ExecutionResult } from 'graphql';
import { ResultData, resultText } from '../../execution/result-data.ts';

/** A result without errors that is sent to many subscribers. It is serialized once. */
export class SerializedResult implements ExecutionResult {
  readonly data: NonNullable<ExecutionResult['data']> | null;
  #text: string | undefined;

  constructor(data: SerializedResult['data']) {
    this.data = data;
  }

  /** Called by Yoga instead of `JSON.stringify`, with the result itself and without `this`. */
  stringify(result: SerializedResult): string {
    result.#text ??= resultText(result);
    return result.#text;
  }
}

/** A result as JSON. Subscribers that share a result also share its text. */
export const textOf = (result: ExecutionResult): string =>
  result instanceof SerializedResult ? result.stringify(result) : resultText(result);

/** A result as JSON in UTF-8. */
export const bytesOf = (result: ExecutionResult): Buffer =>
  result.data instanceof ResultData && result.errors === undefined && result.extensions === undefined
    ? result.data.toBytes('{"data":', '}')
    : Buffer.from(textOf(result));
