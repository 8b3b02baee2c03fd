import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { parse } from 'graphql';
import { afterEach, beforeEach, expect } from 'vitest';
import { nextJob, pastJob } from '../federation/graph.ts';
import { StreamFailure } from '../support/event-stream.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { connectGateway, type Headers } from '../support/gateway.ts';
import { profileDataset, startSteppedPlatform } from '../support/platform.ts';
import { type RouterGraph, startRouterGraph } from './graph.ts';
import { createExport, wrongHeaders } from './query-cases.ts';
import type { RouterKind, SubgraphTransport } from './router.ts';
import { caseOf } from './table-case.ts';

interface Live {
  readonly exportJobChanged: {
    readonly kind: string;
    readonly cursor: string;
    readonly job: { readonly status: string; readonly campaign: { readonly name: string } | null } | null;
  };
}

// The parser does not know the type of the operation's result.
const live = parse(`subscription ($ids: [ID!], $after: String) {
  exportJobChanged(ids: $ids, after: $after) { kind cursor job { status campaign { name } } }
}`) as TypedDocumentNode<Live, { ids?: string[]; after?: string }>;

/** Interval at which live views emit their state again, in milliseconds. */
const confirmStateMs = 500;
/** Maximum time for effects that a router delays, in milliseconds. */
const patience = { patienceMs: 60_000 };

/** Live views of one client behind a router. */
export function testLiveViews(kind: RouterKind, transport: SubgraphTransport): void {
  const clock = new FakeClock('2026-11-02T08:00:00Z');
  let platform: Awaited<ReturnType<typeof startSteppedPlatform>>;
  let graph: RouterGraph;
  beforeEach(async () => {
    platform = await startSteppedPlatform({ clock });
    const env = { CONFIRM_STATE_MS: String(confirmStateMs), AUTHORIZATION_LEASE_MS: '1000' };
    graph = await startRouterGraph(kind, { platform, transport, env });
  });
  afterEach(async () => {
    await graph?.[Symbol.asyncDispose]();
    await platform?.[Symbol.asyncDispose]();
  });
  const subscribe = (variables: { ids?: string[]; after?: string } = {}, headers: Headers = graph.headers) =>
    connectGateway(graph.router.url).subscribe(live, variables, { transport: kind.clients, headers });
  const create = async () => {
    const input = { destination: { target: { datasetId: profileDataset } } };
    expect(
      (await graph.exports.send(createExport.replace('campaign { name }', ''), { input }, graph.headers)).errors,
    ).toEqual([]);
  };
  const subscribers = (count: number) =>
    eventually(async () => expect(await graph.exports.metric('aep_watch_subscribers')).toBe(count), patience);
  const test = caseOf(kind, transport);

  test('live view to its end, joined', async () => {
    await create();
    await using events = subscribe({ ids: [nextJob] });
    const changes: string[] = [];
    for (let event = await events.take(); event !== null; event = await events.take()) {
      const { kind: what, job } = event.exportJobChanged;
      expect(job?.campaign).toEqual({ name: 'Autumn sale' });
      const change = `${what} ${job?.status}`;
      // The state is repeated at the interval.
      if (changes.includes(change)) continue;
      changes.push(change);
      if (job?.status !== 'SUCCEEDED') await clock.tick();
    }
    expect(changes[0]).toBe('SNAPSHOT NEW');
    expect(changes.at(-1)).toBe('CHANGED SUCCEEDED');
    expect(changes).toContain('CHANGED PROCESSING');
  });

  test('live view that its client leaves', async () => {
    {
      await using events = subscribe();
      // No job runs, so no event arrives.
      events.take().catch(() => {});
      await subscribers(1);
    }
    await subscribers(0);
  });

  test('headers of a live view', async () => {
    for (const [name, value] of Object.entries(wrongHeaders)) {
      await using events = subscribe({ ids: [pastJob] }, { ...graph.headers, [name]: value });
      const event = await events.take().catch(() => null);
      expect([name, event]).toEqual([name, null]);
    }
    await using events = subscribe({ ids: [pastJob] });
    expect((await events.take())?.exportJobChanged.job?.status).toBe('FAILED');
  });

  test('live view without a credential', async () => {
    platform.clearRequests();
    await using events = subscribe({}, {});
    await expect(events.take()).rejects.toThrow(StreamFailure);
    expect(platform.requests).toEqual([]);
  });

  test('late subscriber of an equal live view', async () => {
    await create();
    await using first = subscribe();
    await first.until(({ exportJobChanged: { cursor } }) => !cursor.endsWith('.partial'));
    await using late = subscribe();
    await late.until(
      ({ exportJobChanged: { kind: what, job } }) => what === 'SNAPSHOT' && job?.campaign?.name === 'Autumn sale',
    );
  });

  test('expired token', async () => {
    await create();
    await using events = subscribe();
    await events.take();
    platform.faults.set({ rules: [{ match: {}, fault: { kind: 'status', status: 401 } }] });
    expect(await events.failure()).toMatchObject([{ extensions: { code: 'TOKEN_EXPIRED' } }]);
    await subscribers(0);
  });
}
