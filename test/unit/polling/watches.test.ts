import { describe, expect, it } from 'vitest';
import { unshared } from '../../../src/polling/feed-registry.ts';
import { createWatches } from '../../../src/polling/watches.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { catalogPage } from '../../../src/upstream/apis/catalog-page.ts';
import type { Caller } from '../../../src/upstream/caller.ts';
import type { PlatformApi } from '../../../src/upstream/platform-api.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { runsOf } from '../../support/tenant-runs.ts';
import { uncountedPolls } from '../../support/uncounted-metrics.ts';
import { settle, tenantOf } from './fake-platform.ts';

const views = ['batches', 'datasets', 'exportJobs', 'schedules', 'segmentJobs'] as const;
/** An empty list of each kind. */
const emptyLists = {
  batches: catalogPage([]),
  datasets: catalogPage([]),
  exportJobs: { jobs: [], next: null },
  schedules: [],
  segmentJobs: { jobs: [], next: null, total: 0 },
};

const callerOf = (fingerprint: string): Caller => ({
  tenant: tenantOf(),
  credential: { fingerprint, owner: 'caller', headers: async () => ({}) },
});

/** Creates live views over a platform that has only the id `known` of each kind, and records each call. */
function liveViews({ ownRights }: { readonly ownRights: boolean }) {
  const calls: string[] = [];
  const clock = new FakeClock();
  const connect = ({ credential }: Caller, { priority = 'interactive' }: { readonly priority?: string }) => {
    const api = (kind: (typeof views)[number]) => {
      const note = (call: string) => calls.push(`${credential.fingerprint} ${priority} ${kind} ${call}`);
      return {
        list: async ({ limit }: { readonly limit?: number } = {}) => {
          note(limit === 1 ? 'proof' : 'list');
          return emptyLists[kind];
        },
        listWith: async () => {
          note('list');
          return { found: [], failed: [], calls: 1 };
        },
        get: async (id: string) => {
          note(`get ${id}`);
          return null;
        },
        getMany: async (ids: readonly string[]) => {
          note(`get ${ids.join()}`);
          return { found: [], failed: [], calls: 1 };
        },
      };
    };
    const platform = Object.fromEntries(views.map((kind) => [kind, api(kind)]));
    // The cast is safe, because live views call no other method of the platform.
    return platform as unknown as PlatformApi;
  };
  const live = createWatches({
    upstream: { connect },
    ownRights,
    sharing: unshared,
    holdStore: null,
    polling: { minMs: 2_000, maxMs: 30_000, authorizationLeaseMs: 60_000, confirmStateMs: null },
    clock,
    logger: createLogger({ level: 'silent' }),
    metrics: uncountedPolls,
    runs: { of: runsOf },
    tracing: null,
  });
  const close = () => Promise.all(live.feeds.map((feeds) => feeds.close()));
  return { live, calls, clock, [Symbol.asyncDispose]: async () => void (await close()) };
}

describe('the live view of one caller', () => {
  it.each(views)('of %s needs no proof with the credential of the gateway', async (view) => {
    await using setup = liveViews({ ownRights: false });
    const { signal } = new AbortController();
    await setup.live.of(callerOf('gateway'))(view).subscribe({ ids: null, matches: null, signal });
    await settle();
    expect(new Set(setup.calls)).toEqual(new Set([`gateway poll ${view} list`]));
  });

  it.each(views)('of %s is proved with the credential of the caller', async (view) => {
    await using setup = liveViews({ ownRights: true });
    const { signal } = new AbortController();
    const subscribe = (fingerprint: string) =>
      setup.live.of(callerOf(fingerprint))(view).subscribe({ ids: null, matches: null, signal });
    await subscribe('first');
    await subscribe('second');
    const proof = view === 'schedules' ? 'list' : 'proof';
    for (const caller of ['first', 'second']) {
      expect(setup.calls.filter((call) => call === `${caller} interactive ${view} ${proof}`)).toHaveLength(1);
    }
    expect(setup.calls.filter((call) => !call.includes(` ${view} `))).toEqual([]);
  });

  it.each(views)('of %s that names ids is proved with those ids', async (view) => {
    await using setup = liveViews({ ownRights: true });
    const { signal } = new AbortController();
    const watch = setup.live.of(callerOf('caller'))(view);
    await expect(watch.subscribe({ ids: ['unknown'], matches: null, signal })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    expect(setup.calls).toContain(`caller interactive ${view} get unknown`);
  });
});

describe('live views', () => {
  it('register the feeds of each kind under its name, and end all of them', async () => {
    const setup = liveViews({ ownRights: false });
    const { signal } = new AbortController();
    const watching = setup.live.of(callerOf('gateway'));
    for (const view of views) await watching(view).subscribe({ ids: null, matches: null, signal });
    expect(setup.live.feeds.map(({ kind, stats }) => [kind, stats().subscribers])).toEqual([
      ['batches', 1],
      ['datasets', 1],
      ['export-jobs', 1],
      ['schedules', 1],
      ['segment-jobs', 1],
    ]);
    await setup[Symbol.asyncDispose]();
    expect(setup.clock.pending()).toBe(0);
  });
});
