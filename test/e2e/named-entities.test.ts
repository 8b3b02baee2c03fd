import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EventStream } from '../support/event-stream.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, type Headers, startGateway } from '../support/gateway.ts';
import {
  accessToken,
  goldTier,
  platformHeaders,
  profileDataset,
  type Stub,
  startProxy,
  startSteppedPlatform,
} from '../support/platform.ts';
import {
  CreateSegmentJobDocument,
  DeleteScheduleDocument,
  ReadSchedulesDocument,
  StartExportDocument,
  WatchExportJobsDocument,
  WatchSchedulesDocument,
  WatchSegmentJobsDocument,
} from './operations.generated.ts';

const stages = new FakeClock('2026-11-02T08:00:00Z');

let platform: Awaited<ReturnType<typeof startSteppedPlatform>>;
let proxy: Stub;
let gateway: Gateway;
let owner: Headers;
let limited: Headers;
/** The response to the limited caller's reads of one entity; null: the platform responds. */
let refusal: 403 | 404 | null = null;
/** Reads of one entity that reached the platform, by the token of the caller. */
let reads: (string | undefined)[] = [];

beforeAll(async () => {
  platform = await startSteppedPlatform({ clock: stages, profiles: 40 });
  owner = platformHeaders(await accessToken(platform));
  limited = platformHeaders(await accessToken(platform));
  proxy = await startProxy(platform, ({ method, url = '', headers }, response) => {
    if (method !== 'GET' || !/\/(?:jobs|schedules)\/[^/?]+$/.test(url)) return false;
    reads.push(headers.authorization);
    if (refusal === null || headers.authorization !== limited['authorization']) return false;
    response.writeHead(refusal, { 'content-type': 'application/json', 'x-request-id': 'refusal' });
    response.end(JSON.stringify({ title: 'No.', status: refusal }));
    return true;
  });
  const env = { AUTH_MODE: 'passthrough', AEP_BASE_URL: proxy.url, AEP_IMS_URL: proxy.url };
  gateway = await startGateway({ platform: proxy, env });
});
afterAll(async () => {
  await gateway.close();
  await proxy[Symbol.asyncDispose]();
  await platform.close();
});
beforeEach(() => {
  refusal = null;
  reads = [];
});

interface Event {
  readonly kind: string;
  readonly cursor: string;
  readonly state: string | null;
}

interface Kind {
  readonly name: string;
  /** @returns the id of an entity that changes when `end` is called */
  begin(): Promise<string>;
  watch(variables: { readonly ids: string[]; readonly after?: string }, headers: Headers): EventStream<object>;
  eventOf(data: object): Event;
  /** Lets the entity end, and waits until its streams have completed. */
  end<T>(id: string, completed: Promise<T>): Promise<T>;
  readonly lastEvent: Partial<Event>;
}

/** The event is the only field of a subscription. */
const eventIn = (data: object) => Object.values(data)[0] as Event & Record<string, { state?: string; status?: string }>;

const kinds: readonly Kind[] = [
  {
    name: 'an export job',
    begin: async () => {
      const input = { destination: { target: { datasetId: profileDataset } } };
      const { createExportJob } = await gateway.query(StartExportDocument, { input }, owner);
      if (createExportJob?.__typename !== 'CreateExportJobPayload') throw new Error(JSON.stringify(createExportJob));
      return createExportJob.exportJob.id;
    },
    watch: (variables, headers) => gateway.subscribe(WatchExportJobsDocument, variables, { headers }),
    eventOf: (data) => ({ ...eventIn(data), state: eventIn(data)['job']?.status ?? null }),
    end: (_, completed) => stages.runUntil(completed),
    lastEvent: { kind: 'CHANGED', state: 'SUCCEEDED' },
  },
  {
    name: 'a segment job',
    begin: async () => {
      const input = { segmentIds: [goldTier] };
      const { createSegmentJob } = await gateway.query(CreateSegmentJobDocument, { input }, owner);
      if (createSegmentJob?.__typename !== 'CreateSegmentJobPayload') throw new Error(JSON.stringify(createSegmentJob));
      return createSegmentJob.segmentJob.id;
    },
    watch: (variables, headers) => gateway.subscribe(WatchSegmentJobsDocument, variables, { headers }),
    eventOf: (data) => ({ ...eventIn(data), state: eventIn(data)['job']?.status ?? null }),
    end: (_, completed) => stages.runUntil(completed),
    lastEvent: { kind: 'CHANGED', state: 'SUCCEEDED' },
  },
  {
    name: 'a schedule',
    begin: async () => {
      const { page } = await gateway.query(ReadSchedulesDocument, { first: 1 }, owner);
      return page.nodes[0]?.id ?? '';
    },
    watch: (variables, headers) => gateway.subscribe(WatchSchedulesDocument, variables, { headers }),
    eventOf: (data) => ({ ...eventIn(data), state: eventIn(data)['schedule']?.state ?? null }),
    end: async (id, completed) => {
      await gateway.query(DeleteScheduleDocument, { id }, owner);
      return await completed;
    },
    lastEvent: { kind: 'REMOVED' },
  },
];

const readsBy = (headers: Headers) =>
  reads.filter((authorization) => authorization === headers['authorization']).length;

describe.each(kinds)('$name that is named', ({ begin, watch, eventOf, end, lastEvent }) => {
  it('is hidden only from a caller that the platform forbids to read it', async () => {
    const id = await begin();
    const refused = async () => {
      for (const [status, code] of [
        [404, 'NOT_FOUND'],
        [403, 'FORBIDDEN'],
      ] as const) {
        refusal = status;
        const [failure] = await watch({ ids: [id] }, limited).failure();
        expect(failure?.extensions).toMatchObject({ code, retryable: false });
        if (status === 403) expect(failure?.extensions).toMatchObject({ upstream: { status, requestId: 'refusal' } });
      }
    };
    await refused();
    await using events = watch({ ids: [id] }, owner);
    const first = await events.take();
    expect(first === null ? null : eventOf(first)).toMatchObject({ kind: 'SNAPSHOT' });
    await refused();
    // Once for each attempt, because rejections are not cached, and once for the owner.
    expect([readsBy(limited), readsBy(owner)]).toEqual([4, 1]);

    await using another = watch({ ids: [id] }, owner);
    await another.take();
    expect(readsBy(owner)).toBe(1);

    // A subscription that resumes may have missed the removal, so a 404 does not end it.
    refusal = 404;
    await using resumed = watch({ ids: [id], after: first === null ? '' : eventOf(first).cursor }, limited);
    const streams = await end(id, Promise.all([events.rest(), another.rest(), resumed.rest()]));
    for (const seen of streams.map((data) => data.map(eventOf))) {
      expect(seen.at(-1)).toMatchObject(lastEvent);
      expect(seen.slice(0, -1).filter(({ kind }) => kind !== 'CHANGED')).toEqual([]);
    }
  });
});
