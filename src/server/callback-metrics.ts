import type { CallbackOutcome } from './callback-client.ts';

/** Metrics of callbacks. None names a router or a caller. */
export interface CallbackMetrics {
  /** One more subscription runs by callbacks, until `ended`. */
  began(): void;
  ended(): void;
  /** A callback has its outcome, or is `retried` first. */
  sent(event: { readonly outcome: CallbackOutcome | 'retried' }): void;
}
