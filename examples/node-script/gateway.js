import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const url = process.env.GATEWAY_URL ?? 'http://127.0.0.1:4000/graphql';
/** Headers that identify the caller, for example `{"authorization": "Bearer …"}`. `embedded` mode needs none. */
const headers = JSON.parse(process.env.GATEWAY_HEADERS ?? '{}');

/** Number of attempts of each request and download. */
export const attempts = 5;
/** Pause between two attempts, in milliseconds. */
export const pauseMs = 1_000;

/**
 * Sends a query or a mutation. Repeats it if the connection fails or the error is retryable, so a mutation needs an
 * idempotency key.
 *
 * @returns `data`
 * @throws with the messages of the errors
 */
export async function send(query, variables) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify({ query, variables }),
      });
      const { data, errors } = await response.json();
      if (errors === undefined) return data;
      const isRetryable = errors.every(({ extensions }) => extensions.retryable);
      throw Object.assign(new Error(errors.map(({ message }) => message).join('; ')), { isFinal: !isRetryable });
    } catch (error) {
      if (error.isFinal || attempt === attempts) throw error;
      await delay(pauseMs);
    }
  }
}

/**
 * Subscribes to `exportJobChanged`, and reconnects whenever the connection is lost.
 *
 * graphql-ws sends the same `variables` object again after each reconnect. It contains the cursor of the last event, so
 * that the gateway continues after this event.
 */
export async function* changesOf(query, field, ids) {
  const client = createClient({
    url: url.replace(/^http/, 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: headers,
    // By default, the client stops after five attempts, and at once when a connection is refused.
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => true,
  });
  try {
    const variables = { ids, after: null };
    for await (const { data, errors } of client.iterate({ query, variables })) {
      if (errors !== undefined) throw new Error(errors.map(({ message }) => message).join('; '));
      variables.after = data[field].cursor;
      yield data[field];
    }
  } finally {
    await client.dispose();
  }
}
