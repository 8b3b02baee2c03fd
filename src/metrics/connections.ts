import type { MetricDefinitions } from './definitions.ts';

/** Numbers of the responses and connections that wait for their clients. */
export interface ConnectionNumbers {
  /** WebSockets, event streams and multipart responses. */
  readonly streams: number;
  /** Bytes that clients have not read yet. */
  readonly waitingBytes: number;
}

/** Declares the metrics of the connections. They are read at the time of each request. */
export function defineConnectionMetrics(define: MetricDefinitions, numbers: () => ConnectionNumbers): void {
  define.readGauge(
    {
      name: 'aep_live_connections',
      help: 'Open WebSockets, event streams, multipart responses and subscriptions by callbacks.',
      labels: {},
    },
    () => [{ labels: {}, value: numbers().streams }],
  );
  define.readGauge(
    { name: 'aep_send_buffer_bytes', help: 'Bytes that wait for clients to read them.', labels: {} },
    () => [{ labels: {}, value: numbers().waitingBytes }],
  );
}
