import { createClient } from 'graphql-ws';
import { Client, cacheExchange, fetchExchange, mapExchange, subscriptionExchange } from 'urql';
import { ConnectionStore } from '../live/connection.ts';
import { subscribeResuming } from '../live/resume.ts';
import { ViewerDocument } from '../operations.generated.ts';
import type { Clock } from './clock.ts';
import { type Failure, failureOf, isRejection } from './failure.ts';
import { type Credential, headersOf, type Rejection } from './session.ts';

export interface GatewayClient {
  readonly client: Client;
  readonly connection: ConnectionStore;
  /** Ends all live views. */
  close(): void;
}

export interface GatewayClientOptions {
  readonly credential: Credential;
  /** An empty text: the default of the gateway. */
  readonly sandbox: string;
  readonly clock: Clock;
  /** Called when the gateway rejects the credential. */
  readonly onRejected: (reason: Rejection) => void;
}

const path = '/graphql';

/** Interval of the pings by which the page notices a lost connection, and time for the response, in milliseconds. */
const pingMs = 10_000;
const pongMs = 5_000;

/** Time for which the socket stays open without a live view, in milliseconds, so that the next page uses it again. */
const idleSocketMs = 5_000;

/** Pauses before reconnects, in milliseconds. */
const pausesMs = [250, 500, 1_000, 2_000, 4_000, 8_000];

/** The gateway closes a socket with this code when it rejects the credential. */
const forbidden = 4403;

/** Queries and mutations use HTTP, and live views one socket. */
export function createGatewayClient({ credential, sandbox, clock, onRejected }: GatewayClientOptions): GatewayClient {
  const connection = new ConnectionStore();
  const headers = headersOf(credential, sandbox);
  let isClosed = false;
  let cancelTimeout = () => {};

  const socket = createClient({
    url: new URL(path, window.location.href).href.replace(/^http/, 'ws'),
    connectionParams: headers,
    lazyCloseTimeout: idleSocketMs,
    keepAlive: pingMs,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: (event) => !isClosed && !isForbidden(event),
    retryWait: (attempt) =>
      new Promise((resolve) => {
        const pause = pausesMs[Math.min(attempt, pausesMs.length - 1)] ?? 0;
        // Clients that lost the same gateway do not return at the same moment.
        clock.after(pause * (0.5 + Math.random()), () => resolve());
      }),
    on: {
      connected: () => connection.connected(clock.now()),
      message: () => connection.contact(clock.now()),
      ping: (received) => {
        if (received) return;
        cancelTimeout = clock.after(pongMs, () => socket.terminate());
      },
      pong: (received) => {
        if (received) cancelTimeout();
      },
      closed: (event) => {
        cancelTimeout();
        if (isClosed || isClean(event)) return;
        connection.lost();
        if (isForbidden(event)) onRejected({ code: 'UNAUTHENTICATED', message: event.reason });
      },
    },
  });

  const client = new Client({
    url: path,
    preferGetMethod: false,
    fetchOptions: { headers },
    exchanges: [
      mapExchange({
        onError: (error) => {
          const failure = failureOf(error);
          if (isRejection(failure) && !isClosed) onRejected(failure);
        },
      }),
      cacheExchange,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: subscribeResuming(
              { query, variables: variables ?? {} },
              {
                next: ({ data = null, errors }) =>
                  sink.next(errors === undefined ? { data } : { data, errors: [...errors] }),
                error: (error) => sink.error(error),
                complete: () => sink.complete(),
              },
              { socket, clock, onInterrupted: (failure) => connection.interrupted(failure) },
            ),
          }),
        }),
      }),
    ],
  });

  return {
    client,
    connection,
    close: () => {
      isClosed = true;
      void socket.dispose();
    },
  };
}

/** Sends one request with a credential. @returns why the gateway does not accept it; null if it does */
export async function checkCredential(credential: Credential, sandbox: string): Promise<Failure | null> {
  const client = new Client({
    url: path,
    preferGetMethod: false,
    fetchOptions: { headers: headersOf(credential, sandbox) },
    exchanges: [fetchExchange],
  });
  const { data, error } = await client.query(ViewerDocument, {}).toPromise();
  const failure = error === undefined ? null : failureOf(error);
  // A caller who may not list the sandboxes is accepted.
  return failure === null || (data !== undefined && !isRejection(failure)) ? null : failure;
}

const isForbidden = (event: unknown): event is CloseEvent => event instanceof CloseEvent && event.code === forbidden;

/** Whether the page itself closed a socket without live views. */
const isClean = (event: unknown): boolean => event instanceof CloseEvent && event.code === 1000;
