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

/** What an anomaly was found in. */
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
  | 'not-an-object';

/** What the upstream layer counts. Labels come from closed vocabularies: no id, tenant or token is ever among them. */
export interface UpstreamMetrics {
  /** One HTTP exchange is over. `status` is null when no answer came. */
  callEnded(call: {
    readonly service: Service;
    readonly method: string;
    readonly status: number | null;
    readonly seconds: number;
  }): void;
  /** A decoded record was odd. */
  anomaly(anomaly: { readonly resource: WireResource; readonly kind: AnomalyKind }): void;
}
