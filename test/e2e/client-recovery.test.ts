import { ApolloClient, ApolloLink, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import * as apollo3 from '@apollo/client-3/core';
import { GraphQLWsLink as GraphQLWsLink3 } from '@apollo/client-3/link/subscriptions';
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { subscriptionExchange, Client as UrqlClient } from '@urql/core';
import { parse } from 'graphql';
import { createClient, type Client as WebSocketClient } from 'graphql-ws';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type JobBoard, startJobBoard } from '../support/job-board.ts';
import { goldTier, startSteppedPlatform } from '../support/platform.ts';
import {
  CreateSegmentJobDocument,
  WatchExportJobsDocument,
  WatchSegmentJobsDocument,
  type WatchSegmentJobsSubscription,
} from './operations.generated.ts';

interface SeenJob {
  readonly id: string;
  readonly status: string;
}

/** The view of an application that uses a client in the usual way. */
interface View {
  statusOf(id: string): string | undefined;
  close(): void;
}

interface Watch<Data> {
  readonly document: TypedDocumentNode<Data, Record<string, never>>;
  readonly jobOf: (data: Data) => SeenJob | null | undefined;
}

type OpenView = <Data>(transport: WebSocketClient, watch: Watch<Data>) => View;

const statusFragment = (id: string) => parse(`fragment Status on ${id.slice(0, id.indexOf(':'))} { status }`);
const statusIn = (data: unknown): string | undefined =>
  typeof data === 'object' && data !== null && 'status' in data ? String(data.status) : undefined;

/** No client has code for cursors. Each subscribes again with its original variables. */
const clients: Readonly<Record<string, OpenView>> = {
  'Apollo Client 4': (transport, { document }) => {
    const client = new ApolloClient({
      link: ApolloLink.from([new GraphQLWsLink(transport)]),
      cache: new InMemoryCache(),
    });
    const subscription = client.subscribe({ query: document, variables: {} }).subscribe({});
    return {
      statusOf: (id) => statusIn(client.cache.readFragment({ id: cacheIdOf(id), fragment: statusFragment(id) })),
      close: () => subscription.unsubscribe(),
    };
  },
  'Apollo Client 3': (transport, { document }) => {
    const client = new apollo3.ApolloClient({
      link: new GraphQLWsLink3(transport),
      cache: new apollo3.InMemoryCache(),
    });
    const subscription = client.subscribe({ query: document, variables: {} }).subscribe({});
    return {
      statusOf: (id) => statusIn(client.cache.readFragment({ id: cacheIdOf(id), fragment: statusFragment(id) })),
      close: () => subscription.unsubscribe(),
    };
  },
  urql: (transport, { document, jobOf }) => {
    const forward = subscriptionExchange({
      forwardSubscription: ({ query = '', variables }) => ({
        subscribe: (sink) => ({
          unsubscribe: transport.subscribe<Record<string, unknown>>(
            { query, variables: variables ?? {} },
            {
              next: ({ data = null }) => sink.next({ data }),
              error: (error) => sink.error(error),
              complete: () => sink.complete(),
            },
          ),
        }),
      }),
    });
    const client = new UrqlClient({
      url: 'http://unused.invalid',
      exchanges: [forward],
      preferGetMethod: false,
    });
    const statuses = new Map<string, string>();
    const { unsubscribe } = client.subscription(document, {}).subscribe(({ data }) => {
      const job = data === undefined ? null : jobOf(data);
      if (job != null) statuses.set(job.id, job.status);
    });
    return { statusOf: (id) => statuses.get(id), close: unsubscribe };
  },
};

/** Both caches identify an entity by its type and its id, which itself begins with the type. */
const cacheIdOf = (id: string): string => `${id.slice(0, id.indexOf(':'))}:${id}`;

/** The transport of all clients. It reconnects by itself, but not before the test permits it. */
function startTransport(url: string) {
  const sockets: WebSocket[] = [];
  let letIn: () => void = () => undefined;
  class CutWebSocket extends WebSocket {
    constructor(address: string, protocol: string) {
      super(address, protocol);
      sockets.push(this);
    }
  }
  let back = Promise.resolve();
  const client = createClient({ url, webSocketImpl: CutWebSocket, retryAttempts: 5, retryWait: () => back });
  return {
    client,
    sockets,
    cut: () => {
      back = new Promise((resolve) => {
        letIn = resolve;
      });
      sockets.at(-1)?.terminate();
    },
    letIn: () => letIn(),
  };
}

let gateway: Gateway;

describe.each(Object.entries(clients))('%s, whose socket is cut while a job ends,', (_, openView) => {
  describe('and that watches export jobs', () => {
    const watch: Watch<unknown> = {
      // The cast is safe, because all members of the type of the variables are optional.
      document: WatchExportJobsDocument as TypedDocumentNode<unknown, Record<string, never>>,
      jobOf: (data) => (data as { readonly exportJobChanged: { readonly job: SeenJob | null } }).exportJobChanged.job,
    };
    let clock: FakeClock;
    let board: JobBoard;

    beforeEach(async () => {
      clock = new FakeClock();
      board = await startJobBoard({ id: '1', progress: 0 }, { id: '2', progress: 0 });
      gateway = await startGateway({ platform: board, clock });
    });
    afterEach(async () => {
      await gateway.close();
      await board[Symbol.asyncDispose]();
    });

    it.each([
      ['with another watcher in the meantime', true],
      ['without other watchers in the meantime', false],
    ])('shows the end %s', async (__, watchedMeanwhile) => {
      await using other = gateway.subscribe(WatchExportJobsDocument, { ids: ['2'] });
      await other.take();
      const transport = startTransport(gateway.webSocketUrl);
      const view = openView(transport.client, watch);
      await eventually(() => expect(view.statusOf('ExportJob:1')).toBe('PROCESSING'));
      transport.cut();
      await eventually(async () => expect(await gateway.metric('aep_watch_subscribers')).toBe(1));
      if (!watchedMeanwhile) {
        await other[Symbol.asyncDispose]();
        await eventually(async () => expect(await gateway.metric('aep_watch_subscribers')).toBe(0));
      }
      board.set({ id: '1', progress: 9, status: 'SUCCEEDED' });
      await clock.advanceBy(60_000);
      transport.letIn();
      await eventually(() => expect(view.statusOf('ExportJob:1')).toBe('SUCCEEDED'));
      expect(view.statusOf('ExportJob:2')).toBe('PROCESSING');
      expect(transport.sockets).toHaveLength(2);
      view.close();
      await transport.client.dispose();
    });
  });

  describe('and that watches segment jobs', () => {
    const watch: Watch<WatchSegmentJobsSubscription> = {
      document: WatchSegmentJobsDocument as TypedDocumentNode<WatchSegmentJobsSubscription, Record<string, never>>,
      jobOf: (data) => data.segmentJobChanged.job,
    };
    const stages = new FakeClock('2026-11-02T08:00:00Z');
    let platform: Awaited<ReturnType<typeof startSteppedPlatform>>;

    beforeEach(async () => {
      platform = await startSteppedPlatform({ clock: stages, profiles: 40 });
      gateway = await startGateway({ platform });
    });
    afterEach(async () => {
      await gateway.close();
      await platform.close();
    });

    it('shows the end', async () => {
      const transport = startTransport(gateway.webSocketUrl);
      const view = openView(transport.client, watch);
      const { createSegmentJob } = await gateway.query(CreateSegmentJobDocument, { input: { segmentIds: [goldTier] } });
      const id = createSegmentJob.__typename === 'CreateSegmentJobPayload' ? createSegmentJob.segmentJob.id : '';
      await eventually(() => expect(view.statusOf(id)).toBe('NEW'));
      await using other = gateway.subscribe(WatchSegmentJobsDocument, { ids: [id] });
      await other.take();
      transport.cut();
      await eventually(async () => expect(await gateway.metric('aep_watch_subscribers')).toBe(1));
      await stages.runUntil(other.rest());
      expect(view.statusOf(id)).toBe('NEW');
      transport.letIn();
      await eventually(() => expect(view.statusOf(id)).toBe('SUCCEEDED'));
      view.close();
      await transport.client.dispose();
    });
  });
});
