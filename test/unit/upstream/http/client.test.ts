import { createServer } from 'node:net';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type DataSetFileId, type ExportJobId, platformId } from '../../../../src/domain/ids.ts';
import {
  ForbiddenError,
  GatewayCredentialError,
  OutcomeUnknownError,
  UnauthenticatedError,
  UpstreamTimeoutError,
  UpstreamUnreachableError,
  UpstreamUnreadableError,
} from '../../../../src/errors.ts';
import type { Credential } from '../../../../src/upstream/caller.ts';
import { eventually } from '../../../support/eventually.ts';
import { newExportJob } from '../fixtures.ts';
import {
  clientCredential,
  connectTo,
  countListeners,
  passthrough,
  type Respond,
  sendJson,
  silence,
  startStub,
} from '../platform-stub.ts';

const job = { id: 7, status: 'NEW', jobType: 'BATCH', creationTime: 1, updateTime: 1, destination: { datasetId: 'd' } };
/** Connections that are kept alive would close later by themselves. */
const beforeIdleOnesClose = { patienceMs: 2_000 };
const emptyMap: Respond = (_request, response) => sendJson(response, 200, {});

/** The credential of a client whose token the platform refuses until it is renewed. */
function renewable(): Credential & { readonly rejected: string[] } {
  const rejected: string[] = [];
  return {
    rejected,
    fingerprint: 'renewable',
    owner: 'gateway',
    headers: async (_signal, refused) => {
      if (refused !== undefined) rejected.push(refused);
      return { authorization: rejected.length > 0 ? 'Bearer new' : 'Bearer old', 'x-api-key': 'key' };
    },
  };
}

describe('the headers of a call', () => {
  it('name the caller, the organization, the sandbox and a new request id', async () => {
    await using stub = await startStub(emptyMap);
    await using client = connectTo(stub.url);
    await client.api.datasets.list({ limit: 1 });
    await client.api.datasets.list({ limit: 1 });
    const [first, second] = stub.requests.map(({ headers }) => headers);
    expect(first).toMatchObject({
      authorization: 'Bearer t-1',
      'x-api-key': 'key',
      'x-gw-ims-org-id': '0123456789ABCDEF01234567@AdobeOrg',
      'x-sandbox-name': 'prod',
      accept: 'application/json',
    });
    expect(first?.['x-request-id']).toMatch(/^[0-9a-z]{32}$/);
    expect(second?.['x-request-id']).not.toBe(first?.['x-request-id']);
  });

  it('are sent to the path of the base URL followed by the path of the call', async () => {
    await using stub = await startStub(emptyMap);
    await using client = connectTo(`${stub.url}/behind/a/proxy/`);
    await client.api.datasets.list({ limit: 1 });
    expect(stub.requests[0]?.path).toBe('/behind/a/proxy/data/foundation/catalog/dataSets');
  });
});

describe('the deadline of a call', () => {
  it('ends a read without a response with UpstreamTimeoutError', async () => {
    await using stub = await startStub(silence);
    await using client = connectTo(stub.url, { callTimeoutMs: 5_000 });
    const response = client.api.exportJobs.get(platformId('1'));
    const failure = expect(response).rejects.toMatchObject({
      constructor: UpstreamTimeoutError,
      upstream: { service: 'export', status: null, requestId: expect.stringMatching(/^[0-9a-z]{32}$/) },
    });
    await stub.received(1);
    expect(client.clock.pending('deadline')).toBe(1);
    await client.clock.advanceBy(5_000);
    await failure;
    expect(client.metrics.calls).toEqual([{ service: 'export', method: 'GET', status: null, seconds: 5 }]);
  });

  it('also applies while the body arrives', async () => {
    let sent = () => {};
    const headersSent = new Promise<void>((resolve) => {
      sent = resolve;
    });
    await using stub = await startStub((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{"records":[', sent);
    });
    await using client = connectTo(stub.url);
    const failure = expect(client.api.exportJobs.list({ limit: 1 })).rejects.toBeInstanceOf(UpstreamTimeoutError);
    await headersSent;
    await client.clock.advanceBy(30_000);
    await failure;
  });

  it('is removed when the response has arrived', async () => {
    await using stub = await startStub(emptyMap);
    await using client = connectTo(stub.url);
    await client.api.datasets.list({ limit: 1 });
    expect(client.clock.pending('deadline')).toBe(0);
  });

  it('makes the outcome of a create unknown, because its request was sent', async () => {
    await using stub = await startStub(silence);
    await using client = connectTo(stub.url);
    const failure = expect(client.api.exportJobs.create(newExportJob)).rejects.toBeInstanceOf(OutcomeUnknownError);
    await stub.received(1);
    await client.clock.advanceBy(30_000);
    // The lookup of a lost create takes no longer than this.
    await stub.received(2);
    await client.clock.advanceBy(10_000);
    await failure;
    expect(stub.requests.map(({ method }) => method)).toEqual(['POST', 'GET']);
  });

  it('makes the outcome of a cancellation unknown', async () => {
    await using stub = await startStub(silence);
    await using client = connectTo(stub.url);
    const failure = expect(client.api.exportJobs.cancel(platformId('1'))).rejects.toBeInstanceOf(OutcomeUnknownError);
    await stub.received(1);
    await client.clock.advanceBy(30_000);
    await failure;
  });
});

describe('the signal of a call', () => {
  it('rejects with its reason, except for a create that was sent', async () => {
    await using stub = await startStub(silence);
    const leaving = new AbortController();
    await using client = connectTo(stub.url, { signal: leaving.signal });
    const reason = new Error('The caller left.');
    const failures = Promise.all([
      expect(client.api.exportJobs.get(platformId('1'))).rejects.toBe(reason),
      expect(client.api.exportJobs.create(newExportJob)).rejects.toBeInstanceOf(OutcomeUnknownError),
    ]);
    await stub.received(2);
    leaving.abort(reason);
    await failures;
    await expect(client.api.exportJobs.create(newExportJob)).rejects.toBe(reason);
  });

  it('rejects later calls without a request to the platform', async () => {
    await using stub = await startStub(emptyMap);
    const reason = new Error('The caller has left.');
    await using client = connectTo(stub.url, { signal: AbortSignal.abort(reason) });
    await expect(client.api.datasets.list({ limit: 1 })).rejects.toBe(reason);
    expect(stub.requests).toHaveLength(0);
  });

  it('has no listener after its calls, and causes no warning during many calls', async () => {
    await using stub = await startStub(emptyMap);
    const { signal } = new AbortController();
    const listeners = countListeners(signal);
    await using client = connectTo(stub.url, { signal });
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on('warning', onWarning);
    // Thirty calls, and as many again that share them.
    const limits = Array.from({ length: 60 }, (_, index) => (index % 30) + 1);
    await Promise.all(limits.map((limit) => client.api.datasets.list({ limit })));
    expect(stub.requests).toHaveLength(30);
    process.off('warning', onWarning);
    expect(listeners()).toBe(0);
    expect(warnings).toEqual([]);
  });
});

describe('a connection', () => {
  it('that is refused is UPSTREAM_UNREACHABLE, also for a create, because it was not sent', async () => {
    const stub = await startStub(silence);
    await stub[Symbol.asyncDispose]();
    await using client = connectTo(stub.url);
    await expect(client.api.exportJobs.get(platformId('1'))).rejects.toBeInstanceOf(UpstreamUnreachableError);
    await expect(client.api.exportJobs.create(newExportJob)).rejects.toBeInstanceOf(UpstreamUnreachableError);
  });

  it('that breaks before the response is UPSTREAM_UNREACHABLE, and OUTCOME_UNKNOWN for a create', async () => {
    await using stub = await startStub((_request, response) => {
      response.socket?.resetAndDestroy();
    });
    await using client = connectTo(stub.url);
    await expect(client.api.exportJobs.get(platformId('1'))).rejects.toBeInstanceOf(UpstreamUnreachableError);
    await expect(client.api.exportJobs.create(newExportJob)).rejects.toBeInstanceOf(OutcomeUnknownError);
    expect(stub.requests.filter(({ method }) => method === 'POST')).toHaveLength(1);
  });

  it('that breaks within the body is UPSTREAM_UNREACHABLE, and OUTCOME_UNKNOWN for a create', async () => {
    await using stub = await startStub((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
      response.write(JSON.stringify(job), () => response.socket?.destroy());
    });
    await using client = connectTo(stub.url);
    await expect(client.api.exportJobs.get(platformId('7'))).rejects.toBeInstanceOf(UpstreamUnreachableError);
    await expect(client.api.exportJobs.create(newExportJob)).rejects.toBeInstanceOf(OutcomeUnknownError);
  });

  it('to a server that does not use HTTP is UPSTREAM_UNREACHABLE', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {}).resume();
      socket.end('SSH-2.0-OpenSSH_9.6\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    await using client = connectTo(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`);
    await expect(client.api.exportJobs.get(platformId('1'))).rejects.toBeInstanceOf(UpstreamUnreachableError);
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('the disposal of the client', () => {
  it('closes the connections of calls and of downloads', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 200, job));
    const client = connectTo(stub.url);
    await client.api.exportJobs.get(platformId<ExportJobId>('7'));
    await client.api.files.read({ fileId: platformId<DataSetFileId>('file-1'), name: 'part' });
    expect(stub.connections).toBe(2);
    await client[Symbol.asyncDispose]();
    await eventually(() => expect(stub.connections).toBe(0), beforeIdleOnesClose);
  });
});

describe('the body of a response', () => {
  it('may be compressed if compression was requested', async () => {
    await using stub = await startStub((request, response) => {
      expect(request.headers['accept-encoding']).toBe('gzip');
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(JSON.stringify({ a: { name: 'A' } })));
    });
    await using client = connectTo(stub.url);
    expect(await client.api.datasets.list({ limit: 1 })).toMatchObject({ objects: [{ id: 'a', name: 'A' }] });
  });

  it('is unreadable when its compression is broken or unknown', async () => {
    const bodies = [
      { encoding: 'gzip', body: gzipSync(JSON.stringify({ a: { name: 'A' } })).subarray(0, 20) },
      { encoding: 'br', body: Buffer.from('{}') },
    ];
    await using stub = await startStub((_request, response) => {
      const next = bodies.shift();
      response.writeHead(200, { 'content-encoding': next?.encoding }).end(next?.body);
    });
    await using client = connectTo(stub.url);
    await expect(client.api.datasets.list({ limit: 1 })).rejects.toBeInstanceOf(UpstreamUnreadableError);
    await expect(client.api.datasets.list({ limit: 1 })).rejects.toBeInstanceOf(UpstreamUnreadableError);
  });

  it('is rejected when it is larger than 32 MiB, compressed or not', async () => {
    const tooLarge = 33 * 1024 * 1024;
    const packed = gzipSync(Buffer.from('{}'.padEnd(tooLarge)));
    await using stub = await startStub((request, response) => {
      if (request.path.includes('catalog')) response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed);
      else response.end('{"records":[]}'.padEnd(tooLarge));
    });
    await using client = connectTo(stub.url);
    await expect(client.api.datasets.list({ limit: 1 })).rejects.toBeInstanceOf(UpstreamUnreadableError);
    await expect(client.api.exportJobs.list({ limit: 1 })).rejects.toMatchObject({
      constructor: UpstreamUnreadableError,
      message: expect.stringContaining('too large'),
    });
  });

  it('is unreadable when it is not JSON, and makes the outcome of a create unknown', async () => {
    await using stub = await startStub((_request, response) => {
      response.writeHead(200).end('<html>secret</html>');
    });
    await using client = connectTo(stub.url);
    const failure = await client.api.exportJobs.get(platformId('1')).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UpstreamUnreadableError);
    expect(inspect(failure)).not.toContain('secret');
    await expect(client.api.exportJobs.create(newExportJob)).rejects.toBeInstanceOf(OutcomeUnknownError);
  });

  it('keeps integers exact that exceed the precision of a double (#41)', async () => {
    await using stub = await startStub((_request, response) => {
      response.writeHead(200).end(JSON.stringify(job).replace('"id":7', '"id":9223372036854775807'));
    });
    await using client = connectTo(stub.url);
    expect(await client.api.exportJobs.get(platformId('9223372036854775807'))).toMatchObject({
      id: '9223372036854775807',
    });
  });
});

describe('redirects', () => {
  it('are never followed, so that the token is sent only to the configured host', async () => {
    await using elsewhere = await startStub(emptyMap);
    await using stub = await startStub((request, response) => {
      response.writeHead(307, { location: elsewhere.url + request.path }).end();
    });
    await using client = connectTo(stub.url);
    await expect(client.api.datasets.list({ limit: 1 })).rejects.toMatchObject({ code: 'PLATFORM_ERROR', status: 307 });
    await expect(client.api.files.read({ fileId: platformId('f'), name: 'part-0.parquet' })).rejects.toMatchObject({
      code: 'PLATFORM_ERROR',
      status: 307,
    });
    expect(elsewhere.requests).toHaveLength(0);
  });
});

describe('a rejected token', () => {
  const wantsNewToken: Respond = ({ headers }, response) =>
    headers.authorization === 'Bearer new'
      ? sendJson(response, 200, job)
      : sendJson(response, 401, { error_code: '401013', message: 'Oauth token is not valid' });

  it('is replaced once and the call repeated, also for a write', async () => {
    await using stub = await startStub(wantsNewToken);
    const credential = renewable();
    await using client = connectTo(stub.url, { credential });
    expect(await client.api.exportJobs.create(newExportJob)).toMatchObject({ id: '7' });
    expect(credential.rejected).toEqual(['Bearer old']);
    expect(stub.requests.map(({ method }) => method)).toEqual(['POST', 'POST']);
    expect(client.metrics.calls.map(({ status }) => status)).toEqual([401, 200]);
  });

  it('of many concurrent calls is replaced by one request for a token', async () => {
    let issued = 0;
    await using ims = await startStub((_request, response) => {
      issued += 1;
      sendJson(response, 200, { access_token: `token-${issued}`, expires_in: 86_399 });
    });
    await using stub = await startStub(({ headers }, response) =>
      headers.authorization === 'Bearer token-1' ? response.writeHead(401).end() : sendJson(response, 200, job),
    );
    await using credential = clientCredential(ims.url);
    await using client = connectTo(stub.url, { credential });
    const ids = Array.from({ length: 20 }, (_, index) => platformId<ExportJobId>(String(index)));
    const jobs = await Promise.all(ids.map((id) => client.api.exportJobs.get(id)));
    expect(jobs.map((found) => found?.id)).toEqual(ids.map(() => '7'));
    expect(ims.requests).toHaveLength(2);
    expect(stub.requests).toHaveLength(40);
  });

  it('of the gateway that is rejected again is GATEWAY_CREDENTIAL after the second rejection', async () => {
    await using stub = await startStub((_request, response) =>
      sendJson(response, 401, { error_code: '401013', message: 'Oauth token is not valid' }),
    );
    await using client = connectTo(stub.url, { credential: renewable() });
    await expect(client.api.exportJobs.get(platformId('7'))).rejects.toMatchObject({
      constructor: GatewayCredentialError,
      upstream: { status: 401, code: '401013', title: 'Oauth token is not valid' },
    });
    expect(stub.requests).toHaveLength(2);
  });

  it('of the gateway without the header that names it is GATEWAY_CREDENTIAL, and is not renewed', async () => {
    await using stub = await startStub((_request, response) =>
      sendJson(response, 403, { error_code: '403003', message: 'Api Key is invalid' }),
    );
    const credential = renewable();
    await using client = connectTo(stub.url, { credential });
    await expect(client.api.exportJobs.create(newExportJob)).rejects.toBeInstanceOf(GatewayCredentialError);
    expect(credential.rejected).toEqual([]);
    expect(stub.requests).toHaveLength(1);
  });

  it('of the gateway is also replaced for Data Access, and a rejected replacement makes the data forbidden', async () => {
    await using stub = await startStub(({ headers, path }, response) =>
      headers.authorization === 'Bearer new' && path.includes('/open/')
        ? sendJson(response, 200, { data: [] })
        : sendJson(response, 401, { error_code: '401013', message: 'Oauth token is not valid' }),
    );
    const credential = renewable();
    await using client = connectTo(stub.url, { credential });
    const list = (id: string) => client.api.files.list({ batchId: platformId(id), start: 0, limit: 1 });
    expect(await list('open')).toEqual({ files: [], next: null });
    expect(credential.rejected).toEqual(['Bearer old']);
    await expect(list('secret')).rejects.toBeInstanceOf(ForbiddenError);
  });

  it('of the gateway without the header that names it is also GATEWAY_CREDENTIAL for Data Access', async () => {
    await using stub = await startStub((_request, response) =>
      sendJson(response, 403, { error_code: '403003', message: 'Api Key is invalid' }),
    );
    await using client = connectTo(stub.url, { credential: renewable() });
    const read = client.api.files.list({ batchId: platformId('b'), start: 0, limit: 1 });
    await expect(read).rejects.toBeInstanceOf(GatewayCredentialError);
  });

  it('of the caller is UNAUTHENTICATED at once', async () => {
    await using stub = await startStub(wantsNewToken);
    await using client = connectTo(stub.url, { credential: passthrough });
    await expect(client.api.exportJobs.get(platformId('7'))).rejects.toBeInstanceOf(UnauthenticatedError);
    expect(stub.requests).toHaveLength(1);
  });
});

describe('a response with a header that was sent twice', () => {
  const twice = (status: number, body: unknown): Respond => {
    const names = ['retry-after', 'date', 'content-type', 'x-request-id', 'etag', 'last-modified', 'content-range'];
    const headers = Object.fromEntries(names.map((name) => [name, ['7', '90']]));
    return (_request, response) => response.writeHead(status, headers).end(JSON.stringify(body));
  };
  const requestId = '7';

  it('is read like any other success', async () => {
    await using stub = await startStub(twice(200, job));
    await using client = connectTo(stub.url);
    expect(await client.api.exportJobs.get(platformId<ExportJobId>('7'))).toMatchObject({ id: '7' });
  });

  it('is an error with the first value, for reads, writes and files', async () => {
    await using stub = await startStub(twice(429, {}));
    await using client = connectTo(stub.url);
    const { exportJobs, files } = client.api;
    const limited = { code: 'RATE_LIMITED', retryAfterMs: 7_000, upstream: { status: 429, requestId } };
    const fileId = platformId<DataSetFileId>('file-1');
    await expect(exportJobs.list({ limit: 1 })).rejects.toMatchObject(limited);
    await expect(exportJobs.create(newExportJob)).rejects.toMatchObject(limited);
    await expect(exportJobs.cancel(platformId<ExportJobId>('7'))).rejects.toMatchObject(limited);
    await expect(files.stat({ fileId, name: 'a' })).rejects.toMatchObject(limited);
    await expect(files.read({ fileId, name: 'a' })).rejects.toMatchObject(limited);
  });

  it('is unreadable if the body is compressed twice', async () => {
    await using stub = await startStub((_request, response) => {
      response.setHeader('content-encoding', ['gzip', 'gzip']);
      response.end(gzipSync(gzipSync('{}')));
    });
    await using client = connectTo(stub.url);
    await expect(client.api.exportJobs.list({ limit: 1 })).rejects.toBeInstanceOf(UpstreamUnreadableError);
  });
});
