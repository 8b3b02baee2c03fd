import { afterEach, beforeEach, expect } from 'vitest';
import { truthOf } from '../chaos/truth.ts';
import { eventually } from '../support/eventually.ts';
import { checkViews } from '../support/history/check-views.ts';
import { checkWatches } from '../support/history/check-watches.ts';
import { describeViolation } from '../support/history/violation.ts';
import { type Emulator, profileDataset, startPlatform } from '../support/platform.ts';
import { type PlatformReading, readPlatform } from '../support/platform-reading.ts';
import { connectRest, type RestClient } from '../support/rest-client.ts';
import { Follower } from './follower.ts';
import { type RouterGraph, startRouterGraph } from './graph.ts';
import type { RouterKind, SubgraphTransport } from './router.ts';
import { caseOf } from './table-case.ts';

const clients = 200;
const pace = { newMs: [0, 50], queuedMs: [0, 50], segmentingMs: [20, 50], exportingMs: [20, 50] } as const;
/** The platform never returns wrong data. */
const nothingHidden = { denied: new Set<string>(), absent: new Set<string>(), mayEndUnknown: false };
/** Maximum time in which all clients reach the truth, in milliseconds. */
const patience = { patienceMs: 90_000 };

/** Many live views behind a router whose connections end. */
export function testHistories(kind: RouterKind, transport: SubgraphTransport): void {
  let platform: Emulator;
  let graph: RouterGraph;
  let rest: RestClient;
  let before: PlatformReading;
  let followers: readonly Follower[] = [];
  beforeEach(async () => {
    platform = await startPlatform({ profiles: 10, pace });
    graph = await startRouterGraph(kind, { platform, transport });
    rest = await connectRest(platform);
    before = await readPlatform(rest);
  });
  afterEach(async () => {
    await Promise.all(followers.map((follower) => follower[Symbol.asyncDispose]()));
    followers = [];
    await graph?.[Symbol.asyncDispose]();
    await platform?.[Symbol.asyncDispose]();
  });
  const follow = (count: number) => {
    const options = { transport: kind.clients, headers: graph.headers };
    followers = Array.from({ length: count }, (_, each) => new Follower(`client ${each}`, graph.router.url, options));
  };
  /** Runs a job to its end. @returns its id */
  const runJob = async (): Promise<string> => {
    const body = { destination: { datasetId: profileDataset }, schema: { name: '_xdm.context.profile' } };
    const path = '/data/core/ups/export/jobs';
    const { status, body: job } = await rest.send<{ readonly id: number }>('POST', path, body);
    expect(status).toBe(200);
    return `ExportJob:${job.id}`;
  };
  const allReceiveEndOf = (id: string) =>
    eventually(() => {
      const waiting = followers.filter(
        ({ events }) => events.findLast(({ entity }) => entity?.id === id)?.entity?.status !== 'SUCCEEDED',
      );
      if (waiting.length > 0) {
        const ends = waiting.flatMap((each) => each.ends);
        throw new Error(`${waiting.length} clients wait for the end of ${id}; their streams ended with ${ends.join()}`);
      }
    }, patience);
  /** A later job can end before an earlier one. The truth is compared only after all jobs have ended. */
  const allReceiveEndsOf = async (ids: readonly string[]) => {
    for (const id of ids) await allReceiveEndOf(id);
  };
  const violations = async () => {
    const { views } = truthOf(before, await readPlatform(rest));
    const histories = followers.map(({ history }) => history);
    const truth = { entities: views.exportJobs, ...nothingHidden };
    return [...checkWatches(histories), ...checkViews(histories, truth)].map(describeViolation);
  };
  const test = caseOf(kind, transport);

  test(`reload of the supergraph under ${clients} live views`, async () => {
    follow(clients);
    await allReceiveEndOf(await runJob());
    await graph.reload();
    await allReceiveEndsOf([await runJob(), await runJob()]);
    expect(await violations()).toEqual([]);
  });

  test(`loss and return of this gateway under ${clients} live views`, async () => {
    follow(clients);
    await allReceiveEndOf(await runJob());
    await graph.lose();
    const missed = await runJob();
    await graph.comeBack();
    await allReceiveEndsOf([missed, await runJob()]);
    expect(await violations()).toEqual([]);
  });

  test('lost connection to this gateway, after a cursor', async () => {
    follow(1);
    await allReceiveEndOf(await runJob());
    const old = followers[0]?.events[0]?.cursor;
    if (old === undefined) throw new Error('The client has received no event.');
    const options = { transport: kind.clients, headers: graph.headers };
    followers = [...followers, new Follower('client after a cursor', graph.router.url, options, old)];
    await allReceiveEndOf(await runJob());
    graph.cut();
    // Some routers subscribe again with the old cursor, so that their client receives the first jobs again.
    await allReceiveEndOf(await runJob());
  });
}
