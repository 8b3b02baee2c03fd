/**
 * The result of a callback. After any but the first, the gateway sends the router nothing more for the subscription.
 */
export type CallbackOutcome =
  | 'taken'
  /** The router does not know the subscription (404). */
  | 'gone'
  /** The router rejected the callback, or it could not be sent. */
  | 'failed';

/** Metrics of callbacks. None names a router or a caller. */
export interface CallbackMetrics {
  /** One more subscription runs by callbacks, until `ended`. */
  began(): void;
  ended(): void;
  /** A callback has its outcome, or is `retried` first. */
  sent(event: { readonly outcome: CallbackOutcome | 'retried' }): void;
}
