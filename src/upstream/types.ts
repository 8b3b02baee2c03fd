/** Names of the platform's APIs in errors and metrics. */
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

/** Kind of an unexpected record of the platform that could still be used. */
export type AnomalyKind =
  | 'unknown-status'
  | 'unknown-value'
  | 'missing-id'
  | 'missing-status'
  | 'missing-field'
  | 'not-an-object'
  /** A value that is not a time, or a time whose year has more than four digits. */
  | 'unusable-time'
  /** Rows of a list that are not in the order that was requested. */
  | 'out-of-order';

/** A client waits for `interactive` calls, which go first. `poll` calls come from the feeds of subscriptions. */
export type Priority = 'interactive' | 'poll';

/** Number of calls to the platform that one operation has caused. Reads and writes share one counter. */
export interface OperationCalls {
  /**
   * Counts one call.
   * @throws {InvalidInputError} the operation has reached its limit; the call must not be sent
   */
  count(): void;
}

/** A counter whose number can be read. */
export interface CountedCalls extends OperationCalls {
  /** Number of calls until now. */
  readonly made: number;
}

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
