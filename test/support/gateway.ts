import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { print } from 'graphql';
import { startApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/config.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { type AuditLine, parseAuditLine } from './audit-line.ts';
import type { EventStream, GraphQLFailure } from './event-stream.ts';
import { isRecognisable, lookForSecrets, searchAnswersOf } from './secrets.ts';
import { type AnyTransport, type OpenOptions, openStream } from './transports.ts';

export interface GatewayOptions {
  /** Address of the platform. The token service has the same address unless `imsUrl` is given. */
  readonly platform: { readonly url: string; readonly imsUrl?: string };
  readonly clock?: Clock;
  /** @default the clock of the machine */
  readonly connectionClock?: Clock;
  /** Folder of a built console. @default the gateway serves none */
  readonly consoleFolder?: URL;
  /** Environment variables that override `defaults`. */
  readonly env?: Readonly<Record<string, string>>;
}

export type Headers = Readonly<Record<string, string>>;

/** One response of `/graphql` over HTTP. */
export interface Answer<Data> {
  readonly status: number;
  readonly headers: Response['headers'];
  /** The body, verbatim. */
  readonly text: string;
  readonly data: Data | null;
  readonly errors: readonly GraphQLFailure[];
}

export interface SubscribeOptions extends OpenOptions {
  /** @default 'websocket' */
  readonly transport?: AnyTransport;
}

/** A gateway under test, which tests use over sockets with the reference clients. */
export interface Gateway extends AsyncDisposable {
  readonly url: string;
  readonly graphqlUrl: string;
  readonly webSocketUrl: string;
  /** All log lines, as JSON. */
  readonly logs: readonly string[];
  /** All lines of the audit log, unless the environment names a file for them. */
  readonly audit: readonly AuditLine[];
  /** @throws when the response contains an error */
  query<Data, Variables>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
    headers?: Headers,
  ): Promise<Data>;
  /** Like `query`, but returns the errors in the result. */
  execute<Data, Variables>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
    headers?: Headers,
  ): Promise<Answer<Data>>;
  /** Sends a document as text, with arbitrary variables. */
  send(
    query: string,
    variables?: Readonly<Record<string, unknown>>,
    headers?: Headers,
  ): Promise<Answer<Record<string, unknown>>>;
  /** Subscribes to any operation. A query or mutation is a stream of one event. */
  subscribe<Data, Variables extends Record<string, unknown>>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
    options?: SubscribeOptions,
  ): EventStream<Data>;
  /** Sum of a metric over its labels, from `/metrics`. */
  metric(name: string): Promise<number>;
  close(): Promise<void>;
}

/** Default environment: any free port, the shortest polling interval, and all log lines. */
const defaults = { PORT: '0', POLL_MIN_MS: '100', POLL_MAX_MS: '100', LOG_LEVEL: 'debug' };

/** Variables that contain a secret. */
const secretVariables = ['AEP_CLIENT_SECRET', 'DOWNLOAD_LINK_SECRET'];

/** Starts a gateway on a free port of loopback. All its output is searched for secrets. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { platform, clock, connectionClock, consoleFolder, env = {} } = options;
  const unplanted = secretVariables.filter((name) => env[name] && !isRecognisable(env[name]));
  if (unplanted.length > 0) throw new Error(`The search for secrets cannot recognize ${unplanted.join(' or ')}.`);
  const logs: string[] = [];
  const write = (line: string) => {
    logs.push(line);
    lookForSecrets('the log of the gateway', line);
  };
  const audit: AuditLine[] = [];
  const writeAudit = (line: string) => {
    audit.push(parseAuditLine(line));
    lookForSecrets('the audit log of the gateway', line);
  };
  const app = await startApp({
    version: 'test',
    config: loadConfig({ ...defaults, ...env }),
    platform: { baseUrl: platform.url, imsUrl: platform.imsUrl ?? platform.url },
    ...(consoleFolder === undefined ? {} : { consoleFolder }),
    ...(clock === undefined ? {} : { clock }),
    ...(connectionClock === undefined ? {} : { connectionClock }),
    logger: createLogger({ level: 'debug', destination: { write } }),
    ...('AUDIT_LOG' in env ? {} : { auditDestination: { write: writeAudit, [Symbol.dispose]: () => {} } }),
  });
  const search = searchAnswersOf({ name: 'the gateway', url: app.url });
  const client = connectGateway(app.url);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    // The metrics are searched for secrets as well.
    closing ??= client
      .metric('aep_watch_feeds')
      .then(() => app.close())
      .finally(() => search[Symbol.dispose]());
    return closing;
  };
  return { ...client, logs, audit, close, [Symbol.asyncDispose]: close };
}

/** Connects to a running gateway, in this process or another. */
export function connectGateway(url: string): Omit<Gateway, 'logs' | 'audit' | 'close' | typeof Symbol.asyncDispose> {
  const graphqlUrl = `${url}/graphql`;
  const webSocketUrl = graphqlUrl.replace(/^http/, 'ws');

  const post = async <Data>(query: string, variables: unknown, headers: Headers = {}): Promise<Answer<Data>> => {
    const response = await fetch(graphqlUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
      body: JSON.stringify({ query, variables }),
    });
    const text = await response.text();
    // Responses of a GraphQL server have this form; the tests check the content.
    const body = JSON.parse(text) as { data?: Data | null; errors?: readonly GraphQLFailure[] };
    return {
      status: response.status,
      headers: response.headers,
      text,
      data: body.data ?? null,
      errors: body.errors ?? [],
    };
  };

  return {
    url,
    graphqlUrl,
    webSocketUrl,
    send: (query, variables = {}, headers) => post(query, variables, headers),
    execute: (document, variables, headers) => post(print(document), variables, headers),
    query: async <Data, Variables>(
      document: TypedDocumentNode<Data, Variables>,
      variables: Variables,
      headers?: Headers,
    ) => {
      const { data, errors, text } = await post<Data>(print(document), variables, headers);
      if (data === null || errors.length > 0) throw new Error(`The query failed: ${text}`);
      return data;
    },
    subscribe: <Data, Variables extends Record<string, unknown>>(
      document: TypedDocumentNode<Data, Variables>,
      variables: Variables,
      { transport = 'websocket', ...options }: SubscribeOptions = {},
    ) => openStream(transport, () => graphqlUrl, document, variables, options),
    metric: async (name) => {
      const lines = (await (await fetch(`${url}/metrics`)).text()).split('\n');
      const values = lines.filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
      return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
    },
  };
}
