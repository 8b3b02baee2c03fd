import type { Client } from 'urql';
import { describe, expect, it } from 'vitest';
import { formatBytes } from '../../../src/console/app/format-bytes.ts';
import { graphiqlLink } from '../../../src/console/app/graphiql.ts';
import { reasonOf } from '../../../src/console/job/error-reasons.ts';
import { createJobFeed, type Job, rememberBatches } from '../../../src/console/job/job-feed.ts';
import { cellText, shownColumns, valueAt } from '../../../src/console/job/preview-columns.ts';
import { createSegmentJobFeed, type SegmentJob } from '../../../src/console/job/segment-job-feed.ts';
import { StatusChanges } from '../../../src/console/job/status-changes.ts';
import {
  stagesOf,
  type TimedJob,
  timedEvaluation,
  timedExport,
  timelineOf,
} from '../../../src/console/job/timeline.ts';
import { ExportJobPageDocument } from '../../../src/console/operations.generated.ts';
import { texts } from '../../../src/console/texts.ts';

const at = (minute: number) => `2030-01-01T00:${String(minute).padStart(2, '0')}:00.000Z`;
const span = (from: number | null, to: number | null) => ({
  startedAt: from === null ? null : at(from),
  endedAt: to === null ? null : at(to),
  durationMs: null,
});
const batch: NonNullable<Job['destination']['batches'][number]['batch']> = {
  id: 'Batch:b1',
  status: 'SUCCESS',
  rawStatus: 'success',
  isTerminal: true,
  recordCount: 1,
  failedRecordCount: 0,
  sizeBytes: 1,
  startedAt: at(2),
  completedAt: at(9),
  errors: [],
};
const running: Job = {
  __typename: 'ExportJob',
  id: 'ExportJob:1',
  platformId: '1',
  status: 'PROCESSING',
  rawStatus: 'PROCESSING',
  isTerminal: false,
  isOverdue: false,
  createdAt: at(0),
  observedAt: at(5),
  elapsedMs: null,
  progress: 0.5,
  requestId: null,
  requestedBy: null,
  expectation: { likelyEndAt: at(10), latestEndAt: at(12), basis: 'SAME_REQUEST', sampleSize: 3 },
  comparison: null,
  metrics: {
    totalExportedProfiles: null,
    exportedProfilesByNamespace: [],
    profileExportTime: span(2, null),
    datasetWriteTime: null,
    totalTime: span(1, null),
  },
  destination: { datasetId: 'd', segmentPerBatch: false, dataset: null, batches: [] },
  fields: null,
  eventList: null,
  filter: null,
  errors: [],
};
const ended: Job = {
  ...running,
  status: 'SUCCEEDED',
  isTerminal: true,
  expectation: null,
  metrics: {
    ...running.metrics,
    profileExportTime: span(2, 6),
    datasetWriteTime: span(7, 8),
    totalTime: span(1, 8),
  },
  destination: { ...running.destination, batches: [{ batchId: 'b1', segment: null, batch }] },
};
const evaluation: SegmentJob = {
  __typename: 'SegmentJob',
  id: 'SegmentJob:1',
  platformId: '1',
  status: 'PROCESSING',
  rawStatus: 'PROCESSING',
  isTerminal: false,
  isOverdue: false,
  createdAt: at(0),
  observedAt: at(5),
  elapsedMs: null,
  progress: 0.5,
  requestId: null,
  requestedBy: null,
  expectation: running.expectation,
  comparison: null,
  metrics: { totalProfiles: null, profileSegmentationTime: span(2, null), totalTime: span(1, null) },
  source: null,
  scheduleId: null,
  schedule: null,
  segments: [],
  errors: [],
};
const evaluated: SegmentJob = {
  ...evaluation,
  status: 'SUCCEEDED',
  isTerminal: true,
  expectation: null,
  metrics: { totalProfiles: 1, profileSegmentationTime: span(2, 8), totalTime: span(1, 10) },
};
const entries = (job: TimedJob, changes: Parameters<typeof timelineOf>[1] = []) =>
  timelineOf(job, changes).map((entry) => ('stage' in entry ? `${entry.kind} ${entry.stage}` : entry.kind));
const kinds = (job: Job, changes: Parameters<typeof timelineOf>[1] = []) => entries(timedExport(job), changes);

describe('the changes of a job', () => {
  const event = { kind: 'CHANGED', observedAt: at(5), previousStatus: 'NEW' };
  /** A client whose subscription has this result twice. */
  const clientOf = (data: object) => {
    const subscribe = (take: (result: unknown) => void) => {
      for (const result of [{ data }, { data }]) take(result);
      return { unsubscribe: () => {} };
    };
    // The feeds use only this part of the client.
    return { subscription: () => ({ subscribe }) } as unknown as Client;
  };
  const clock = { after: () => () => {} };

  it.each([
    ['an export job', createJobFeed(clientOf({ exportJobChanged: { ...event, job: running } }), clock, '1')],
    ['a segment job', createSegmentJobFeed(clientOf({ segmentJobChanged: { ...event, job: evaluation } }), clock, '1')],
  ])('are each remembered once, although urql emits an event again when its cache changes: %s', (_, feed) => {
    feed.start();
    expect(feed.changes.get()).toEqual([{ at: at(5), from: 'NEW', to: 'PROCESSING' }]);
  });

  it('are those of the status alone', () => {
    const changes = new StatusChanges();
    const job = running;
    changes.add({ kind: 'SNAPSHOT', observedAt: at(5), previousStatus: 'NEW', job });
    changes.add({ kind: 'CHANGED', observedAt: at(5), previousStatus: null, job });
    changes.add({ kind: 'CHANGED', observedAt: at(5), previousStatus: job.status, job });
    changes.add({ kind: 'STALE', observedAt: at(5), previousStatus: null, job: null });
    expect(changes.get()).toEqual([]);
  });
});

describe('the timeline of a job', () => {
  it('has the stages and the batches of an ended job in their order', () => {
    expect(kinds(ended)).toEqual([
      'created',
      'stage-started reading',
      'batch-started',
      'stage-ended reading',
      'stage-started writing',
      'stage-ended writing',
      'ended',
      'batch-readable',
    ]);
  });

  it('ends with the expectation of a running job, and has the changes that the page has seen', () => {
    const change = { at: at(3), from: 'QUEUED' as const, to: 'PROCESSING' as const };
    expect(kinds(running, [change])).toEqual([
      'created',
      'stage-started reading',
      'status',
      'likely-end',
      'latest-end',
    ]);
    // The end has an entry of its own.
    expect(kinds(ended, [{ ...change, to: ended.status }])).toEqual(kinds(ended));
    expect(kinds({ ...running, isOverdue: true })).toEqual(['created', 'stage-started reading', 'overdue']);
  });

  it('has each stage as a part of the whole time', () => {
    expect(stagesOf(timedExport(ended), 0).map(({ name, start, width }) => [name, start, width])).toEqual([
      ['waiting', 0, 2 / 8],
      ['reading', 2 / 8, 4 / 8],
      ['writing', 7 / 8, 1 / 8],
    ]);
    expect(stagesOf(timedExport(running), Date.parse(at(4)))).toEqual([
      { name: 'waiting', start: 0, width: 0.5, ms: 120_000, isRunning: false },
      { name: 'reading', start: 0.5, width: 0.5, ms: 120_000, isRunning: true },
    ]);
  });
});

describe('the timeline of a segment job', () => {
  it('has the evaluation and the end', () => {
    expect(entries(timedEvaluation(evaluated))).toEqual([
      'created',
      'stage-started evaluating',
      'stage-ended evaluating',
      'ended',
    ]);
    expect(stagesOf(timedEvaluation(evaluated), 0).map(({ name, start, width }) => [name, start, width])).toEqual([
      ['waiting', 0, 0.2],
      ['evaluating', 0.2, 0.6],
    ]);
  });

  it('ends with the expectation of a running job', () => {
    const change = { at: at(3), from: 'QUEUED' as const, to: 'PROCESSING' as const };
    expect(entries(timedEvaluation(evaluation), [change])).toEqual([
      'created',
      'stage-started evaluating',
      'status',
      'likely-end',
      'latest-end',
    ]);
    expect(stagesOf(timedEvaluation(evaluation), Date.parse(at(4))).map(({ isRunning }) => isRunning)).toEqual([
      false,
      true,
    ]);
  });

  it('waits while the platform reports no times', () => {
    const waiting = timedEvaluation({ ...evaluation, metrics: null, expectation: null });
    expect(entries(waiting)).toEqual(['created']);
    expect(stagesOf(waiting, Date.parse(at(4)))).toEqual([
      { name: 'waiting', start: 0, width: 1, ms: 240_000, isRunning: true },
    ]);
  });
});

describe('the batches of a job', () => {
  it('keep their state while an event does not have it', () => {
    const remember = rememberBatches();
    remember(ended);
    const unread = { ...ended.destination, batches: [{ batchId: 'b1', segment: null, batch: null }] };
    expect(remember({ ...ended, destination: unread }).destination.batches[0]?.batch).toBe(batch);
    const other = { ...ended.destination, batches: [{ batchId: 'b2', segment: null, batch: null }] };
    expect(remember({ ...ended, destination: other }).destination.batches[0]?.batch).toBeNull();
  });
});

describe('a preview', () => {
  const row = { person: { name: { first: 'Ada' } }, identityMap: { ECID: [{ id: '1' }] }, tags: { of: ['a'] } };
  const columns = [
    { name: 'person.name.first', type: 'string' },
    { name: 'identityMap.id', type: 'map<array<string>>' },
    { name: 'identityMap.primary', type: 'map<array<boolean>>' },
    { name: 'tags.of', type: 'array<string>' },
  ];

  it('has one column for the parts of a list or a map', () => {
    expect(shownColumns(columns, [row])).toEqual(['person.name.first', 'identityMap', 'tags.of']);
    expect(shownColumns(columns, [])).toEqual(['person.name.first', 'identityMap', 'tags']);
  });

  it('has the text of each value', () => {
    expect(cellText(valueAt(row, 'person.name.first'))).toBe('Ada');
    expect(cellText(valueAt(row, 'identityMap'))).toBe('{"ECID":[{"id":"1"}]}');
    expect([cellText(valueAt(row, 'person.none.first')), cellText(null), cellText(false)]).toEqual(['', '', 'false']);
    expect(valueAt(row, 'toString')).toBeUndefined();
  });
});

describe('the size of a file', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [5_300, '5.3 KB'],
    [12_345_678, '12 MB'],
    [2e15, '2000 TB'],
  ])('of %i bytes is %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('a link to GraphiQL', () => {
  it('has the query with its variables as defaults', () => {
    const link = new URL(graphiqlLink(ExportJobPageDocument, { id: '24"060' }), 'http://gateway.test');
    expect(link.pathname).toBe('/graphql');
    expect(link.searchParams.get('query')).toMatch(/query ExportJobPage\(\$id: ID! =\s+"24\\"060"/);
    expect(link.searchParams.get('query')).toContain('fragment ExportJobDetail on ExportJob');
  });
});

describe('the reason of an error', () => {
  it.each([
    ["Dataset 'x' was deleted.", 'dataset'],
    ["Dataset 'x' is not on the union schema of XDM Individual Profile.", 'schema'],
    ['Job aborted.', 'aborted'],
    ['Timeout', 'other'],
  ] as const)('%s is explained by: %s', (message, reason) => {
    expect(reasonOf({ message })).toBe(texts.job.errors.reasons[reason]);
  });
});
