import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { parse } from 'graphql';
import type { CallbackRouter } from './callback-router.ts';
import { StreamFailure } from './event-stream.ts';
import type { Gateway, Headers } from './gateway.ts';

/** Transports over which any operation can reach the gateway. */
export const operationTransports = ['POST', 'GET', 'SSE', 'single SSE connection', 'multipart', 'WebSocket'] as const;
/** All transports, including HTTP callbacks of federation routers, which support only subscriptions. */
export const allOperationTransports = [...operationTransports, 'HTTP callbacks'] as const;
export type OperationTransport = (typeof allOperationTransports)[number];
/** Transports over which a subscription can return results. */
export const streamingTransports = [
  'SSE',
  'single SSE connection',
  'multipart',
  'WebSocket',
  'HTTP callbacks',
] as const satisfies OperationTransport[];

/** Result of an operation. */
export interface Outcome {
  readonly data: Readonly<Record<string, unknown>> | null;
  /** `extensions.code` of the first error, or the close code when the gateway closed the socket. */
  readonly code: string | null;
  /** The complete response as text. */
  readonly text: string;
}

export interface Ask {
  readonly query: string;
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly headers?: Headers;
  /** Router that receives the callbacks; required for HTTP callbacks. */
  readonly callbackRouter?: CallbackRouter;
}

/**
 * Sends an operation over one of the transports, and returns the first response. Headers become connection parameters
 * over a WebSocket.
 */
export async function sendOver(transport: OperationTransport, gateway: Gateway, ask: Ask): Promise<Outcome> {
  const { query, variables = {}, headers = {}, callbackRouter } = ask;
  switch (transport) {
    case 'POST':
      return ofBody(await post(gateway.graphqlUrl, ask, 'application/json'));
    case 'GET': {
      const target = `${gateway.graphqlUrl}?${new URLSearchParams({ query, variables: JSON.stringify(variables) })}`;
      return ofBody(await fetch(target, { headers: { accept: 'application/json', ...headers } }));
    }
    case 'SSE':
      return firstEvent(await post(gateway.graphqlUrl, ask, 'text/event-stream'), eventData);
    case 'single SSE connection': {
      const url = `${gateway.graphqlUrl}/stream`;
      const reserved = await fetch(url, { method: 'PUT', headers });
      if (reserved.status !== 201) return ofBody(reserved);
      const ofStream = { ...headers, 'x-graphql-event-stream-token': await reserved.text() };
      const stream = await fetch(url, { headers: { ...ofStream, accept: 'text/event-stream' } });
      const accepted = await post(url, { ...ask, headers: ofStream }, '*/*');
      if (accepted.status === 202) return firstEvent(stream, /^event: next\ndata: \{"id":"1","payload":(\{.*\})\}\n/m);
      await stream.body?.cancel();
      return ofBody(accepted);
    }
    case 'multipart': {
      const accept = 'multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json';
      const response = await post(gateway.graphqlUrl, ask, accept);
      return firstEvent(response, /^\{"payload":(?:null,)?(\{.*\}|"errors":.*)\}\r$/m);
    }
    case 'WebSocket': {
      const document: TypedDocumentNode<Record<string, unknown>, Record<string, unknown>> = parse(query);
      await using results = gateway.subscribe(document, variables, { headers });
      try {
        const data = await results.take();
        return { data, code: null, text: JSON.stringify(data) };
      } catch (error) {
        if (!(error instanceof StreamFailure)) throw error;
        return { data: null, code: codeOf(error), text: `${error.message} ${JSON.stringify(error.errors)}` };
      }
    }
    case 'HTTP callbacks': {
      if (callbackRouter === undefined) throw new Error('HTTP callbacks need a callback router.');
      const subscription = callbackRouter.subscribe({ graphqlUrl: gateway.graphqlUrl, query, variables, headers });
      try {
        const { value } = await subscription.results.getReader().read();
        return outcomeOf(JSON.stringify(value));
      } catch (error) {
        if (!Array.isArray(error)) throw error;
        return outcomeOf(JSON.stringify({ errors: error }));
      } finally {
        subscription.forget();
      }
    }
  }
}

function post(url: string, { query, variables = {}, headers = {} }: Ask, accept: string): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept, ...headers },
    body: JSON.stringify({ query, variables, extensions: { operationId: '1' } }),
  });
}

const eventData = /^data: (\{.*\})\n/m;

/**
 * Reads a streamed response up to its first result, which is the first group of `result`. The reference clients do not
 * expose the response to a rejected request.
 */
async function firstEvent(response: Response, result: RegExp): Promise<Outcome> {
  let text = '';
  const decoder = new TextDecoder();
  // Leaving the loop cancels the request.
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    const data = result.exec(text)?.[1];
    if (data !== undefined) return outcomeOf(data.startsWith('"errors"') ? `{${data}}` : data);
  }
  return outcomeOf(text);
}

async function ofBody(response: Response): Promise<Outcome> {
  return outcomeOf(await response.text());
}

function outcomeOf(text: string): Outcome {
  // Responses of a GraphQL server have this form. Any other response results in neither data nor a code.
  const body = JSON.parse(text || '{}') as {
    readonly data?: Record<string, unknown> | null;
    readonly errors?: readonly { readonly extensions?: Readonly<Record<string, unknown>> }[];
  };
  const code = body.errors?.[0]?.extensions?.['code'];
  return { data: body.data ?? null, code: code === undefined ? null : String(code), text };
}

function codeOf(failure: StreamFailure): string {
  const code = failure.errors[0]?.extensions?.['code'];
  if (code !== undefined) return String(code);
  return /closed with \d+/.exec(failure.message)?.[0] ?? failure.message;
}
