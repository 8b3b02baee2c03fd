import { propagation, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  type Sampler,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createTracing, startEvent, type TraceLink } from '../../../src/tracing/trace.ts';

afterEach(() => {
  trace.disable();
  propagation.disable();
});

const request = { method: 'POST', route: '/graphql', headers: {} };
const operation = { type: 'query', name: null, documentHash: null } as const;

function loadSdk(sampler: Sampler = new AlwaysOnSampler()) {
  const exporter = new InMemorySpanExporter();
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ sampler, spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  );
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  const tracing = createTracing();
  if (tracing === null) throw new Error('The SDK was not found.');
  return { exporter, tracing };
}

describe('tracing', () => {
  it('is off without an SDK', () => {
    expect(createTracing()).toBeNull();
  });

  it('is on with an SDK, and starts no span before the first request', () => {
    expect(loadSdk().exporter.getFinishedSpans()).toEqual([]);
  });

  it('passes the decision not to record a trace on to the platform', () => {
    const { tracing, exporter } = loadSdk(new AlwaysOffSampler());
    const span = tracing.startRequest(request);
    const headers: Record<string, string> = {};
    const describeOperation = vi.fn(() => operation);
    expect(span.startOperation(describeOperation)).toBeNull();
    expect(describeOperation).not.toHaveBeenCalled();
    expect(span.isRecording).toBe(false);
    expect(span.call({ service: 'export', method: 'GET' }).startAttempt(headers)).toBeNull();
    expect(span.link).toBeNull();
    span.endWithStatus(200);
    expect(headers).toEqual({ traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/) });
    expect(exporter.getFinishedSpans()).toEqual([]);
  });

  it('does not record the name of a method that HTTP does not define', () => {
    const { tracing, exporter } = loadSdk();
    tracing.startRequest({ ...request, method: 'PROPFIND' }).endWithStatus(405);
    const [span] = exporter.getFinishedSpans();
    expect([span?.name, span?.attributes['http.request.method']]).toEqual(['HTTP /graphql', '_OTHER']);
  });

  it.each([
    { status: 499, error: undefined },
    { status: 500, error: '500' },
  ])('marks a request with the status $status with the error $error', ({ status, error }) => {
    const { tracing, exporter } = loadSdk();
    tracing.startRequest(request).endWithStatus(status);
    expect(exporter.getFinishedSpans()[0]?.attributes['error.type']).toBe(error);
  });

  it('links an event to at most 128 subscriptions', () => {
    const { exporter } = loadSdk();
    const link: TraceLink = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 };
    startEvent({ ...operation, type: 'subscription' }, { links: Array(200).fill(link), subscribers: 200 }).end(null);
    expect(exporter.getFinishedSpans()[0]?.links).toHaveLength(128);
    expect(exporter.getFinishedSpans()[0]?.droppedLinksCount).toBe(0);
  });
});
