import type { ExecutionResult } from 'graphql';
import type { CallbackConfig } from '../config.ts';
import { ShuttingDownError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { createCallbackClient } from './callback-client.ts';
import { type CallbackTarget, confirm, type DeliveryOptions, deliver } from './callback-delivery.ts';
import type { CallbackMetrics } from './callback-metrics.ts';
import { createCallbackPolicy } from './callback-policy.ts';

/** All subscriptions that are answered by callbacks. Disposing ends them. */
export interface Callbacks extends AsyncDisposable {
  allows(url: URL): boolean;
  /** Whether the router says that the subscription is its own. */
  confirm(target: CallbackTarget, signal: AbortSignal): Promise<boolean>;
  /**
   * Sends the results from now on. By the protocol a router makes an id for each operation, and none comes twice. Where
   * something between the router and here sends a request again, the subscription of the same caller, router and id that
   * is under way ends without a word, or the router would be told everything twice. Other replicas are not asked: they
   * would tell it the same, under the same cursors.
   * @param operation ends it
   */
  start(
    results: AsyncIterable<ExecutionResult>,
    subscriber: { readonly principal: string; readonly target: CallbackTarget; readonly operation: AbortController },
  ): void;
}

export interface CallbacksOptions extends Pick<DeliveryOptions, 'connections' | 'maskError'> {
  readonly config: CallbackConfig;
  readonly clock: Pick<Clock, 'sleep' | 'deadline'>;
  readonly logger: Logger;
  readonly metrics: CallbackMetrics;
}

/** A subscription that is under way. */
interface Delivery {
  readonly operation: AbortController;
  readonly ended: Promise<void>;
}

/** How long routers may take, at the end of the gateway, to be told that their subscriptions have ended, in milliseconds. */
const farewellMs = 2_000;

/** @returns null when there is no URL that may be called */
export function createCallbacks({ config, clock, logger, metrics, ...options }: CallbacksOptions): Callbacks | null {
  if (config.urls.length === 0) return null;
  const policy = createCallbackPolicy(config);
  const client = createCallbackClient({ policy, clock, logger, metrics });
  const closing = new AbortController();
  const running = new Map<string, Delivery>();

  return {
    allows: policy.allowsUrl,
    confirm: async (target, signal) => (await confirm(target, client.send, signal)) === 'taken',
    start: (results, { principal, target, operation }) => {
      const key = JSON.stringify([principal, target.url.href, target.id, target.verifier]);
      const before = running.get(key);
      before?.operation.abort();
      const run = async () => {
        metrics.began();
        await before?.ended;
        await deliver(results, target, operation, { ...options, clock, send: client.send, closing: closing.signal });
        metrics.ended();
        if (running.get(key) === delivery) running.delete(key);
      };
      const delivery: Delivery = { operation, ended: run() };
      running.set(key, delivery);
    },
    [Symbol.asyncDispose]: async () => {
      const deliveries = [...running.values()];
      for (const { operation } of deliveries) operation.abort(new ShuttingDownError());
      const ended = Promise.all(deliveries.map((delivery) => delivery.ended));
      using deadline = clock.deadline(farewellMs);
      const late = new Promise<void>((resolve) => deadline.signal.addEventListener('abort', () => resolve()));
      await Promise.race([ended, late]);
      closing.abort();
      await client[Symbol.asyncDispose]();
      await ended;
    },
  };
}
