import type { IncomingHttpHeaders } from 'node:http';
import {
  type Attributes,
  type Context,
  type Link,
  // biome-ignore lint/suspicious/noDeprecatedImports: nothing else shows whether an SDK is loaded without starting a span.
  ProxyTracerProvider,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';

/** An HTTP request of a client. */
export interface TracedRequest {
  readonly method: string;
  /** The path without its variable parts, because the paths of downloads contain a credential. */
  readonly route: string;
  readonly headers: IncomingHttpHeaders;
}

/** An operation, without its variables and the text of its document, which can contain personal data. */
export interface TracedOperation {
  readonly type: 'query' | 'mutation' | 'subscription';
  /** Null if the operation has no name. */
  readonly name: string | null;
  /** SHA-256 of the text of the document, in hexadecimal; null if the text is not known. */
  readonly documentHash: string | null;
}

export interface TracedCall {
  /** Name of the platform's API. */
  readonly service: string;
  readonly method: string;
}

/** A round of the poller. */
export interface TracedRound {
  /** Kind of the polled entities. */
  readonly kind: string;
  /** Number of subscribers of this replica that the round serves. */
  readonly subscribers: number;
}

/** Identifies a recorded span, so that others can refer to it. It keeps nothing else in memory. */
export type TraceLink = SpanContext;

/** Maximum number of links of a span. The SDK drops further links by default. */
const maxLinks = 128;

/** Status codes that are errors of a client's span, and those of a server's: semantic conventions of HTTP. */
const clientErrors = 400;
const serverErrors = 500;

/** Methods that may be values of an attribute. A client can send others. */
const knownMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'DELETE']);

/** Name of the gateway's tracer. */
const tracerName = 'aep-export-gateway';

/** Traces of requests from clients. */
export interface Tracing {
  /** Begins the span of a request, in the trace that its headers name, or in a new trace. */
  startRequest(request: TracedRequest): TraceSpan;
  /** The position that the headers of a request name; the start of a new trace if they name none. */
  positionOf(headers: IncomingHttpHeaders): TracePosition;
  /** Begins the span of a round of the poller, which begins a trace. */
  startRound(round: TracedRound): TraceSpan;
  /** Position of a call that no request and no round causes. The call begins a trace. */
  readonly root: TracePosition;
}

/**
 * Finds the OpenTelemetry SDK that the operator has loaded. It must be loaded before the gateway.
 * @returns null without an SDK; nothing is traced then, so that tracing costs nothing
 */
export function createTracing(): Tracing | null {
  const provider = trace.getTracerProvider();
  // Without an SDK, the API returns its own provider without a delegate.
  if (provider instanceof ProxyTracerProvider && provider.getDelegateTracer(tracerName) === undefined) return null;
  return {
    startRequest: ({ method, route, headers }) => {
      const isKnown = knownMethods.has(method);
      const attributes = {
        'http.request.method': isKnown ? method : '_OTHER',
        'http.route': route,
        'url.scheme': 'http',
      };
      const name = `${isKnown ? method : 'HTTP'} ${route}`;
      return begin(name, remoteContext(headers), { kind: SpanKind.SERVER, attributes });
    },
    positionOf: (headers) => new TracePosition(remoteContext(headers)),
    startRound: ({ kind, subscribers }) => {
      const attributes = { 'aep.kind': kind, 'aep.subscribers': subscribers };
      return begin('poll round', ROOT_CONTEXT, { kind: SpanKind.INTERNAL, attributes });
    },
    root: new TracePosition(ROOT_CONTEXT),
  };
}

/** Baggage is dropped, because the gateway would otherwise send data of its clients to the platform. */
function remoteContext(headers: IncomingHttpHeaders): Context {
  const context = propagation.extract(ROOT_CONTEXT, headers);
  return propagation.getBaggage(context) === undefined ? context : propagation.deleteBaggage(context);
}

/** Whether the SDK decided not to sample the span at a position. Spans below it would only cost time. */
function isSampledOut(context: Context): boolean {
  const span = trace.getSpanContext(context);
  return span !== undefined && span.isRemote !== true && (span.traceFlags & TraceFlags.SAMPLED) === 0;
}

function begin(name: string, parent: Context, options: SpanOptions): TraceSpan {
  const span = trace.getTracer(tracerName).startSpan(name, options, parent);
  const errorsFrom = options.kind === SpanKind.CLIENT ? clientErrors : serverErrors;
  return new TraceSpan(trace.setSpan(parent, span), span, errorsFrom);
}

const attributesOf = ({ type, name, documentHash }: TracedOperation): Attributes => ({
  'graphql.operation.type': type,
  ...(name === null ? {} : { 'graphql.operation.name': name }),
  ...(documentHash === null ? {} : { 'graphql.document.hash': documentHash }),
});

/** A position in a trace. Spans that begin at it are children of the span there, or begin a trace if there is none. */
export class TracePosition {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Id of the trace; null: no trace has begun yet. */
  get traceId(): string | null {
    return trace.getSpanContext(this.#context)?.traceId ?? null;
  }

  /** The span at this position; null if there is none or it is not recorded. */
  get link(): TraceLink | null {
    const span = trace.getSpan(this.#context);
    return span?.isRecording() === true ? span.spanContext() : null;
  }

  /**
   * Begins the span of an operation.
   * @param describe called only if the trace is sampled
   * @returns null if the trace is not sampled
   */
  startOperation(describe: () => TracedOperation): TraceSpan | null {
    if (isSampledOut(this.#context)) return null;
    const operation = describe();
    const parent = trace.getSpanContext(this.#context);
    // An operation over a WebSocket has no span of an HTTP request above it.
    const isEntry = parent === undefined || parent.isRemote === true;
    return begin(operation.type, this.#context, {
      kind: isEntry ? SpanKind.SERVER : SpanKind.INTERNAL,
      attributes: attributesOf(operation),
    });
  }

  /** Adds the headers that name this position. */
  inject(headers: Record<string, string>): void {
    propagation.inject(this.#context, headers);
  }

  /** Creates the trace of a call to the platform, each attempt of which has a span. */
  call(call: TracedCall): CallTrace {
    return new CallTrace(this.#context, call);
  }
}

/** A span that has begun. It must be ended once. */
export class TraceSpan extends TracePosition {
  readonly #span: Span;
  readonly #errorsFrom: number;

  /** @param errorsFrom first HTTP status that is an error */
  constructor(context: Context, span: Span, errorsFrom: number) {
    super(context);
    this.#span = span;
    this.#errorsFrom = errorsFrom;
  }

  /** Whether the span records data. If it does not, its end has no effect. */
  get isRecording(): boolean {
    return this.#span.isRecording();
  }

  /** @param error type of the failure, one of few values; null: there was none */
  end(error: string | null): void {
    if (error !== null) {
      this.#span.setAttribute('error.type', error);
      this.#span.setStatus({ code: SpanStatusCode.ERROR });
    }
    this.#span.end();
  }

  /** Ends the span with the status of an HTTP response. */
  endWithStatus(status: number): void {
    this.#span.setAttribute('http.response.status_code', status);
    this.end(status >= this.#errorsFrom ? String(status) : null);
  }
}

/** The attempts of one call to the platform. */
export class CallTrace {
  readonly #context: Context;
  readonly #call: TracedCall;
  #attempts = 0;

  constructor(context: Context, call: TracedCall) {
    this.#context = context;
    this.#call = call;
  }

  /**
   * Begins the span of the next attempt.
   * @param headers of the request; those that pass the trace on are added
   * @returns null if the trace is not sampled
   */
  startAttempt(headers: Record<string, string>): TraceSpan | null {
    if (isSampledOut(this.#context)) {
      propagation.inject(this.#context, headers);
      return null;
    }
    const { service, method } = this.#call;
    const attributes = {
      'aep.service': service,
      'http.request.method': method,
      'http.request.resend_count': this.#attempts,
    };
    this.#attempts += 1;
    const span = begin(`${method} ${service}`, this.#context, { kind: SpanKind.CLIENT, attributes });
    span.inject(headers);
    return span;
  }
}

/**
 * Begins the span of an event that is executed for subscriptions. It begins a trace, because their operations may have
 * begun hours ago, and links to the spans of at most 128 of them.
 * @param links of the subscriptions
 * @param subscribers number of subscribers that receive the result
 */
export function startEvent(
  operation: TracedOperation,
  { links, subscribers }: { readonly links: Iterable<TraceLink>; readonly subscribers: number },
): TraceSpan {
  const found: Link[] = [];
  for (const context of links) {
    if (found.length === maxLinks) break;
    found.push({ context });
  }
  return begin('subscription event', ROOT_CONTEXT, {
    kind: SpanKind.INTERNAL,
    attributes: { ...attributesOf(operation), 'aep.subscribers': subscribers },
    links: found,
  });
}
