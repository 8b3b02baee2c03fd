import type { Priority } from './call.ts';

/** The APIs of the platform, as they are named in errors and metrics. */
export type Service =
  | 'export'
  | 'schedules'
  | 'segmentation'
  | 'merge-policies'
  | 'profiles'
  | 'catalog'
  | 'data-access'
  | 'sandboxes'
  | 'ims';

/** The resource in which an anomaly was found. */
export type WireResource =
  | 'ExportJob'
  | 'Schedule'
  | 'SegmentJob'
  | 'SegmentDefinition'
  | 'MergePolicy'
  | 'Profile'
  | 'Dataset'
  | 'Batch'
  | 'BatchFile'
  | 'Sandbox';

/** How a record of the platform differed from what the gateway knows, although it could still be used. */
export type AnomalyKind =
  | 'unknown-status'
  | 'unknown-value'
  | 'missing-id'
  | 'missing-status'
  | 'missing-field'
  | 'not-an-object'
  /** A time that is none, or whose year has more than four digits. */
  | 'unusable-time'
  /** Rows of a list that are not in the order that was requested. */
  | 'out-of-order';

/** Why a call is sent again. */
export type RetryReason = 'rate-limited' | 'unavailable' | 'unreachable' | 'circuit-open' | 'rejected';

/** Events that the upstream layer counts. Labels have closed vocabularies and contain no id, tenant or token. */
export interface UpstreamMetrics {
  /** One HTTP exchange is over. `status` is null when no answer came. */
  callEnded(call: {
    readonly service: Service;
    readonly method: string;
    readonly status: number | null;
    readonly seconds: number;
  }): void;
  /** A call is going to be sent again. */
  retried(retry: { readonly service: Service; readonly reason: RetryReason }): void;
  /** A call was not sent, because the same one was in flight. */
  shared(call: { readonly service: Service }): void;
  /** The calls of one organization to a service are stopped, or let through again. */
  circuitChanged(circuit: { readonly service: Service; readonly open: boolean }): void;
  /** A call that had to wait for the budget of its tenant goes on, or is given up. */
  budgetWaited(wait: { readonly priority: Priority; readonly seconds: number; readonly granted: boolean }): void;
  /** The answer to a create was lost. */
  createLost(create: { readonly service: Service; readonly found: boolean }): void;
  /** A decoded record was odd. */
  anomaly(anomaly: { readonly resource: WireResource; readonly kind: AnomalyKind }): void;
}
