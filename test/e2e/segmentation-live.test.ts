import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { goldTier, startSteppedPlatform } from '../support/platform.ts';
import {
  CreateScheduleDocument,
  CreateSegmentJobDocument,
  DeleteScheduleDocument,
  ReadSchedulesDocument,
  ReadSegmentJobsDocument,
  UpdateScheduleDocument,
  WatchSchedulesDocument,
  type WatchSchedulesSubscription,
  WatchSegmentJobsDocument,
  type WatchSegmentJobsSubscription,
} from './operations.generated.ts';

const emailOptIn = '9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb04';
const stages = new FakeClock('2026-11-02T08:00:00Z');

let platform: Awaited<ReturnType<typeof startSteppedPlatform>>;
let gateway: Gateway;

beforeAll(async () => {
  platform = await startSteppedPlatform({ clock: stages, profiles: 40 });
  gateway = await startGateway({ platform });
});
afterAll(async () => {
  await gateway.close();
  await platform.close();
});

const jobEvents = (data: readonly WatchSegmentJobsSubscription[]) =>
  data.map(({ segmentJobChanged }) => segmentJobChanged);
const scheduleEvents = (data: readonly WatchSchedulesSubscription[]) =>
  data.map(({ scheduleChanged }) => scheduleChanged);

async function startJob(segmentId: string): Promise<string> {
  const input = { segmentIds: [segmentId] };
  const { createSegmentJob } = await gateway.query(CreateSegmentJobDocument, { input });
  return createSegmentJob.__typename === 'CreateSegmentJobPayload' ? createSegmentJob.segmentJob.id : '';
}

describe.each(['websocket', 'sse'] as const)('over %s, segment jobs', (transport) => {
  it('that are named are followed from their current state to their end, and then the stream completes', async () => {
    const filter = { statuses: ['SUCCEEDED' as const] };
    const { page } = await gateway.query(ReadSegmentJobsDocument, { first: 1, filter });
    const ended = page.nodes[0]?.platformId ?? '';
    const running = await startJob(goldTier);
    await using events = gateway.subscribe(WatchSegmentJobsDocument, { ids: [ended, running] }, { transport });
    const snapshots = jobEvents(await events.until(({ segmentJobChanged: { job } }) => job?.id === running));
    const rest = jobEvents(await stages.runUntil(events.rest()));
    const received = [...snapshots, ...rest];
    expect(new Set(received.map(({ job }) => job?.id))).toEqual(new Set([`SegmentJob:${ended}`, running]));
    expect(received.filter(({ job }) => job?.id !== running)).toMatchObject([
      { kind: 'SNAPSHOT', previousStatus: null },
    ]);
    const own = received.filter(({ job }) => job?.id === running);
    expect(own[0]).toMatchObject({ kind: 'SNAPSHOT', job: { status: 'NEW' } });
    expect(own.at(-1)).toMatchObject({ kind: 'CHANGED', job: { status: 'SUCCEEDED', isTerminal: true } });
    // Each event begins with the status at which the previous one ended.
    for (const [index, event] of own.entries())
      if (index > 0) expect(event.previousStatus).toBe(own[index - 1]?.job?.status);
  });

  it('that match a filter are emitted, and no others', async () => {
    const filter = { segmentId: `SegmentDefinition:${goldTier}` };
    await using events = gateway.subscribe(WatchSegmentJobsDocument, { filter }, { transport });
    const received = [await events.take()].filter((data) => data !== null);
    const [other, wanted] = [await startJob(emailOptIn), await startJob(goldTier)];
    const seen = await stages.runUntil(
      events.until(({ segmentJobChanged: { job } }) => job?.id === wanted && job.isTerminal),
    );
    const jobs = jobEvents([...received, ...seen]).flatMap(({ job }) => job ?? []);
    expect(jobs.length).toBeGreaterThan(3);
    expect(jobs.some(({ id }) => id === other)).toBe(false);
    for (const { segments } of jobs)
      expect(segments.some(({ segmentId }) => segmentId === goldTier || segmentId === '*')).toBe(true);
    const kinds = jobEvents(seen)
      .filter(({ job }) => job?.id === wanted)
      .map(({ kind }) => kind);
    expect(kinds).toEqual(['CREATED', ...kinds.slice(1).map(() => 'CHANGED')]);
  });

  it('continue after the last received event, with nothing lost and nothing repeated', async () => {
    // Another subscriber keeps watching, so that the gateway does too.
    await using holding = gateway.subscribe(WatchSegmentJobsDocument, {}, { transport });
    await holding.take();
    const id = await startJob(goldTier);
    const seen = [...(await holding.until(({ segmentJobChanged: { job } }) => job?.id === id))];
    for (const status of ['QUEUED', 'PROCESSING', 'SUCCEEDED']) {
      await stages.tick();
      const isThere = ({ segmentJobChanged: { job } }: WatchSegmentJobsSubscription) =>
        job?.id === id && job.status === status;
      seen.push(...(await holding.until(isThere)));
    }
    const own = jobEvents(seen).filter(({ job }) => job?.id === id);
    expect(own.length).toBeGreaterThanOrEqual(4);
    for (const [index, { cursor }] of own.entries()) {
      await using resumed = gateway.subscribe(WatchSegmentJobsDocument, { ids: [id], after: cursor }, { transport });
      expect(jobEvents(await resumed.rest())).toEqual(own.slice(index + 1));
    }
    await using lost = gateway.subscribe(WatchSegmentJobsDocument, { ids: [id], after: 'no-epoch.3' }, { transport });
    expect(jobEvents(await lost.rest())).toMatchObject([
      { kind: 'RESYNC', job: null },
      { kind: 'SNAPSHOT', job: { id, status: 'SUCCEEDED' } },
    ]);
  });

  it('and schedules that do not exist end the stream with NOT_FOUND', async () => {
    for (const document of [WatchSegmentJobsDocument, WatchSchedulesDocument]) {
      const failures = await gateway
        .subscribe<object, { ids: string[] }>(document, { ids: ['nothing'] }, { transport })
        .failure();
      expect(failures).toMatchObject([{ extensions: { code: 'NOT_FOUND', retryable: false } }]);
    }
  });
});

describe.each(['websocket', 'sse'] as const)('over %s, a schedule', (transport) => {
  it('that is named is followed from its current state, resumed, and completes the stream when it is deleted', async () => {
    const { page } = await gateway.query(ReadSchedulesDocument, { first: 10 });
    const id = page.nodes.find(({ type }) => type === 'BATCH_SEGMENTATION')?.id ?? '';
    await using holding = gateway.subscribe(WatchSchedulesDocument, { ids: [id] }, { transport });
    const [first] = scheduleEvents([await holding.take()].filter((data) => data !== null));
    expect(first).toMatchObject({ kind: 'SNAPSHOT', schedule: { id, state: 'ACTIVE' } });
    for (const input of [{ state: 'INACTIVE' }, { schedule: '0 0 3 * * ?' }, { state: 'ACTIVE' }] as const) {
      await gateway.query(UpdateScheduleDocument, { id, input });
      const [received] = scheduleEvents([await holding.take()].filter((data) => data !== null));
      expect(received).toMatchObject({ kind: 'CHANGED', schedule: { id, ...input } });
    }

    const after = first?.cursor ?? '';
    await using resumed = gateway.subscribe(WatchSchedulesDocument, { ids: [id], after }, { transport });
    const missed = scheduleEvents(
      await resumed.until(({ scheduleChanged }) => scheduleChanged.schedule?.state === 'ACTIVE'),
    );
    expect(missed.map(({ kind, schedule }) => [kind, schedule?.state, schedule?.schedule])).toEqual([
      ['CHANGED', 'INACTIVE', '0 30 23 * * ?'],
      ['CHANGED', 'INACTIVE', '0 0 3 * * ?'],
      ['CHANGED', 'ACTIVE', '0 0 3 * * ?'],
    ]);

    await gateway.query(DeleteScheduleDocument, { id });
    for (const stream of [holding, resumed])
      expect(scheduleEvents(await stream.rest())).toMatchObject([{ kind: 'REMOVED', schedule: { id } }]);
    const input = { name: 'Again', type: 'BATCH_SEGMENTATION', schedule: '0 30 23 * * ?', state: 'ACTIVE' } as const;
    expect(await gateway.query(CreateScheduleDocument, { input })).toMatchObject({
      createSchedule: { __typename: 'CreateSchedulePayload' },
    });
  });
});
