import { type ExecutionArgs, type ExecutionResult, execute } from 'graphql';
import type { GatewayContext } from '../context/context.ts';
import type { EventAudience } from './event-audience.ts';
import type { MaskError } from './graphql-error.ts';
import { SharedResult } from './shared-result.ts';

/** What a subscription is executed with. */
export type SubscriptionArgs = Pick<ExecutionArgs, 'schema' | 'document' | 'operationName' | 'variableValues'> & {
  readonly contextValue: GatewayContext;
};

/**
 * Results that a group keeps for members that have not come to the event yet: as many as a large snapshot has, which
 * those who come back together are told. For a member that is further behind, the event is executed again.
 */
const maxKeptResults = 256;
/**
 * How long a result is told to who comes to the event later, in milliseconds. The snapshot of a quiet feed is the same
 * event for hours, while what the platform says of its jobs, and which runs of a schedule are next, is not.
 */
const maxResultAgeMs = 5_000;

interface KeptResult {
  result: ExecutionResult | PendingResult;
  readonly executedAtMs: number;
}

export interface ExecutionGroupOptions {
  /** That of the first member: whichever member's it is, the results are the same. */
  readonly operation: Omit<SubscriptionArgs, 'contextValue'>;
  /** Of the first member, too. No more of its context: the group outlives it, and its request with it. */
  readonly context: Pick<GatewayContext, 'forEvent' | 'clock'>;
  readonly scope: EventAudience['scope'];
  readonly maskError: MaskError;
  /** Called when the last member has left. */
  readonly onEmpty: () => void;
}

/** Subscriptions that are told the same of the same event: it is executed once for all of them. */
export class ExecutionGroup {
  readonly #options: ExecutionGroupOptions;
  /** By event, in the order of execution. */
  readonly #results = new Map<unknown, KeptResult>();
  #members = 0;

  constructor(options: ExecutionGroupOptions) {
    this.#options = options;
  }

  join(): void {
    this.#members += 1;
  }

  leave(): void {
    this.#members -= 1;
    if (this.#members === 0) this.#options.onEmpty();
  }

  /** What the group is told of an event, with its errors masked. */
  resultOf(event: unknown): ExecutionResult | PendingResult {
    const executedAtMs = this.#options.context.clock.monotonicMs();
    this.#forgetBefore(executedAtMs - maxResultAgeMs);
    const known = this.#results.get(event);
    if (known !== undefined) return known.result;
    const result = this.#execute(event);
    // Where nobody else is, nobody comes to the event later.
    if (this.#members === 1) return result;
    this.#results.set(event, { result, executedAtMs });
    if (this.#results.size > maxKeptResults) this.#results.delete(this.#results.keys().next().value);
    return result;
  }

  #forgetBefore(timeMs: number): void {
    for (const [event, { executedAtMs }] of this.#results) {
      if (executedAtMs > timeMs) return;
      this.#results.delete(event);
    }
  }

  #execute(event: unknown): ExecutionResult | PendingResult {
    const { operation, context, scope } = this.#options;
    const wanted = scope === 'tenant' ? null : new AbortController();
    const result = execute({
      ...operation,
      rootValue: event,
      contextValue: context.forEvent(wanted === null ? null : wanted.signal),
    });
    if (!(result instanceof Promise)) return this.#finish(result);
    const giveUp = () => {
      // One who was alone when it began has not put it there.
      if (this.#results.get(event)?.result === pending) this.#results.delete(event);
      wanted?.abort();
    };
    const finished = result.then((found) => {
      // Nobody is there any more to be told what was given up, and there is nothing to log about it.
      if (wanted?.signal.aborted) return found;
      const final = this.#finish(found);
      const kept = this.#results.get(event);
      if (kept?.result !== pending) return final;
      // What the platform could not be asked is asked again for who comes later.
      if (final instanceof SharedResult) kept.result = final;
      else this.#results.delete(event);
      return final;
    });
    const pending = new PendingResult(finished, giveUp);
    return pending;
  }

  #finish(result: ExecutionResult): ExecutionResult {
    const { data = null, errors } = result;
    return errors === undefined ? new SharedResult(data) : { ...result, errors: errors.map(this.#options.maskError) };
  }
}

/** A result that takes its time. When the last of those who wait for it has left, it is given up. */
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

  /** To be called once for each `wait`, by who does not wait for the result any more. */
  leave(): void {
    this.#waiting -= 1;
    if (this.#waiting === 0) this.#giveUp();
  }
}
