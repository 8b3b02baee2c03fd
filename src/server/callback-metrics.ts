import type { CallbackOutcome } from './callback-client.ts';

/** What callbacks report as it happens. Nothing here names a router or a caller. */
export interface CallbackMetrics {
  /** One more subscription is answered by callbacks, until `ended`. */
  began(): void;
  ended(): void;
  /** A callback has come to its end, or is `retried`, and will. */
  sent(event: { readonly outcome: CallbackOutcome | 'retried' }): void;
}
