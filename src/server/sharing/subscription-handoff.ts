import type { SharedFlow } from './push-subscription.ts';

/**
 * Hands the results of a subscription to its transport past the pipeline, because each layer of the pipeline holds a
 * promise and other objects as long as a subscription is idle.
 */
export class DirectResults {
  #flow: SharedFlow | null = null;

  offer(flow: SharedFlow): void {
    this.#flow = flow;
  }

  /** Null if the pipeline returns the results. */
  take(): SharedFlow | null {
    const flow = this.#flow;
    // The context, which holds this object, must not keep the flow in memory.
    this.#flow = null;
    return flow;
  }
}
