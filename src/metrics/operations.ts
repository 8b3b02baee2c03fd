import type { ErrorCode } from '../server/graphql/error-codes.ts';
import { label, type MetricDefinitions } from './definitions.ts';

export type OperationErrorCode = ErrorCode;

/** How an operation reaches the gateway, and how its results are sent. */
export type OperationTransport =
  /** One JSON response. */
  | 'http'
  /** An event stream per operation. */
  | 'sse'
  /** One event stream for several operations. */
  | 'sse_single'
  | 'multipart'
  | 'websocket'
  /** HTTP callbacks to a federation router. */
  | 'callback';

export type OperationType = 'query' | 'mutation' | 'subscription';

export type OperationOutcome =
  /** A result without errors. A subscription has started. */
  | 'ok'
  /** A result with errors, and with data that is not null. A mutation that returns an error has no data. */
  | 'partial'
  /** The operation itself failed, because of the platform or the gateway. */
  | 'failed'
  /** The operation was not carried out, because of its request: credential, limits, document, variables, state. */
  | 'rejected'
  /** The client left before the result was ready. */
  | 'left';

/** The end of one operation. */
export interface EndedOperation {
  /** See `createOperationLabels`: no text that a client chose. `none` if its document is not known. */
  readonly operation: string;
  /** `none` if its document is not known. */
  readonly type: OperationType | 'none';
  readonly transport: OperationTransport;
  readonly outcome: OperationOutcome;
  /** The different codes of its errors. */
  readonly codes: readonly OperationErrorCode[];
  readonly seconds: number;
}

/** Declares the metrics of the operations of callers, over all transports. */
export function defineOperationMetrics(define: MetricDefinitions) {
  const operations = define.counter({
    name: 'aep_operations_total',
    help: 'Operations that have ended; a subscription counts when it has started. "rejected": not carried out because of the request, "failed": because of the platform or the gateway, "partial": some root fields succeeded, "left": the client left first. A mutation that returns an error type has not succeeded.',
    labels: {
      operation: label<string>(),
      type: label<EndedOperation['type']>(),
      transport: label<OperationTransport>(),
      outcome: label<OperationOutcome>(),
    },
  });
  const durations = define.histogram({
    name: 'aep_operation_duration_seconds',
    help: 'Time from the arrival of an operation to its result, or to the start of its subscription. Operations with the outcomes "rejected" and "left" are not counted.',
    labels: { operation: label<string>(), type: label<EndedOperation['type']>() },
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  });
  const errors = define.counter({
    name: 'aep_operation_errors_total',
    help: 'Operations with an error of each code, also if a mutation returns it as data. An operation with several codes counts once for each.',
    labels: { code: label<OperationErrorCode>() },
  });
  return {
    ended: (operation: EndedOperation): void => {
      const { outcome, codes, seconds } = operation;
      operations(operation);
      if (outcome !== 'rejected' && outcome !== 'left') durations(operation, seconds);
      for (const code of codes) errors({ code });
    },
  };
}
