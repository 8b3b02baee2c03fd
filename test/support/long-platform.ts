import type { ServerResponse } from 'node:http';
import { type Stub, startStub } from './platform.ts';
import { plantedSecret } from './secrets.ts';

export interface LongPlatformOptions {
  readonly exportJobs?: number;
  readonly segmentJobs?: number;
  /** Unit of `start=` on segment jobs. @default 'page' */
  readonly start?: 'page' | 'row';
}

/** A platform with only two very long lists, which are generated while they are read. */
export interface LongPlatform extends Pick<Stub, 'url' | 'requests'>, AsyncDisposable {
  /** Creates this number of jobs of each kind, newer than all others. */
  arrive(count: number): void;
}

/** Dataset of every 400th export job; all other export jobs have another dataset. */
export const rareDataset = 'rare';
export const rareEvery = 400;
/** Creation time of job number 0. Each later job is one second newer. */
const firstCreated = Date.parse('2026-01-01T00:00:00Z');
const createdAt = (number: number): number => firstCreated + number * 1_000;

/** Number of the only failed export job. */
export const failedExportJob = 7;

const exportJob = (id: number) => ({
  id,
  jobType: 'BATCH',
  status: id === failedExportJob ? 'FAILED' : 'SUCCEEDED',
  schema: { name: '_xdm.context.profile' },
  destination: { datasetId: id % rareEvery === 0 ? rareDataset : 'common', batchId: `batch-${id}` },
  metrics: {},
  creationTime: createdAt(id),
  updateTime: createdAt(id),
});

/** Of every 400 segment jobs, one has failed and the one next to it was cancelled. */
const segmentJob = (number: number) => ({
  id: `segment-job-${number}`,
  status: number % rareEvery === 0 ? 'FAILED' : number % rareEvery === 1 ? 'CANCELLED' : 'SUCCEEDED',
  source: 'api',
  segments: [{ segmentId: '*' }],
  errors: [],
  creationTime: createdAt(number),
  updateTime: createdAt(number),
});

/** Maximum page size of the platform. */
const maxLimit = 100;

export async function startLongPlatform(options: LongPlatformOptions = {}): Promise<LongPlatform> {
  const { start = 'page' } = options;
  let [exportJobs, segmentJobs] = [options.exportJobs ?? 0, options.segmentJobs ?? 0];

  /** Pages by the cursor of export jobs: creation time and id of the last returned job. */
  const listExportJobs = (query: URLSearchParams) => {
    const limit = Math.min(Number(query.get('limit')), maxLimit);
    const [ms, id] = (query.get('offset') ?? `${createdAt(exportJobs + 1)}_0`).split('_').map(Number);
    const status = query.get('status');
    const found = descending(exportJobs, exportJobs)
      .map(exportJob)
      .filter((job) => job.creationTime < (ms ?? 0) || (job.creationTime === ms && job.id < (id ?? 0)))
      .filter((job) => status === null || job.status === status);
    const records = found.slice(0, limit);
    const last = records.at(-1);
    const more = last !== undefined && found.length > limit;
    return {
      records,
      page: { pageSize: records.length },
      link: { next: more ? `/export/jobs/?limit=${limit}&offset=${last.creationTime}_${last.id}` : '' },
    };
  };

  const listSegmentJobs = (query: URLSearchParams) => {
    const limit = Math.min(Number(query.get('limit')), maxLimit);
    const at = Number(query.get('start') ?? 0);
    const skip = start === 'page' ? at * limit : at;
    const children = descending(segmentJobs - skip, limit).map(segmentJob);
    const more = skip + children.length < segmentJobs;
    const next = start === 'page' ? at + 1 : at + children.length;
    return {
      children,
      _page: { totalCount: segmentJobs, pageSize: children.length },
      _links: { next: more ? { href: `/segment/jobs?start=${next}&limit=${limit}` } : {} },
    };
  };

  const sendExportJob = (response: ServerResponse, id: number): void => {
    if (id >= 1 && id <= exportJobs) send(response, exportJob(id));
    else response.writeHead(404).end();
  };

  const stub = await startStub((request, response) => {
    request.resume();
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://stub');
    if (pathname.startsWith('/ims/'))
      send(response, { access_token: plantedSecret('platform'), token_type: 'bearer', expires_in: 86_399 });
    else if (pathname.endsWith('/export/jobs')) send(response, listExportJobs(searchParams));
    else if (pathname.includes('/export/jobs/')) sendExportJob(response, Number(pathname.split('/').at(-1)));
    else if (pathname.includes('/segment/jobs')) send(response, listSegmentJobs(searchParams));
    else response.writeHead(404).end();
  });
  return {
    url: stub.url,
    requests: stub.requests,
    arrive: (count) => {
      exportJobs += count;
      segmentJobs += count;
    },
    [Symbol.asyncDispose]: () => stub[Symbol.asyncDispose](),
  };
}

/** Numbers descending from `from`, at least 1. */
const descending = (from: number, count: number): readonly number[] =>
  Array.from({ length: Math.max(0, Math.min(count, from)) }, (_, index) => from - index);

function send(response: ServerResponse, body: object): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
