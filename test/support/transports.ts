import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { graphQLResultHasProtocolErrors, PROTOCOL_ERRORS_SYMBOL } from '@apollo/client/errors';
import { RetryLink } from '@apollo/client/link/retry';
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { type DocumentNode, print } from 'graphql';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWebSocketClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { CallbackRouter } from './callback-router.ts';
import { EventStream, type GraphQLFailure, type Result } from './event-stream.ts';

/** Transports of subscriptions, each with its reference client. */
export const transports = ['websocket', 'sse', 'sse-single', 'multipart'] as const;
export type Transport = (typeof transports)[number];
/** All transports, including HTTP callbacks to a router, which need no connection. */
export const allTransports = [...transports, 'callback'] as const;
export type AnyTransport = (typeof allTransports)[number];

export interface OpenOptions {
  /** Sent as headers over HTTP, and in `connectionParams` over WebSocket. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Connection parameters of a WebSocket. @default `headers`, flat */
  readonly connectionParams?: Record<string, unknown>;
  /** When it aborts, the connection is destroyed without notifying the gateway. */
  readonly signal?: AbortSignal;
  /**
   * Number of automatic reconnections after the connection was lost. Each uses the current `graphqlUrl` and the current
   * variables. @default 0
   */
  readonly retries?: number;
  /** Router that receives the callbacks; required for HTTP callbacks. */
  readonly callbackRouter?: CallbackRouter;
}

/** Operation of a client. Its variables are read again for each connection. */
interface Payload {
  readonly document: DocumentNode;
  readonly variables: Record<string, unknown>;
}

/** Opens a subscription. A query or mutation is a stream of one event. */
export function openStream<Data, Variables extends Record<string, unknown>>(
  transport: AnyTransport,
  graphqlUrl: () => string,
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  options: OpenOptions = {},
): EventStream<Data> {
  return adapters[transport](graphqlUrl, { document, variables }, options);
}

type Adapter = <Data>(graphqlUrl: () => string, payload: Payload, options: OpenOptions) => EventStream<Data>;

const noWait = async () => {};

const overWebSocket: Adapter = <Data>(
  graphqlUrl: () => string,
  { document, variables }: Payload,
  { headers = {}, connectionParams = headers, signal, retries = 0 }: OpenOptions,
) => {
  class VanishingWebSocket extends WebSocket {
    constructor(url: string, protocol: string) {
      super(url, protocol);
      signal?.addEventListener('abort', () => this.terminate());
    }
  }
  const client = createWebSocketClient({
    url: () => graphqlUrl().replace(/^http/, 'ws'),
    webSocketImpl: VanishingWebSocket,
    connectionParams,
    retryAttempts: retries,
    retryWait: noWait,
  });
  return new EventStream<Data>(client.iterate<Data>({ query: print(document), variables }), () => client.dispose());
};

const overEventStreams =
  (singleConnection: boolean): Adapter =>
  <Data>(graphqlUrl: () => string, { document, variables }: Payload, options: OpenOptions) => {
    const { headers = {}, signal, retries = 0 } = options;
    const client = createSseClient({
      singleConnection,
      url: () => (singleConnection ? `${graphqlUrl()}/stream` : graphqlUrl()),
      // The headers are copied, because the client adds its own members.
      headers: () => ({ ...headers }),
      fetchFn: vanishingFetch(signal),
      retryAttempts: retries,
      retry: noWait,
    });
    return new EventStream<Data>(client.iterate<Data>({ query: print(document), variables }), () => client.dispose());
  };

const overMultipart: Adapter = <Data>(
  graphqlUrl: () => string,
  { document, variables }: Payload,
  { headers = {}, signal, retries = 0 }: OpenOptions,
) => {
  const link = ApolloLink.from([
    new RetryLink({ delay: () => 0, attempts: (count) => count <= retries }),
    new HttpLink({ uri: graphqlUrl, headers, fetch: vanishingFetch(signal) }),
  ]);
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  let leave = () => {};
  let close = () => {};
  const results = new ReadableStream<Result<Data>>({
    start: (controller) => {
      const subscription = ApolloLink.execute(link, { query: document, variables }, { client }).subscribe({
        // The assertion holds because the link returns results of the document's type.
        next: (result) => controller.enqueue(withProtocolErrors(result as Result<Data>)),
        error: (error) => controller.error(error),
        complete: () => controller.close(),
      });
      leave = () => subscription.unsubscribe();
      close = () => {
        if (subscription.closed) return;
        leave();
        // Ends the pending read, because the link returns no further result after unsubscribing.
        controller.close();
      };
    },
    cancel: () => leave(),
  });
  return new EventStream<Data>(results, () => close());
};

/** A router whose client subscribes again after errors that may be temporary. */
const overCallbacks: Adapter = <Data>(
  graphqlUrl: () => string,
  { document, variables }: Payload,
  { headers = {}, signal, retries = 0, callbackRouter }: OpenOptions,
) => {
  if (callbackRouter === undefined) throw new Error('HTTP callbacks need a callback router.');
  let forget = () => {};
  signal?.addEventListener('abort', () => forget());
  async function* read(router: CallbackRouter): AsyncGenerator<Result<Data>, void> {
    for (let left = retries; ; left -= 1) {
      const subscription = router.subscribe({ graphqlUrl: graphqlUrl(), query: print(document), variables, headers });
      forget = subscription.forget;
      try {
        // The assertion holds because the router returns results of the document's type.
        for await (const result of subscription.results) yield result as Result<Data>;
        return;
      } catch (error) {
        if (left === 0 || !isTemporary(error)) throw error;
      }
    }
  }
  return new EventStream<Data>(read(callbackRouter), () => forget());
};

const isTemporary = (error: unknown): boolean =>
  Array.isArray(error) && error.every(({ extensions }: GraphQLFailure) => extensions?.['retryable'] === true);

const adapters: Readonly<Record<AnyTransport, Adapter>> = {
  websocket: overWebSocket,
  sse: overEventStreams(false),
  'sse-single': overEventStreams(true),
  multipart: overMultipart,
  callback: overCallbacks,
};

/**
 * Moves protocol errors into the result. They end the subscription itself, and arrive in a member that only Apollo's
 * own links read.
 */
function withProtocolErrors<Data>(result: Result<Data>): Result<Data> {
  if (!graphQLResultHasProtocolErrors(result)) return result;
  const { errors }: { readonly errors: readonly GraphQLFailure[] } = result.extensions[PROTOCOL_ERRORS_SYMBOL];
  return { errors };
}

const vanishingFetch =
  (vanished: AbortSignal | undefined): typeof fetch =>
  (input, init) => {
    const signals = [init?.signal, vanished].filter((signal) => signal instanceof AbortSignal);
    return fetch(input, { ...init, signal: AbortSignal.any(signals) });
  };
