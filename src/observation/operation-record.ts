import type { Session } from '../auth/authenticator.ts';
import type { OperationErrorCode, OperationOutcome, OperationTransport, OperationType } from '../metrics/operations.ts';
import type { Clock } from '../runtime/clock.ts';
import type { EndSignal } from '../runtime/end-signal.ts';
import type { Logger } from '../runtime/logger.ts';
import type { RequestId } from '../runtime/request-id.ts';
import type { RequestLog } from '../runtime/request-log.ts';
import type { TracePosition } from '../tracing/trace.ts';
import type { CountedCalls } from '../upstream/types.ts';

/** A parsed document, which its operations in progress and its subscriptions keep in memory. */
export interface DocumentInUse {
  /** Approximate size in memory. */
  readonly bytes: number;
  /** Makes later operations with the same text use this document, until `release` was called as often. */
  keep(): void;
  release(): void;
}

/** The caller of an operation whose memory is counted. */
export type MemoryHolder = Pick<Session, 'tenant' | 'principal' | 'credential'>;

/** The memory of an operation in progress. It is counted toward its caller until it is disposed of. */
export interface HeldMemory extends Disposable {
  /** @throws {RateLimitedError} the requests in progress are too large */
  grow(bytes: number): void;
  /**
   * Call it once.
   * @throws {RateLimitedError} the documents in use are too large
   */
  use(document: DocumentInUse): void;
}

/** An operation of a document, without its variables. */
export interface OperationDescription {
  readonly document: DocumentInUse;
  readonly type: OperationType;
  /** Null if the operation has no name. The client chooses it, so that it is no label of a metric. */
  readonly name: string | null;
  /** Stands for the operation in metrics. It contains no text that a client chose. */
  readonly label: string;
}

/** The end of an operation. */
export interface OperationEnd {
  readonly outcome: OperationOutcome;
  /** The different codes of its errors. */
  readonly codes: readonly OperationErrorCode[];
  /** Time from the arrival of its request until its result was ready; for a subscription, until it had started. */
  readonly durationMs: number;
}

/** Receives each operation once, when it ends. */
export type ObserveOperation = (record: OperationRecord, end: OperationEnd) => void;

export interface OperationRecordsOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly observe: ObserveOperation;
  readonly holdMemory: (caller: MemoryHolder) => HeldMemory;
}

/** Begins the record of each operation, when its request arrives. */
export interface OperationRecords {
  begin(log: RequestLog, transport: OperationTransport): OperationRecord;
}

export const createOperationRecords = (options: OperationRecordsOptions): OperationRecords => ({
  begin: (log, transport) => new OperationRecord(options, log, transport),
});

/**
 * Everything that is known about one operation, over every transport: its metrics, its lines in the logs, and the ids of
 * its calls to the platform come from here. It is filled while the request is read. It ends once, even if the request
 * is rejected before its document is known.
 */
export class OperationRecord {
  /** It may outlive the operation: the lines of a subscription contain the id of the request that began it. */
  readonly log: RequestLog;
  transport: OperationTransport;
  /** Null until the caller is authenticated. */
  session: (MemoryHolder & Pick<Session, 'loggedAs' | 'platformUser'>) | null = null;
  /** Null until the document is parsed. */
  operation: OperationDescription | null = null;
  /** Aborts when the client leaves. Null until the request has a signal. */
  leaving: Pick<EndSignal, 'aborted'> | null = null;
  /** Position of the operation in its trace; null: it is not traced. */
  trace: TracePosition | null = null;
  /** The ends of its mutation fields: the code of an error, which may be returned as data, or null after a success. */
  readonly mutations: (OperationErrorCode | null)[] = [];
  /** Counter of its calls to the platform; null if there were none. */
  calls: Pick<CountedCalls, 'made'> | null = null;
  readonly #options: OperationRecordsOptions;
  readonly #startedAtMs: number;
  #ended = false;
  #memory: HeldMemory | null = null;

  constructor(options: OperationRecordsOptions, log: RequestLog, transport: OperationTransport) {
    this.#options = options;
    this.log = log;
    this.transport = transport;
    this.#startedAtMs = options.clock.monotonicMs();
  }

  get requestId(): RequestId {
    return this.log.requestId;
  }

  get logger(): Logger {
    return this.log.logger;
  }

  /**
   * Counts bytes of the request until the operation ends.
   * @throws {RateLimitedError} the requests in progress are too large
   */
  grow(bytes: number): void {
    this.#held?.grow(bytes);
  }

  /**
   * Sets the operation, and counts its document until the operation ends.
   * @throws {RateLimitedError} the documents in use are too large
   */
  begin(operation: OperationDescription): void {
    this.operation = operation;
    this.#held?.use(operation.document);
  }

  /** The request carries no operation. */
  discard(): void {
    this.#ended = true;
  }

  /** Ends the operation. Only the first call has an effect. */
  end(outcome: OperationOutcome, codes: readonly OperationErrorCode[] = []): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#memory?.[Symbol.dispose]();
    this.#memory = null;
    const { clock, observe } = this.#options;
    observe(this, { outcome, codes, durationMs: clock.monotonicMs() - this.#startedAtMs });
  }

  /** Null after the end: a client can leave while its request is read. */
  get #held(): HeldMemory | null {
    if (this.#ended || this.session === null) return null;
    this.#memory ??= this.#options.holdMemory(this.session);
    return this.#memory;
  }
}
