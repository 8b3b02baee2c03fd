import { Registry } from 'prom-client';
import { defineCredentialMetrics } from '../../src/metrics/credentials.ts';
import { MetricDefinitions } from '../../src/metrics/definitions.ts';
import { defineDownloadMetrics } from '../../src/metrics/downloads.ts';
import { definePollMetrics } from '../../src/metrics/polling.ts';
import { defineSubscriptionMetrics } from '../../src/metrics/subscriptions.ts';
import { defineWriteMetrics } from '../../src/metrics/writes.ts';

/** Metrics that no test reads. */
const define = new MetricDefinitions(new Registry());

export const uncountedCredentials = defineCredentialMetrics(define);
export const uncountedDownloads = defineDownloadMetrics(define);
export const uncountedPolls = definePollMetrics(define);
export const uncountedSubscriptions = defineSubscriptionMetrics(define);
export const uncountedWrites = defineWriteMetrics(define);
