import { Registry } from 'prom-client';
import { defineAuditMetrics } from './audit.ts';
import { defineCallbackMetrics } from './callbacks.ts';
import { type ConnectionNumbers, defineConnectionMetrics } from './connections.ts';
import { defineCredentialMetrics } from './credentials.ts';
import { MetricDefinitions } from './definitions.ts';
import { defineDownloadMetrics } from './downloads.ts';
import { defineOperationMetrics } from './operations.ts';
import { definePlatformMetrics } from './platform.ts';
import { definePollMetrics } from './polling.ts';
import { defineProcessMetrics } from './process.ts';
import { defineRedisMetrics } from './redis.ts';
import { defineSubscriptionMetrics } from './subscriptions.ts';
import { defineWriteMetrics } from './writes.ts';

/**
 * Creates the metrics, in the text format of Prometheus. Each is declared once, in the file of the layer that reports
 * it. The layers use the types of these files only. No label contains an id, a tenant or a token.
 * @param options.version version of the gateway
 */
export function createMetrics({ version }: { readonly version: string }) {
  const registry = new Registry();
  const define = new MetricDefinitions(registry);
  defineProcessMetrics(registry, define, version);
  return {
    operations: defineOperationMetrics(define),
    platform: definePlatformMetrics(define),
    polls: definePollMetrics(define),
    callbacks: defineCallbackMetrics(define),
    credentials: defineCredentialMetrics(define),
    downloads: defineDownloadMetrics(define),
    subscriptions: defineSubscriptionMetrics(define),
    writes: defineWriteMetrics(define),
    audit: defineAuditMetrics(define),
    /** Reports the connections to clients. They are read at the time of each request. */
    watchConnections: (numbers: () => ConnectionNumbers): void => defineConnectionMetrics(define, numbers),
    /** Reports the state of Redis. It is read at the time of each request. */
    watchRedis: (state: Parameters<typeof defineRedisMetrics>[1]): void => defineRedisMetrics(define, state),
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}
