import type { FeedChange } from '../events/event-log.ts';

/** What the polls report as it happens. `kind` is that of the feed; nothing here names a tenant. */
export interface PollMetrics {
  /** `interrupted`: its subscriber left. `lost`: the lease was. Neither says anything about the platform. */
  roundEnded(event: { readonly kind: string; readonly outcome: 'good' | 'interrupted' | 'lost' | 'failed' }): void;
  /** Events written into the log. */
  told(event: { readonly kind: string; readonly events: readonly FeedChange<unknown>['kind'][] }): void;
  leaseChanged(event: { readonly kind: string; readonly change: 'gained' | 'lost' | 'released' }): void;
  /** A subscriber was told to begin anew. */
  resynced(event: { readonly kind: string }): void;
}

export const noMetrics: PollMetrics = {
  roundEnded: () => undefined,
  told: () => undefined,
  leaseChanged: () => undefined,
  resynced: () => undefined,
};
