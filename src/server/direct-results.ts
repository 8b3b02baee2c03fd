import type { ExecutionResult } from 'graphql';
import type { SharedFlow } from './shared-flow.ts';

/** Takes what one subscriber is told. */
export interface ResultReceiver {
  /** What is returned resolves when there is room for the next result; undefined: there is. */
  next(result: ExecutionResult): Promise<void> | undefined;
  complete(): void;
  fail(error: unknown): void;
}

/**
 * Where a transport finds the results of its subscription, so that they need not pass the pipeline one by one: each layer
 * of it holds a promise, and more, for as long as a subscription is silent.
 */
export class DirectResults {
  #flow: SharedFlow | null = null;

  offer(flow: SharedFlow): void {
    this.#flow = flow;
  }

  /** Null: there are none, and what the pipeline answers is all. */
  take(): SharedFlow | null {
    const flow = this.#flow;
    // Whoever still holds the context in which this stands shall not hold the flow with it.
    this.#flow = null;
    return flow;
  }
}
