import type { AnomalyKind, Priority, Service } from '../types.ts';

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

/** Reason for which a call is repeated. */
export type RetryReason = 'rate-limited' | 'unavailable' | 'unreachable' | 'circuit-open' | 'rejected';

/** Events that the upstream layer counts. Labels have a fixed set of values and contain no id, tenant or token. */
export interface UpstreamMetrics {
  /** One HTTP exchange has ended. `status` is null if no response arrived. */
  callEnded(call: {
    readonly service: Service;
    readonly method: string;
    readonly status: number | null;
    readonly seconds: number;
  }): void;
  /** A call will be repeated. */
  retried(retry: { readonly service: Service; readonly reason: RetryReason }): void;
  /** A call was not sent, because the same call was in flight. */
  shared(call: { readonly service: Service }): void;
  /** The circuit of one organization and service has opened or closed. */
  circuitChanged(circuit: { readonly service: Service; readonly open: boolean }): void;
  /** A call has waited for the budget of its tenant. `granted` is false if it was not sent. */
  budgetWaited(wait: { readonly priority: Priority; readonly seconds: number; readonly granted: boolean }): void;
  /** The response to a create was lost. */
  createLost(create: { readonly service: Service; readonly found: boolean }): void;
  /** A decoded record was unexpected. */
  anomaly(anomaly: { readonly resource: WireResource; readonly kind: AnomalyKind }): void;
}
