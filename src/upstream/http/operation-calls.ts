import { InvalidInputError } from '../../errors.ts';
import type { CountedCalls } from '../types.ts';
import type { CallLayer } from './call.ts';

/** @param max maximum number of calls of the operation (`MAX_OPERATION_CALLS`) */
export const createOperationCalls = (max: number): CountedCalls => new BoundedCalls(max);

class BoundedCalls implements CountedCalls {
  made = 0;
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  count(): void {
    if (this.made >= this.#max) {
      const message = `needs more calls to the platform than the ${this.#max} that MAX_OPERATION_CALLS allows`;
      throw new InvalidInputError([{ path: 'query', message }]);
    }
    this.made += 1;
  }
}

/**
 * Counts each call before it is sent: first attempts, repetitions, and the second attempt with a renewed token. A call
 * that an open circuit rejects is not counted, because it is never sent. Token requests are not counted either, because
 * one token serves every operation.
 */
export const withOperationCalls: CallLayer = (next) => (request) => {
  try {
    request.calls?.count();
  } catch (error) {
    return Promise.reject(error);
  }
  return next(request);
};
