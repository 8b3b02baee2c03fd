import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Stub, startStub } from './platform.ts';
import { plantedSecret } from './secrets.ts';

/** A platform in which every record has far more parts than a request names, and no list ends. */
export interface WidePlatform extends Pick<Stub, 'url' | 'requests'>, AsyncDisposable {
  /** Number of calls to the platform so far, without token requests. */
  calls(): number;
  /** Resolves when a request arrives whose target contains `part`. */
  asked(part: string): Promise<void>;
}

/** Creation time of job number 0. */
export const createdMs = Date.parse('2026-01-01T00:00:00Z');
const many = <Entry>(count: number, entry: (index: number) => Entry): readonly Entry[] =>
  Array.from({ length: count }, (_, index) => entry(index));

/** An export job with 100 batches that no other job has. */
const exportJob = (id: number) => ({
  id,
  jobType: 'BATCH',
  status: 'SUCCEEDED',
  schema: { name: '_xdm.context.profile' },
  destination: {
    datasetId: 'd',
    segmentPerBatch: true,
    batches: many(100, (index) => ({ segmentId: `s${index}`, segmentNs: 'ups', batchId: `batch-${id}-${index}` })),
  },
  metrics: {},
  creationTime: createdMs + id,
  updateTime: createdMs + id,
});

/** A segment job with 500 segments. */
const segmentJob = (id: string) => ({
  id,
  status: 'SUCCEEDED',
  segments: many(500, (index) => ({ segmentId: `segment-${index}` })),
  errors: [],
  creationTime: createdMs,
  updateTime: createdMs,
});

/** Path patterns and their responses. */
const routes: readonly [RegExp, (found: RegExpExecArray, query: URLSearchParams, body: string) => unknown][] = [
  [/^\/ims\//, () => ({ access_token: plantedSecret('wide'), token_type: 'bearer', expires_in: 86_399 })],
  [/\/catalog\/batches\/(.+)$/, ([, ids = '']) => objects(ids, () => ({ status: 'success', created: createdMs }))],
  [/\/catalog\/dataSets\/(.+)$/, ([, ids = '']) => objects(ids, () => ({ name: 'D', created: createdMs }))],
  [/\/export\/batches\/(.+)\/files$/, ([, id]) => ({ data: many(100, (n) => ({ dataSetFileId: `${id}-${n}` })) })],
  [/\/export\/files\/.+$/, () => ({ data: [{ name: 'part-0.parquet', length: '10' }] })],
  [/\/export\/jobs\/(\d+)$/, ([, id]) => exportJob(Number(id))],
  [/\/export\/jobs\/?$/, (_, query) => endlessJobs(query)],
  [/\/segment\/jobs\/bulk-get$/, (_found, _query, body) => bulk(body, segmentJob)],
  [/\/segment\/jobs\/(.+)$/, ([, id = '']) => segmentJob(id)],
  [/\/segment\/jobs\/?$/, () => ({ children: [], _page: {}, _links: {} })],
  [/\/segment\/definitions\/bulk-get$/, (_found, _query, body) => bulk(body, (id) => ({ id, name: id }))],
  [/\/sandbox-management\//, (_, query) => endlessSandboxes(Number(query.get('offset')))],
];

export async function startWidePlatform(): Promise<WidePlatform> {
  const answer = (request: IncomingMessage, response: ServerResponse, body: string): void => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://stub');
    if (request.method === 'POST' && pathname.endsWith('/export/jobs')) {
      send(response, { ...JSON.parse(body), ...exportJob(7) });
      return;
    }
    for (const [path, content] of routes) {
      const found = path.exec(pathname);
      if (found === null) continue;
      send(response, content(found, searchParams, body));
      return;
    }
    response.writeHead(404).end();
  };
  const stub = await startStub((request, response) => {
    let body = '';
    request.on('data', (piece) => {
      body += String(piece);
    });
    request.on('end', () => answer(request, response, body));
  });
  return {
    url: stub.url,
    requests: stub.requests,
    calls: () => stub.requests.filter((target) => !target.includes(' /ims/')).length,
    asked: stub.asked,
    [Symbol.asyncDispose]: () => stub[Symbol.asyncDispose](),
  };
}

const objects = (ids: string, object: () => object) =>
  Object.fromEntries(ids.split(',').map((id) => [decodeURIComponent(id), object()]));

function bulk(body: string, entity: (id: string) => object) {
  // The body was written by the gateway itself, so its form is known.
  const { ids } = JSON.parse(body) as { readonly ids: readonly { readonly id: string }[] };
  return { results: Object.fromEntries(ids.map(({ id }) => [id, entity(id)])) };
}

/** Endless full pages of jobs, newest first, by the platform's cursor. Job N is a millisecond older than job N + 1. */
function endlessJobs(query: URLSearchParams) {
  const limit = Number(query.get('limit'));
  const at = query.get('offset')?.split('_')[0];
  const before = at === undefined ? 1_000_000 : Number(at) - createdMs;
  const last = before - limit;
  return {
    records: many(limit, (index) => exportJob(before - 1 - index)),
    page: { pageSize: limit },
    link: { next: `/export/jobs/?limit=${limit}&offset=${createdMs + last}_${last}` },
  };
}

const endlessSandboxes = (offset: number) => ({
  sandboxes: many(50, (index) => ({ name: `s${offset + index}`, title: 'S', state: 'active', type: 'development' })),
  _page: { limit: 50, count: 50 },
});

function send(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
