/**
 * The result of a callback. After any but the first, the gateway sends the router nothing more for the subscription.
 */
export type CallbackOutcome =
  | 'taken'
  /** The router does not know the subscription (404). */
  | 'gone'
  /** The router rejected the callback, or it could not be sent. */
  | 'failed';
