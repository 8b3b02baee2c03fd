import type { FeedChange } from '../events/log.ts';

/** Reports of the poll loops. `kind` is the kind of the feed. No report names a tenant. */
export interface PollMetrics {
  /**
   * `interrupted`: the subscriber that owns the reader left. `lost`: the lease was lost. Both are independent of the
   * platform.
   */
  roundEnded(event: { readonly kind: string; readonly outcome: 'good' | 'interrupted' | 'lost' | 'failed' }): void;
  /** Reports events that were written to the log. */
  emitted(event: { readonly kind: string; readonly events: readonly FeedChange<unknown>['kind'][] }): void;
  leaseChanged(event: { readonly kind: string; readonly change: 'gained' | 'lost' | 'released' }): void;
  /** Reports that a subscriber received RESYNC. */
  resynced(event: { readonly kind: string }): void;
}

export const noMetrics: PollMetrics = {
  roundEnded: () => undefined,
  emitted: () => undefined,
  leaseChanged: () => undefined,
  resynced: () => undefined,
};
