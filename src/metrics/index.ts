import { collectDefaultMetrics, Registry } from 'prom-client';
import { defineCallbackMetrics } from './callbacks.ts';
import { MetricDefinitions } from './definitions.ts';
import { definePlatformMetrics } from './platform.ts';
import { definePollMetrics } from './polling.ts';
import { defineRedisMetrics } from './redis.ts';
import { defineSubscriptionMetrics } from './subscriptions.ts';

/**
 * Creates the metrics, in the text format of Prometheus. Each is declared once, in the file of the layer that reports
 * it. The layers use the types of these files only. No label contains an id, a tenant or a token.
 */
export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const define = new MetricDefinitions(registry);
  return {
    platform: definePlatformMetrics(define),
    polls: definePollMetrics(define),
    callbacks: defineCallbackMetrics(define),
    subscriptions: defineSubscriptionMetrics(define),
    /** Reports the state of Redis. It is read at the time of each request. */
    watchRedis: (state: Parameters<typeof defineRedisMetrics>[1]): void => defineRedisMetrics(define, state),
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}
