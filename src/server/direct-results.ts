import type { ExecutionResult } from 'graphql';
import type { SharedFlow } from './shared-flow.ts';

/** Receives the results of one subscriber. */
export interface ResultReceiver {
  /** @returns resolves when there is room for the next result; undefined: there is */
  next(result: ExecutionResult): Promise<void> | undefined;
  complete(): void;
  fail(error: unknown): void;
}

/**
 * Hands the results of a subscription to its transport past the pipeline, because each layer of the pipeline holds a
 * promise, and more, as long as a subscription is silent.
 */
export class DirectResults {
  #flow: SharedFlow | null = null;

  offer(flow: SharedFlow): void {
    this.#flow = flow;
  }

  /** Null: the pipeline returns the results. */
  take(): SharedFlow | null {
    const flow = this.#flow;
    // The context that holds this object must not hold the flow, too.
    this.#flow = null;
    return flow;
  }
}
