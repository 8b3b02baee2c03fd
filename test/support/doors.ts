import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { parse } from 'graphql';
import { StreamFailure } from './event-stream.ts';
import type { Gateway, Headers } from './gateway.ts';

/** The ways in which an operation can reach the gateway. */
export const doors = ['POST', 'GET', 'SSE', 'WebSocket'] as const;
export type Door = (typeof doors)[number];

/** What came of an operation. */
export interface Outcome {
  readonly data: Readonly<Record<string, unknown>> | null;
  /** `extensions.code` of the first error; how a socket was closed, where that was the answer. */
  readonly code: string | null;
  /** Everything that was answered, as text. */
  readonly text: string;
}

export interface Ask {
  readonly query: string;
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly headers?: Headers;
}

/** Asks through one of the doors, and takes the first answer. Headers become connection parameters over a WebSocket. */
export async function askAt(door: Door, gateway: Gateway, ask: Ask): Promise<Outcome> {
  const { query, variables = {}, headers = {} } = ask;
  switch (door) {
    case 'POST':
      return ofBody(
        await fetch(gateway.graphqlUrl, {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
          body: JSON.stringify({ query, variables }),
        }),
      );
    case 'GET': {
      const target = `${gateway.graphqlUrl}?${new URLSearchParams({ query, variables: JSON.stringify(variables) })}`;
      return ofBody(await fetch(target, { headers: { accept: 'application/json', ...headers } }));
    }
    case 'SSE':
      return firstEvent(
        await fetch(gateway.graphqlUrl, {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...headers },
          body: JSON.stringify({ query, variables }),
        }),
      );
    case 'WebSocket': {
      const document: TypedDocumentNode<Record<string, unknown>, Record<string, unknown>> = parse(query);
      await using answers = gateway.subscribe(document, variables, { headers });
      try {
        const data = await answers.take();
        return { data, code: null, text: JSON.stringify(data) };
      } catch (error) {
        if (!(error instanceof StreamFailure)) throw error;
        return { data: null, code: codeOf(error), text: `${error.message} ${JSON.stringify(error.errors)}` };
      }
    }
  }
}

/** Reads an event stream up to its first event. The reference client does not show what a refused request was answered. */
async function firstEvent(response: Response): Promise<Outcome> {
  let text = '';
  const decoder = new TextDecoder();
  // Leaving the loop cancels the request.
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    const data = /^data: (\{.*\})\n/m.exec(text)?.[1];
    if (data !== undefined) return outcomeOf(data);
  }
  return outcomeOf(text);
}

async function ofBody(response: Response): Promise<Outcome> {
  return outcomeOf(await response.text());
}

function outcomeOf(text: string): Outcome {
  // What a GraphQL server answers has this shape; anything else shows as neither data nor code.
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
