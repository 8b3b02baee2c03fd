// Sends the traces of the gateway to an OpenTelemetry collector. See docs/tracing.md.
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

// A hundredth of the traces is sampled by default, because a request that is sampled costs about a quarter more CPU.
if (process.env.OTEL_TRACES_SAMPLER === undefined) {
  process.env.OTEL_TRACES_SAMPLER = 'parentbased_traceidratio';
  process.env.OTEL_TRACES_SAMPLER_ARG ??= '0.01';
}
// The timeout also bounds the end of the process while the collector cannot be reached.
const exporter = new OTLPTraceExporter({ timeoutMillis: 2_000 });
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ 'service.name': process.env.OTEL_SERVICE_NAME ?? 'aep-export-gateway' }),
  spanProcessors: [new BatchSpanProcessor(exporter)],
});
// The gateway passes the context of its spans explicitly, so that it needs no context manager.
provider.register({ contextManager: null });
// After the drain of the gateway, the last spans are sent before the process ends.
process.once('beforeExit', () =>
  provider.shutdown().catch((error) => process.stderr.write(`The last spans were not sent: ${error.message}\n`)),
);
