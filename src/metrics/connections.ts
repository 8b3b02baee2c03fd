import { label, type MetricDefinitions } from './definitions.ts';
import type { OperationTransport } from './operations.ts';

/** Numbers of the responses and connections that wait for their clients. */
export interface ConnectionNumbers {
  /** Open connections, of the transports that have one. */
  readonly open: ReadonlyMap<OperationTransport, number>;
  /** Bytes that clients have not read yet. */
  readonly waitingBytes: number;
}

/** Transports whose connections stay open. */
const connectionTransports = ['websocket', 'sse', 'sse_single', 'multipart', 'callback'] as const;

/** Declares the metrics of the connections. They are read at the time of each request. */
export function defineConnectionMetrics(define: MetricDefinitions, numbers: () => ConnectionNumbers): void {
  define.readGauge(
    {
      name: 'aep_live_connections',
      help: 'Open WebSockets, event streams, multipart responses and subscriptions by callbacks, by transport.',
      labels: { transport: label<OperationTransport>() },
    },
    () => {
      const { open } = numbers();
      return connectionTransports.map((transport) => ({ labels: { transport }, value: open.get(transport) ?? 0 }));
    },
  );
  define.readGauge(
    { name: 'aep_send_buffer_bytes', help: 'Bytes that wait for clients to read them.', labels: {} },
    () => [{ labels: {}, value: numbers().waitingBytes }],
  );
}
