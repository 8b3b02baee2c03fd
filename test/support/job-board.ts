import { type Stub, startStub } from './platform.ts';

export interface BoardJob {
  readonly id: string;
  /** @default 'PROCESSING' */
  readonly status?: string;
  /** Progress of the job, as `metrics.totalExportedProfiles`. */
  readonly progress: number;
  /** Message of its only error. @default no error */
  readonly message?: string;
}

/** A platform with only a few export jobs, whose records a test sets. */
export interface JobBoard extends Pick<Stub, 'url' | 'requests'>, AsyncDisposable {
  set(job: BoardJob): void;
}

const createdAt = Date.parse('2026-01-01T00:00:00Z');

export async function startJobBoard(...first: readonly BoardJob[]): Promise<JobBoard> {
  const jobs = new Map(first.map((job) => [job.id, job]));
  const stub = await startStub((request, response) => {
    request.resume();
    const { pathname } = new URL(request.url ?? '/', 'http://stub');
    const id = /\/export\/jobs\/([^/]+)$/.exec(pathname)?.[1];
    const job = jobs.get(id ?? '');
    const found = pathname.startsWith('/ims/')
      ? { access_token: 'token', token_type: 'bearer', expires_in: 86_399 }
      : id === undefined
        ? { records: [...jobs.values()].map(record), page: { pageSize: jobs.size }, link: { next: '' } }
        : job && record(job);
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(found ?? { message: 'The job does not exist.' }));
  });
  return {
    url: stub.url,
    requests: stub.requests,
    set: (job) => void jobs.set(job.id, job),
    [Symbol.asyncDispose]: () => stub[Symbol.asyncDispose](),
  };
}

const record = ({ id, status = 'PROCESSING', progress, message }: BoardJob) => ({
  id: Number(id),
  jobType: 'BATCH',
  status,
  schema: { name: '_xdm.context.profile' },
  destination: { datasetId: 'common', batchId: `batch-${id}` },
  metrics: { totalExportedProfileCounter: progress },
  errors: message === undefined ? [] : [{ code: '1', msg: message }],
  creationTime: createdAt,
  updateTime: createdAt + progress,
});
