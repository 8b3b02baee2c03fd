import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { startUnusualPlatform, type UnusualPlatform } from '../support/unusual-platform.ts';
import { WatchExportJobsDocument, WatchSegmentJobsDocument } from './operations.generated.ts';

const ten = '2026-11-01T10:00:00.000Z';
const earlier = (seconds: number) => new Date(Date.parse(ten) - seconds * 1_000).toISOString();
const later = (seconds: number) => earlier(-seconds);

describe('a platform with responses in unusual forms', () => {
  let platform: UnusualPlatform;
  let gateway: Gateway;
  const clock = new FakeClock('2026-11-01T10:10:00Z');
  beforeAll(async () => {
    platform = await startUnusualPlatform();
    gateway = await startGateway({ platform, clock });
  });
  afterAll(async () => {
    await gateway.close();
    await platform[Symbol.asyncDispose]();
  });

  const ask = async (query: string) => {
    const { data, errors } = await gateway.send(query);
    expect(errors).toEqual([]);
    return data;
  };

  it('has datasets with figures, times in every unit, and ids of deleted batches', async () => {
    const live = {
      id: 'Dataset:ds-live',
      description: null,
      schemaRef: null,
      version: '3',
      tags: [{ name: 'unifiedProfile', values: ['enabled:true'] }],
      recordCount: 1208,
      sizeBytes: 734_003,
      measuredAt: ten,
      lastBatchId: 'b-gone',
      lastBatch: null,
      lastSuccessfulBatchId: 'b-new',
      lastSuccessfulBatch: { id: 'Batch:b-new' },
      createdAt: ten,
      updatedAt: ten,
    };
    const fields = `id description schemaRef { id } version tags { name values } recordCount sizeBytes measuredAt
      lastBatchId lastBatch { id } lastSuccessfulBatchId lastSuccessfulBatch { id } createdAt updatedAt`;
    expect(await ask(`{ dataset(id: "ds-live") { ${fields} } datasets { nodes { ${fields} } } }`)).toEqual({
      dataset: live,
      datasets: {
        nodes: [
          live,
          {
            ...live,
            id: 'Dataset:ds-far',
            version: null,
            tags: [],
            recordCount: null,
            sizeBytes: null,
            measuredAt: null,
            lastBatchId: null,
            lastSuccessfulBatchId: null,
            lastSuccessfulBatch: null,
            createdAt: null,
            updatedAt: null,
          },
        ],
      },
    });
    expect(await gateway.metric('aep_decode_anomalies_total')).toBeGreaterThan(0);
  });

  it('has batches with their figures in the metrics, errors as text, and datasets that were deleted', async () => {
    const fields = `id status rawStatus isTerminal datasetId dataset { id } recordCount failedRecordCount sizeBytes
      errors { code message callStack recordCount } predecessorIds successorId
      startedAt completedAt createdAt updatedAt`;
    const empty = {
      datasetId: null,
      dataset: null,
      recordCount: null,
      failedRecordCount: null,
      sizeBytes: null,
      errors: [],
      predecessorIds: [],
      successorId: null,
      startedAt: null,
      completedAt: null,
      updatedAt: null,
    };
    const text = (message: string) => ({ code: '', message, callStack: null, recordCount: null });
    const all = [
      {
        id: 'Batch:b-new',
        status: 'SUCCESS',
        rawStatus: 'success',
        isTerminal: true,
        datasetId: 'ds-live',
        dataset: { id: 'Dataset:ds-live' },
        recordCount: 631,
        failedRecordCount: 9,
        sizeBytes: 8192,
        errors: [],
        predecessorIds: ['b-gone'],
        successorId: null,
        startedAt: ten,
        completedAt: later(300),
        createdAt: ten,
        updatedAt: ten,
      },
      {
        ...empty,
        id: 'Batch:b-odd',
        status: 'UNKNOWN',
        rawStatus: 'replay',
        isTerminal: true,
        completedAt: later(300),
        createdAt: earlier(10),
      },
      {
        ...empty,
        id: 'Batch:b-broken',
        status: 'ABORTED',
        rawStatus: 'CANCELED',
        isTerminal: true,
        datasetId: 'ds-gone',
        recordCount: 0,
        errors: [
          text('No space left.'),
          { code: '7', message: 'Late.', callStack: null, recordCount: 12 },
          text('A stage failed.'),
        ],
        successorId: 'b-new',
        createdAt: earlier(20),
      },
    ];
    expect(await ask(`{ batches { nodes { ${fields} } } }`)).toEqual({ batches: { nodes: all } });
    const byId = await ask(`{ a: batch(id: "b-new") { ${fields} } b: batch(id: "b-odd") { ${fields} }
      c: batch(id: "b-broken") { ${fields} } gone: batch(id: "b-gone") { id } }`);
    expect(byId).toEqual({ a: all[0], b: all[1], c: all[2], gone: null });
  });

  it.each([
    ['recordCount', { recordCount: 631 }],
    ['failedRecordCount', { failedRecordCount: 9 }],
    ['sizeBytes', { sizeBytes: 8192 }],
    ['startedAt', { startedAt: ten }],
    ['completedAt', { completedAt: later(300) }],
  ])('receives a request for the metrics of a batch if only %s is selected', async (field, expected) => {
    expect(await ask(`{ batch(id: "b-new") { ${field} } }`)).toEqual({ batch: expected });
  });

  it('has export jobs whose figures, times, errors and statuses have other forms', async () => {
    const fields = `id status rawStatus isTerminal jobType createdAt updatedAt errors { message }
      destination { datasetId dataset { id } batches { batchId batch { id } segment { segmentId statuses } } }
      metrics { totalTime { startedAt endedAt durationMs } totalExportedProfiles
        exportedProfilesByNamespace { namespace count } }`;
    const evaporated = {
      id: 'ExportJob:9003',
      status: 'UNKNOWN',
      rawStatus: 'EVAPORATED',
      isTerminal: true,
      jobType: 'BATCH',
      createdAt: ten,
      updatedAt: later(300),
      errors: [{ message: 'It vanished.' }],
      destination: {
        datasetId: 'ds-gone',
        dataset: null,
        batches: [{ batchId: 'b-gone', batch: null, segment: null }],
      },
      metrics: {
        totalTime: { startedAt: later(30), endedAt: later(300), durationMs: 270_000 },
        totalExportedProfiles: null,
        exportedProfilesByNamespace: [],
      },
    };
    const running = {
      id: 'ExportJob:9002',
      status: 'PROCESSING',
      rawStatus: 'in-progress',
      isTerminal: false,
      jobType: 'BATCH',
      createdAt: earlier(10),
      updatedAt: earlier(10),
      errors: [],
      destination: {
        datasetId: 'ds-live',
        dataset: { id: 'Dataset:ds-live' },
        batches: [
          { batchId: 'b-new', batch: { id: 'Batch:b-new' }, segment: { segmentId: 'seg-1', statuses: ['EXITED'] } },
        ],
      },
      metrics: {
        totalTime: { startedAt: later(30), endedAt: null, durationMs: null },
        totalExportedProfiles: 15,
        exportedProfilesByNamespace: [{ namespace: 'Email', count: 15 }],
      },
    };
    const completed = {
      id: 'ExportJob:9001',
      status: 'SUCCEEDED',
      rawStatus: 'COMPLETED',
      isTerminal: true,
      jobType: 'BATCH',
      createdAt: earlier(20),
      updatedAt: earlier(5),
      errors: [{ message: 'One attempt was repeated.' }],
      destination: { datasetId: 'ds-live', dataset: { id: 'Dataset:ds-live' }, batches: [] },
      metrics: {
        totalTime: { startedAt: earlier(10), endedAt: earlier(5), durationMs: null },
        totalExportedProfiles: null,
        exportedProfilesByNamespace: [],
      },
    };
    const data = await ask(`{ exportJobs { nodes { ${fields} } } exportJob(id: "9003") { ${fields} }
      unknown: exportJobs(filter: { statuses: [UNKNOWN] }) { nodes { id } } }`);
    expect(data).toEqual({
      exportJobs: { nodes: [evaporated, running, completed] },
      exportJob: evaporated,
      unknown: { nodes: [{ id: 'ExportJob:9003' }] },
    });
  });

  it('has segment jobs that were killed, of deleted schedules, which are found by their status', async () => {
    const fields = `id status rawStatus isTerminal scheduleId schedule { id } createdAt updatedAt errors { message }
      segments { segmentId profileCount } metrics { totalTime { startedAt endedAt } totalProfiles }`;
    const killed = {
      id: 'SegmentJob:sj-3',
      status: 'CANCELLED',
      rawStatus: 'KILLED',
      isTerminal: true,
      scheduleId: 'sch-gone',
      schedule: null,
      createdAt: ten,
      updatedAt: later(300),
      errors: [],
      segments: [
        { segmentId: 'seg-1', profileCount: 12 },
        { segmentId: 'seg-gone', profileCount: null },
      ],
      metrics: { totalTime: { startedAt: later(30), endedAt: later(300) }, totalProfiles: 2000 },
    };
    const evaporated = {
      id: 'SegmentJob:sj-2',
      status: 'UNKNOWN',
      rawStatus: 'Evaporated',
      isTerminal: true,
      scheduleId: null,
      schedule: null,
      createdAt: earlier(10),
      updatedAt: later(290),
      errors: [{ message: 'It vanished.' }],
      segments: [{ segmentId: '*', profileCount: null }],
      metrics: { totalTime: { startedAt: null, endedAt: later(290) }, totalProfiles: null },
    };
    const canceled = {
      id: 'SegmentJob:sj-1',
      status: 'CANCELLED',
      rawStatus: 'CANCELED',
      isTerminal: true,
      scheduleId: null,
      schedule: null,
      createdAt: earlier(20),
      updatedAt: earlier(15),
      errors: [],
      segments: [],
      metrics: null,
    };
    const data = await ask(`{ segmentJobs { nodes { ${fields} } } segmentJob(id: "sj-2") { ${fields} }
      cancelled: segmentJobs(filter: { statuses: [CANCELLED] }) { nodes { id } } }`);
    expect(data).toEqual({
      segmentJobs: { nodes: [killed, evaporated, canceled] },
      segmentJob: evaporated,
      cancelled: { nodes: [{ id: killed.id }, { id: canceled.id }] },
    });
  });

  it('has segments, schedules and merge policies with times in milliseconds, and unknown ids', async () => {
    const data = await ask(`{
      segmentDefinition(id: "seg-1") {
        evaluation mergePolicy { platformId version policy { id } } createdAt updatedAt
      }
      segmentDefinitions { nodes { id createdAt } }
      schedules { nodes { id type rawType state frequency segmentIds createdAt updatedAt } }
      schedule(id: "sch-1") { rawType createdAt }
      mergePolicy(id: "mp-1") {
        version isDefault identityGraph datasetPrecedence { id } datasetPrecedenceIds updatedAt
      }
      mergePolicies { nodes { id version updatedAt } }
    }`);
    expect(data).toEqual({
      segmentDefinition: {
        evaluation: ['BATCH'],
        mergePolicy: { platformId: 'mp-gone', version: 3, policy: null },
        createdAt: ten,
        updatedAt: ten,
      },
      segmentDefinitions: { nodes: [{ id: 'SegmentDefinition:seg-1', createdAt: ten }] },
      schedules: {
        nodes: [
          {
            id: 'Schedule:sch-1',
            type: 'UNKNOWN',
            rawType: 'delta',
            state: 'ACTIVE',
            frequency: 'daily',
            segmentIds: ['seg-1'],
            createdAt: ten,
            updatedAt: ten,
          },
        ],
      },
      schedule: { rawType: 'delta', createdAt: ten },
      mergePolicy: {
        version: 2,
        isDefault: true,
        identityGraph: null,
        datasetPrecedence: [{ id: 'Dataset:ds-live' }],
        datasetPrecedenceIds: ['ds-gone', 'ds-live'],
        updatedAt: ten,
      },
      mergePolicies: {
        nodes: [
          { id: 'MergePolicy:mp-1', version: 2, updatedAt: ten },
          { id: 'MergePolicy:mp-2', version: null, updatedAt: ten },
        ],
      },
    });
  });

  it('has profiles, files and sandboxes with numbers and times in other forms', async () => {
    const data = await ask(`{
      profile(identity: { namespace: "crmId", value: "80001" }) {
        lastModifiedAt segmentMemberships { segmentId definition { id } status lastQualificationTime }
      }
      batch(id: "b-new") { files { nodes { platformId name sizeBytes } } }
      viewer { sandboxes { name title isDefault } }
    }`);
    expect(data).toEqual({
      profile: {
        lastModifiedAt: ten,
        segmentMemberships: [{ segmentId: 'seg-gone', definition: null, status: 'EXITED', lastQualificationTime: ten }],
      },
      batch: { files: { nodes: [{ platformId: 'b-new-DE1', name: 'part-0.parquet', sizeBytes: 8192 }] } },
      viewer: { sandboxes: [{ name: 'prod', title: null, isDefault: true }] },
    });
  });

  it('completes watches of jobs that have ended with an unknown status, and rejects their cancellation', async () => {
    await using exportJob = gateway.subscribe(WatchExportJobsDocument, { ids: ['9003'] });
    const [event, end] = [await exportJob.take(), await exportJob.take()];
    expect(event?.exportJobChanged.job).toMatchObject({ id: 'ExportJob:9003', status: 'UNKNOWN', isTerminal: true });
    expect(end).toBeNull();

    await using segmentJobs = gateway.subscribe(WatchSegmentJobsDocument, { ids: ['sj-2', 'sj-3', 'sj-1'] });
    const seen = [await segmentJobs.take(), await segmentJobs.take(), await segmentJobs.take()];
    expect(seen.map((each) => each?.segmentJobChanged.job?.isTerminal)).toEqual([true, true, true]);
    expect(await segmentJobs.take()).toBeNull();

    expect(
      await ask('mutation { cancelExportJob(id: "9003") { __typename ... on Error { code message } } }'),
    ).toMatchObject({ cancelExportJob: { __typename: 'ConflictError', code: 'CONFLICT' } });
    expect(platform.requests.filter((request) => request.startsWith('DELETE'))).toEqual([]);
  });

  it('ends a job with an unknown status while it is watched', async () => {
    await using one = gateway.subscribe(WatchExportJobsDocument, { ids: ['9002'] });
    await using list = gateway.subscribe(WatchExportJobsDocument, { endedWithinSeconds: 0 });
    // A new subscriber begins with the running jobs, which exclude the one with an unknown status.
    for (const stream of [one, list]) {
      expect((await stream.take())?.exportJobChanged.job).toMatchObject({ id: 'ExportJob:9002', isTerminal: false });
    }
    platform.changeExportJob('9002', { status: 'EVAPORATED', totalTime: { endTimeInMs: 1_793_527_800 } });
    for (const stream of [one, list]) {
      expect((await clock.runUntil(stream.take()))?.exportJobChanged).toMatchObject({
        kind: 'CHANGED',
        previousStatus: 'PROCESSING',
        job: { id: 'ExportJob:9002', status: 'UNKNOWN', isTerminal: true },
      });
    }
    expect(await clock.runUntil(one.take())).toBeNull();
  });
});
