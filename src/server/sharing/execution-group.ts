import type { ExecutionArgs, ExecutionResult } from 'graphql';
import type { GatewayContext } from '../../context/context.ts';
import { execute } from '../../execution/execute.ts';
import type { Clock, Deadline } from '../../runtime/clock.ts';
import { startEvent, type TraceLink, type TracePosition, type TraceSpan } from '../../tracing/trace.ts';
import type { MaskError } from '../graphql/error-mask.ts';
import { errorTypeOf } from '../graphql/operation.ts';
import { tracedOperation } from '../graphql/traced-operation.ts';
import { SerializedResult } from './serialized-result.ts';

/** The arguments with which the events of a subscription are executed. */
export type SubscriptionArgs = Pick<ExecutionArgs, 'schema' | 'document' | 'operationName' | 'variableValues'> & {
  readonly contextValue: GatewayContext;
};

/**
 * Maximum number of results that a group keeps for members that have not read the event yet. A large snapshot fits. The
 * results are a queue in the order of execution and not a cache: a result leaves it when every member has read it.
 */
const maxKeptResults = 256;
/**
 * Time for which a result is kept, in milliseconds. The snapshot of an idle feed is the same event for hours, while the
 * next runs of a schedule and fields that are read from the platform change.
 */
const maxResultAgeMs = 5_000;

interface KeptResult {
  result: ExecutionResult | PendingResult;
  readonly executedAtMs: number;
  /** Number of members that have read the result. */
  readers: number;
}

/**
 * The contexts in which events are executed. A group for the whole tenant has one without a caller. A group of one
 * credential creates a context for each event, whose reads stop when `signal` aborts.
 */
export type EventContexts = GatewayContext | ((signal: AbortSignal, trace: TracePosition | null) => GatewayContext);

export interface ExecutionGroupOptions {
  /** The operation of the first member. The results are the same for every member. */
  readonly operation: Omit<SubscriptionArgs, 'contextValue'>;
  /**
   * They may outlive the first member, and must not refer to its credential unless all members have the same
   * credential.
   */
  readonly contexts: EventContexts;
  readonly clock: Pick<Clock, 'monotonicMs' | 'deadline'>;
  readonly maskError: MaskError;
  /** Called when the last member has left. */
  readonly onEmpty: () => void;
}

/** Subscriptions that receive the same result for the same event, which is executed once for all of them. */
export class ExecutionGroup {
  readonly #options: ExecutionGroupOptions;
  /** Kept results by event, in the order of execution. */
  readonly #results = new Map<unknown, KeptResult>();
  /** Deadline at which the oldest result is discarded. Null if there was no result at the last deadline. */
  #expiry: Deadline | null = null;
  #members = 0;
  /** Spans of the members' subscriptions; null before a member is traced. */
  #links: Set<TraceLink> | null = null;

  constructor(options: ExecutionGroupOptions) {
    this.#options = options;
  }

  /** @param link span of the member's subscription; null: it is not recorded */
  join(link: TraceLink | null): void {
    this.#members += 1;
    if (link !== null) this.#links = (this.#links ?? new Set()).add(link);
  }

  /** @param link the one with which the member joined */
  leave(link: TraceLink | null): void {
    this.#members -= 1;
    if (link !== null) this.#links?.delete(link);
    if (this.#members > 0) return;
    this.#results.clear();
    this.#expiry?.[Symbol.dispose]();
    this.#options.onEmpty();
  }

  /** The result of an event, with its errors masked. Each member reads an event once. */
  resultOf(event: unknown): ExecutionResult | PendingResult {
    const known = this.#results.get(event);
    if (known !== undefined) {
      known.readers += 1;
      this.#dropRead(event, known);
      return known.result;
    }
    const result = this.#execute(event);
    // Without other members, no member reads the event later.
    if (this.#members > 1) this.#keep(event, result);
    return result;
  }

  #keep(event: unknown, result: KeptResult['result']): void {
    this.#results.set(event, { result, executedAtMs: this.#options.clock.monotonicMs(), readers: 1 });
    if (this.#results.size > maxKeptResults) this.#results.delete(this.#results.keys().next().value);
    if (this.#expiry === null) this.#expireIn(maxResultAgeMs);
  }

  /**
   * A result that all members have read is kept only until its platform reads end, for members that join until then.
   */
  #dropRead(event: unknown, { result, readers }: KeptResult): void {
    if (readers >= this.#members && !(result instanceof PendingResult)) this.#results.delete(event);
  }

  #expireIn(ms: number): void {
    this.#expiry = this.#options.clock.deadline(ms);
    this.#expiry.signal.addEventListener('abort', () => this.#expire());
  }

  #expire(): void {
    this.#expiry = null;
    const nowMs = this.#options.clock.monotonicMs();
    for (const [event, { executedAtMs }] of this.#results) {
      const leftMs = executedAtMs + maxResultAgeMs - nowMs;
      if (leftMs > 0) {
        this.#expireIn(leftMs);
        return;
      }
      this.#results.delete(event);
    }
  }

  #execute(event: unknown): ExecutionResult | PendingResult {
    const { operation, contexts } = this.#options;
    const span = this.#startSpan();
    let wanted: AbortController | null = null;
    let contextValue: GatewayContext;
    if (typeof contexts === 'function') {
      wanted = new AbortController();
      contextValue = contexts(wanted.signal, span);
    } else {
      contextValue = contexts;
    }
    const result = execute({ ...operation, rootValue: event, contextValue });
    if (!(result instanceof Promise)) return this.#finish(result, contextValue, span);
    const giveUp = () => {
      // A member that was alone at the execution has not kept the result.
      if (this.#results.get(event)?.result === pending) this.#results.delete(event);
      wanted?.abort();
    };
    const finished = result.then((found) => {
      // No member receives the result, and there is nothing to log about it.
      if (wanted?.signal.aborted) {
        span?.end('aborted');
        return found;
      }
      const final = this.#finish(found, contextValue, span);
      const kept = this.#results.get(event);
      if (kept?.result !== pending) return final;
      kept.result = final;
      // A failed read is repeated for later members.
      if (final instanceof SerializedResult) this.#dropRead(event, kept);
      else this.#results.delete(event);
      return final;
    });
    const pending = new PendingResult(finished, giveUp);
    return pending;
  }

  #startSpan(): TraceSpan | null {
    const links = this.#links;
    if (links === null || links.size === 0) return null;
    const { document, operationName } = this.#options.operation;
    return startEvent(tracedOperation(document, operationName, 'subscription'), { links, subscribers: this.#members });
  }

  #finish(result: ExecutionResult, context: GatewayContext, span: TraceSpan | null): ExecutionResult {
    const { data = null, errors } = result;
    const masked = errors?.map((error) => this.#options.maskError(error, context));
    span?.end(errorTypeOf(masked));
    return masked === undefined ? new SerializedResult(data) : { ...result, errors: masked };
  }
}

/** A result that depends on reads. The reads stop when no member waits for it. */
export class PendingResult {
  readonly #result: Promise<ExecutionResult>;
  readonly #giveUp: () => void;
  #waiting = 0;

  constructor(result: Promise<ExecutionResult>, giveUp: () => void) {
    this.#result = result;
    this.#giveUp = giveUp;
  }

  wait(): Promise<ExecutionResult> {
    this.#waiting += 1;
    return this.#result;
  }

  /** Call it once for each `wait` that is cancelled. */
  leave(): void {
    this.#waiting -= 1;
    if (this.#waiting === 0) this.#giveUp();
  }
}
