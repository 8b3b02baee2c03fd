import type { ExecutionResult } from 'graphql';
import type { CallbackConfig } from '../../../config/config.ts';
import { ShuttingDownError } from '../../../errors.ts';
import type { CallbackMetrics } from '../../../metrics/callbacks.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { ClientLeftError } from '../../sharing/end-reason.ts';
import { createCallbackClient, type RouterConnection } from './client.ts';
import { createConfirmations } from './confirmations.ts';
import { type CallbackSubscriber, type DeliveryOptions, deliver } from './delivery.ts';
import { createCallbackPolicy } from './policy.ts';
import { RouterSlots } from './router-slots.ts';

/** All subscriptions by callbacks. Disposing ends them. */
export interface Callbacks extends AsyncDisposable {
  allows(url: URL): boolean;
  /** Number of running subscriptions, and of those that are sending their last callback. */
  readonly size: number;
  /**
   * Sends a check to the router. The result holds a slot of the router until it is
   * disposed. After an abort, nothing of the confirmation is left.
   * @returns null: the router does not confirm the subscription
   * @throws {RateLimitedError} the caller had to wait for a slot too long, or too many confirmations wait for it
   * @throws {ShuttingDownError} the gateway is shutting down
   * @throws the reason of `signal`, when it aborts
   */
  confirm(subscriber: CallbackSubscriber, signal: AbortSignal): Promise<ConfirmedCallback | null>;
}

/** A subscription that its router has confirmed. Disposing cancels it, unless it has started. */
export interface ConfirmedCallback extends Disposable {
  /**
   * Sends the results from now on. By the protocol, a router makes a new id for each operation. If a proxy between the
   * router and the gateway sends a request again, the running subscription of the same caller, router and id ends
   * without a last callback, because the router would receive each event twice. Other replicas are not involved: they
   * send the same events under the same cursors.
   * @param operation ends the operation
   */
  start(results: AsyncIterable<ExecutionResult>, operation: AbortController): void;
}

export interface CallbacksOptions extends Pick<DeliveryOptions, 'connections' | 'maskError' | 'random'> {
  readonly config: CallbackConfig;
  readonly clock: Pick<Clock, 'sleep' | 'deadline'>;
  readonly metrics: CallbackMetrics;
  /** Routers of one organization that may have running subscriptions. @default 128 */
  readonly maxRoutersPerOrganization?: number;
}

/** A running subscription. */
interface Delivery {
  readonly operation: AbortController;
  readonly ended: Promise<void>;
}

/** Time for the last callbacks when the gateway shuts down, in milliseconds. */
const lastCallbacksMs = 2_000;

/** @returns null if no callback URL is allowed */
export function createCallbacks({ config, clock, metrics, ...options }: CallbacksOptions): Callbacks | null {
  if (config.urls.length === 0) return null;
  const policy = createCallbackPolicy(config);
  const { maxInFlightPerRouter } = config;
  const client = createCallbackClient({ policy, clock, metrics, maxInFlightPerRouter });
  const confirmations = createConfirmations({ policy, clock, metrics });
  const routerSlots = new RouterSlots({ client, clock, maxPerOrganization: options.maxRoutersPerOrganization });
  /** Ends the last callbacks. */
  const closed = new AbortController();
  const running = new Map<string, Delivery>();

  const start = (
    results: AsyncIterable<ExecutionResult>,
    { principal, target, log }: CallbackSubscriber,
    operation: AbortController,
    router: RouterConnection,
  ): void => {
    const key = JSON.stringify([principal, target.url.href, target.id, target.verifier]);
    const before = running.get(key);
    before?.operation.abort(new ClientLeftError('replaced'));
    const run = async () => {
      using _ = router;
      metrics.began();
      await before?.ended;
      await deliver(results, target, operation, { ...options, clock, router, log, closing: closed.signal });
      metrics.ended();
      if (running.get(key) === delivery) running.delete(key);
    };
    const delivery: Delivery = { operation, ended: run() };
    running.set(key, delivery);
  };

  const confirmed = (subscriber: CallbackSubscriber, router: RouterConnection): ConfirmedCallback => {
    let isStarted = false;
    return {
      start: (results, operation) => {
        isStarted = true;
        start(results, subscriber, operation, router);
      },
      [Symbol.dispose]: () => {
        if (!isStarted) router[Symbol.dispose]();
      },
    };
  };

  return {
    allows: policy.allowsUrl,
    get size() {
      return running.size;
    },
    confirm: async (subscriber, signal) => {
      const ended = new AbortController();
      const leave = () => ended.abort(signal.reason);
      signal.addEventListener('abort', leave);
      using _ = options.connections.add({
        transport: 'callback',
        ping: () => {},
        goAway: () => ended.abort(new ShuttingDownError()),
      });
      try {
        signal.throwIfAborted();
        if (!(await confirmations.confirm(subscriber, ended.signal))) return null;
        return confirmed(subscriber, await routerSlots.take(subscriber, ended.signal));
      } finally {
        signal.removeEventListener('abort', leave);
      }
    },
    [Symbol.asyncDispose]: async () => {
      await confirmations[Symbol.asyncDispose]();
      const deliveries = [...running.values()];
      for (const { operation } of deliveries) operation.abort(new ShuttingDownError());
      const ended = Promise.all(deliveries.map((delivery) => delivery.ended));
      using deadline = clock.deadline(lastCallbacksMs);
      const timeout = new Promise<void>((resolve) => deadline.signal.addEventListener('abort', () => resolve()));
      await Promise.race([ended, timeout]);
      closed.abort();
      await client[Symbol.asyncDispose]();
      await ended;
    },
  };
}
