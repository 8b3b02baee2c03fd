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

/** Kind of an unexpected record of the platform. It is used as far as possible, or omitted from its list. */
export type AnomalyKind =
  | 'unknown-status'
  | 'unknown-value'
  | 'missing-id'
  | 'missing-status'
  | 'missing-field'
  | 'not-an-object'
  /** An error in place of a record. */
  | 'error'
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

/** Kind of an entity that the gateway changes, by the name of its type in the schema. */
export type WrittenEntity = 'ExportJob' | 'SegmentJob' | 'Schedule' | 'Dataset';

/** Kind of a change. `cancel` marks a job for cancelling. */
export type WriteAction = 'create' | 'cancel' | 'update' | 'delete';

/** Target and kind of a write. */
export interface WriteSubject {
  readonly entity: WrittenEntity;
  readonly action: WriteAction;
  /** Null for a create that is not known to have made an entity. */
  readonly id: string | null;
}

/** One change that the platform was requested to make, with its end. Repeated attempts belong to the same write. */
export interface PlatformWrite extends WriteSubject {
  readonly end: WriteEnd;
  /** HTTP status of the platform's last response; null: no response arrived. */
  readonly status: number | null;
  /** `x-request-id` of the platform's last response, else of the last request; null: nothing was sent. */
  readonly requestId: string | null;
}

export type WriteEnd =
  /** The platform carried it out, according to its response, or to its state if the response was lost. */
  | { readonly kind: 'done'; readonly evidence: 'response' | 'state' }
  /** The platform does not have the entity. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'failed'; readonly error: unknown };

/** Receives each write once, when it has ended. */
export type ReportWrite = (write: PlatformWrite) => void;

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
