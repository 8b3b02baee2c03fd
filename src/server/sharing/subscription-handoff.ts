import type { PushSubscription } from './push-subscription.ts';

/**
 * Hands the results of a subscription to its transport past the pipeline, because each layer of the pipeline holds a
 * promise and other objects as long as a subscription is idle.
 */
export class DirectResults {
  #flow: PushSubscription | null = null;

  offer(flow: PushSubscription): void {
    this.#flow = flow;
  }

  /** Null if the pipeline returns the results. */
  take(): PushSubscription | null {
    const flow = this.#flow;
    // The context, which holds this object, must not keep the flow in memory.
    this.#flow = null;
    return flow;
  }
}
