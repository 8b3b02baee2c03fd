/**
 * The platform, from memory. Each response is a buffer that is built at the start. It parses only the part of HTTP that
 * the servers under test send, because it shares a core with the load generator and must not become the bottleneck.
 * `GET /calls` returns the calls since the last such request, so that the benchmark can check that all servers make the
 * same calls.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createdJob, datasetRecord, jobRecord, jobRecords } from './records.ts';

const responseOf = (status: string, value: unknown): Buffer => {
  const body = JSON.stringify(value);
  const head = `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
  return Buffer.from(head + body);
};

const notFound = responseOf('404 Not Found', { status: 404, title: 'Not found' });
const created = responseOf('200 OK', createdJob);
const responses = new Map<string, Buffer>();
const jobs = '/data/core/ups/export/jobs';
const datasets = '/data/foundation/catalog/dataSets/';

function build(target: string): Buffer {
  const { pathname, searchParams } = new URL(target, 'http://platform');
  if (pathname === jobs) {
    const records = jobRecords.slice(0, Number(searchParams.get('limit')));
    const last = records.at(-1);
    const offset = `${last?.creationTime}_${last?.id}`;
    const page = { sortField: 'createdTime', sort: 'desc', pageOffset: offset, pageSize: records.length };
    const next = `/export/jobs/?limit=${records.length}&offset=${offset}`;
    return responseOf('200 OK', { records, page, link: { next } });
  }
  if (pathname.startsWith(`${jobs}/`)) {
    const record = jobRecord(Number(pathname.slice(jobs.length + 1)));
    return record === undefined ? notFound : responseOf('200 OK', record);
  }
  if (pathname.startsWith(datasets)) {
    const ids = decodeURIComponent(pathname.slice(datasets.length)).split(',');
    return responseOf('200 OK', Object.fromEntries(ids.map((id) => [id, datasetRecord(id)])));
  }
  return notFound;
}

let calls: string[] = [];
/**
 * Maximum length of the list of calls. It is enough for the few requests of the check, and costs nothing under load.
 */
const maxCalls = 100;

function respond(method: string, target: string): Buffer {
  if (target === '/calls') {
    const response = responseOf('200 OK', calls);
    calls = [];
    return response;
  }
  if (calls.length < maxCalls) calls.push(`${method} ${target}`);
  if (method === 'POST') return created;
  const known = responses.get(target);
  if (known !== undefined) return known;
  const response = build(target);
  responses.set(target, response);
  return response;
}

const contentLength = /\r\ncontent-length: *(\d+)/i;

function serve(socket: Socket): void {
  let pending = '';
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    // The servers send only ASCII: a path, headers, and the small body of a create.
    pending += chunk.toString('latin1');
    for (;;) {
      const end = pending.indexOf('\r\n\r\n');
      if (end === -1) return;
      const [method = '', target = ''] = pending.slice(0, pending.indexOf('\r\n')).split(' ', 2);
      const body = method === 'POST' ? Number(contentLength.exec(pending)?.[1] ?? 0) : 0;
      if (pending.length < end + 4 + body) return;
      pending = pending.slice(end + 4 + body);
      socket.write(respond(method, target));
    }
  });
}

const server = createServer(serve);
server.listen(0, '127.0.0.1', () => {
  // The assertion holds because a server that listens on a port has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`ready http://127.0.0.1:${port}\n`);
});
