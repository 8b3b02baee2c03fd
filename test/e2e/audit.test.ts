import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuditLine, parseAuditLine } from '../support/audit-line.ts';
import { carryOutAnd } from '../support/carry-out.ts';
import { type Gateway, type Headers, startGateway } from '../support/gateway.ts';
import { type Emulator, goldTier, profileDataset, startPlatform, startProxy } from '../support/platform.ts';
import { bearer, startTokenIssuer, type TokenIssuer } from '../support/token-issuer.ts';

let platform: Emulator;
let issuer: TokenIssuer;

beforeAll(async () => {
  [platform, issuer] = await Promise.all([
    startPlatform({ quirks: { oneSchedulePer: 'nothing' } }),
    startTokenIssuer(),
  ]);
});
afterAll(async () => {
  await Promise.all([platform.close(), issuer[Symbol.asyncDispose]()]);
});

/** Sends a mutation, and returns its result with the lines that it caused. */
async function mutate(gateway: Gateway, field: string, headers: Headers = {}) {
  const before = gateway.audit.length;
  const { data, errors } = await gateway.send(`mutation { result: ${field} }`, {}, headers);
  // The member of every union is selected below.
  const result = data?.['result'] as {
    readonly __typename: string;
    readonly code?: string;
    readonly made?: { readonly platformId: string };
  };
  return { result, errors, lines: gateway.audit.slice(before) };
}

const onError = '... on Error { code }';
const exportInput = (more = '') => `input: { destination: { target: { datasetId: "${profileDataset}" } } ${more} }`;
const createExport = (more = '') =>
  `createExportJob(${exportInput(more)}) { __typename ... on CreateExportJobPayload { made: exportJob { platformId } } ${onError} }`;
const createSegmentJob = (more = '') =>
  `createSegmentJob(input: { segmentIds: ["${goldTier}"] ${more} }) { __typename ... on CreateSegmentJobPayload { made: segmentJob { platformId } } ${onError} }`;
const createSchedule = (name: string) =>
  `createSchedule(input: { name: "${name}", type: BATCH_SEGMENTATION, schedule: "0 0 1 * * ?" }) { __typename ... on CreateSchedulePayload { made: schedule { platformId } } ${onError} }`;
const createDataset = (more = '') =>
  `createDataset(input: { name: "Audited" ${more} }) { __typename ... on CreateDatasetPayload { made: dataset { platformId } } ${onError} }`;
const cancelExport = (id: string) => `cancelExportJob(id: "${id}") { __typename ${onError} }`;
const updateSchedule = (id: string) =>
  `updateSchedule(id: "${id}", input: { state: ACTIVE }) { __typename ${onError} }`;

/** The members of lines that identify a change and its outcome. */
const summary = (lines: readonly AuditLine[]) =>
  lines.map(({ operation, entity, action, id, outcome, evidence, code }) => ({
    operation,
    change: `${action} ${entity} ${id}`,
    outcome: [outcome, evidence, code].filter((each) => each !== null).join(' '),
  }));

/** The platform rejects each new export, for whose dataset the gateway has then no use. */
const exportsRejected: Parameters<typeof platform.faults.set>[0] = {
  rules: [{ match: { path: '/data/core/ups/export/jobs', writesOnly: true }, fault: { kind: 'status', status: 403 } }],
};

describe('the audit log', () => {
  it('has one line for each mutation, with the ids of both sides and the outcome', async () => {
    await using gateway = await startGateway({ platform });
    const made = async (field: string) => {
      const { result, lines } = await mutate(gateway, field, { 'x-request-id': 'client-7' });
      const id = result.made?.platformId ?? '';
      const [line] = lines;
      expect(lines).toEqual([
        {
          ...{ level: 'info', type: 'audit', time: expect.any(String), principal: 'embedded', sandbox: 'prod' },
          ...{ org: '0123456789ABCDEF01234567@AdobeOrg', operation: field.split('(')[0], action: 'create' },
          ...{ entity: expect.any(String), id, outcome: 'done', evidence: 'response', code: null },
          ...{ status: expect.any(Number), idempotencyKey: null, requestId: 'client-7' },
          platformRequestId: expect.any(String),
        },
      ]);
      const sent = platform.requests.filter(({ requestId }) => requestId === line?.platformRequestId);
      expect(sent).toMatchObject([{ method: 'POST', status: line?.status, sandbox: 'prod' }]);
      return id;
    };
    const job = await made(createExport());
    const segmentJob = await made(createSegmentJob());
    const schedule = await made(createSchedule('Audited'));
    const dataset = await made(createDataset());
    const again = await made(
      `rerunExportJob(id: "${job}") { __typename ... on CreateExportJobPayload { made: exportJob { platformId } } }`,
    );
    const changes: readonly (readonly [string, string])[] = [
      [updateSchedule(schedule), `update Schedule ${schedule}`],
      [`deleteSchedule(id: "Schedule:${schedule}") { __typename }`, `delete Schedule ${schedule}`],
      [`deleteDataset(id: "${dataset}") { __typename }`, `delete Dataset ${dataset}`],
    ];
    for (const [field, change] of changes) {
      const { lines } = await mutate(gateway, field);
      expect(summary(lines)).toEqual([{ operation: field.split('(')[0], change, outcome: 'done response' }]);
    }
    // These jobs may have ended before the request.
    for (const [field, change] of [
      [cancelExport(again), `cancel ExportJob ${again}`],
      [`cancelSegmentJob(id: "${segmentJob}") { __typename }`, `cancel SegmentJob ${segmentJob}`],
    ] as const) {
      const { lines } = await mutate(gateway, field);
      expect(summary(lines)).toEqual([
        {
          operation: field.split('(')[0],
          change,
          outcome: expect.stringMatching(/^(?:done response|rejected CONFLICT)$/),
        },
      ]);
    }
  });

  it('has a line for each field of an operation, and none for a read', async () => {
    await using gateway = await startGateway({ platform });
    await gateway.send('{ exportJobs(first: 2) { nodes { id } } }');
    expect(gateway.audit).toEqual([]);
    await gateway.send(`mutation { a: ${createSegmentJob()} b: ${createSegmentJob()} }`);
    expect(gateway.audit.map(({ operation }) => operation)).toEqual(['createSegmentJob', 'createSegmentJob']);
    expect(new Set(gateway.audit.map(({ platformRequestId }) => platformRequestId)).size).toBe(2);
  });

  it('states that an idempotency key was used before', async () => {
    await using gateway = await startGateway({ platform });
    const field = createExport('idempotencyKey: "key-1"');
    const first = await mutate(gateway, field);
    const second = await mutate(gateway, field);
    expect([...first.lines, ...second.lines]).toMatchObject([
      { id: first.result.made?.platformId, outcome: 'done', idempotencyKey: 'key-1' },
      { id: first.result.made?.platformId, outcome: 'replayed', idempotencyKey: 'key-1', platformRequestId: null },
    ]);
    const other = await mutate(gateway, createExport('idempotencyKey: "key-1" fields: ["person.name"]'));
    expect(summary(other.lines)).toEqual([
      { operation: 'createExportJob', change: 'create ExportJob null', outcome: 'rejected CONFLICT' },
    ]);
  });

  it('has a line for the dataset of an export, and for its removal', async () => {
    await using gateway = await startGateway({ platform });
    const into = (more: string) =>
      `createExportJob(input: { destination: { target: { newDataset: { name: "Audited" } } } ${more} }) { __typename ... on CreateExportJobPayload { made: exportJob { platformId } } ${onError} }`;
    const created = await mutate(gateway, into('idempotencyKey: "export"'));
    expect(created.lines).toMatchObject([
      { operation: 'createExportJob', entity: 'Dataset', action: 'create', outcome: 'done' },
      { operation: 'createExportJob', entity: 'ExportJob', id: created.result.made?.platformId, outcome: 'done' },
    ]);
    platform.faults.set(exportsRejected);
    const refused = await mutate(gateway, into('')).finally(() => platform.faults.clear());
    const [dataset] = refused.lines;
    expect(summary(refused.lines)).toEqual([
      { operation: 'createExportJob', change: `create Dataset ${dataset?.id}`, outcome: 'done response' },
      { operation: 'createExportJob', change: 'create ExportJob null', outcome: 'rejected FORBIDDEN' },
      { operation: 'createExportJob', change: `delete Dataset ${dataset?.id}`, outcome: 'done response' },
    ]);
  });

  it.each([
    ['an input that is not valid', createExport('fields: []'), 'create ExportJob null', 'INVALID_INPUT'],
    [
      'a segment that does not exist',
      createSegmentJob().replace(goldTier, 'none'),
      'create SegmentJob null',
      'INVALID_INPUT',
    ],
    ['a job that does not exist', cancelExport('ExportJob:999999'), 'cancel ExportJob 999999', 'NOT_FOUND'],
    ['an id that is none', cancelExport('someone@example.com'), 'cancel ExportJob null', 'NOT_FOUND'],
    ['a job of another type', cancelExport('Dataset:1'), 'cancel ExportJob null', 'INVALID_INPUT'],
  ])('has a line for a refusal without a write: %s', async (_, field, change, code) => {
    await using gateway = await startGateway({ platform });
    const { result, errors, lines } = await mutate(gateway, field);
    expect(result?.code ?? errors[0]?.extensions?.['code']).toBe(code);
    expect(summary(lines)).toEqual([{ operation: field.split('(')[0], change, outcome: `rejected ${code}` }]);
    expect(lines).toMatchObject([{ status: null, platformRequestId: null }]);
  });

  it('has a line for a caller without the right to write, and none for a caller that is unknown', async () => {
    await using gateway = await startGateway({ platform, env: issuer.env(platform) });
    const reader = bearer(await issuer.sign({ sub: 'reader-7', scope: 'exports:read' }));
    const { result, lines } = await mutate(gateway, createExport(), reader);
    expect(result.code).toBe('FORBIDDEN');
    expect(lines).toMatchObject([
      { operation: 'createExportJob', id: null, outcome: 'rejected', code: 'FORBIDDEN', platformRequestId: null },
    ]);
    expect(lines[0]?.principal).toContain('reader-7');
    const unknown = await mutate(gateway, createExport());
    expect(unknown.errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }]);
    expect(unknown.lines).toEqual([]);
  });

  it('is written at any log level', async () => {
    await using gateway = await startGateway({ platform, env: { LOG_LEVEL: 'silent' } });
    expect((await mutate(gateway, createSegmentJob())).lines).toHaveLength(1);
  });
});

describe('the audit line of a write whose response was lost', () => {
  const breaks = (response: ServerResponse) => void response.destroy();
  const isWrite = ({ method, url }: IncomingMessage) =>
    method !== 'GET' && url?.startsWith('/ims') === false && !url.includes('bulk-get');
  /** A platform that carries writes out and loses the responses. Its reads fail if `blind`. */
  const losing = (blind: boolean) => {
    let lost = false;
    return startProxy(platform, (request, response) => {
      if (isWrite(request)) {
        lost = true;
        carryOutAnd(breaks, platform.url, request, response);
        return true;
      }
      if (!blind || !lost || request.url?.startsWith('/ims') === true) return false;
      response.writeHead(403).end();
      return true;
    });
  };

  it.each([
    ['a create', async () => createSchedule(randomUUID()), 'done state', 'unknown OUTCOME_UNKNOWN'],
    ['a change', async () => updateSchedule(await scheduleId()), 'done state', 'unknown OUTCOME_UNKNOWN'],
    [
      'a deletion',
      async () => `deleteSchedule(id: "${await scheduleId()}") { __typename ${onError} }`,
      'done state',
      'unknown OUTCOME_UNKNOWN',
    ],
  ])('states what is known of %s', async (_, field, found, unknown) => {
    for (const [blind, outcome] of [
      [false, found],
      [true, unknown],
    ] as const) {
      const sent = await field();
      await using proxy = await losing(blind);
      await using gateway = await startGateway({ platform: proxy });
      const { lines } = await mutate(gateway, sent);
      expect(lines).toHaveLength(1);
      expect(summary(lines)).toMatchObject([{ outcome }]);
      const [line] = lines;
      const requests = platform.requests.filter(({ requestId }) => requestId === line?.platformRequestId);
      expect(requests.filter(({ method }) => method !== 'GET')).toHaveLength(1);
    }
  });

  it('states that a dataset of a rejected export may have been removed', async () => {
    await using proxy = await startProxy(platform, (request, response) => {
      const isRemoval = request.method === 'DELETE' && request.url?.includes('/dataSets/') === true;
      if (isRemoval) carryOutAnd(breaks, platform.url, request, response);
      return isRemoval;
    });
    await using gateway = await startGateway({ platform: proxy });
    platform.faults.set(exportsRejected);
    const { lines } = await mutate(
      gateway,
      `createExportJob(input: { destination: { target: { newDataset: { name: "Perhaps removed" } } } }) { __typename ${onError} }`,
    ).finally(() => platform.faults.clear());
    const [dataset] = lines;
    expect(summary(lines)).toEqual([
      { operation: 'createExportJob', change: `create Dataset ${dataset?.id}`, outcome: 'done response' },
      { operation: 'createExportJob', change: 'create ExportJob null', outcome: 'rejected FORBIDDEN' },
      { operation: 'createExportJob', change: `delete Dataset ${dataset?.id}`, outcome: 'unknown OUTCOME_UNKNOWN' },
    ]);
  });

  const scheduleId = async () => {
    await using gateway = await startGateway({ platform });
    return (await mutate(gateway, createSchedule('Lost'))).result.made?.platformId ?? '';
  };
});

describe('AUDIT_LOG', () => {
  it('names the file to which the lines are appended, and which can be rotated', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'aep-audit-'));
    const path = join(folder, 'audit.log');
    const read = (file: string) =>
      readFileSync(file, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => parseAuditLine(`${line}\n`).operation);
    try {
      await using gateway = await startGateway({ platform, env: { AUDIT_LOG: path } });
      await gateway.send(`mutation { ${createSegmentJob()} }`);
      renameSync(path, `${path}.1`);
      await gateway.send(`mutation { ${createExport()} }`);
      expect([read(`${path}.1`), read(path)]).toEqual([['createSegmentJob'], ['createExportJob']]);
      expect(gateway.logs.join('')).not.toContain('"type":"audit"');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('stops the start if the file cannot be opened', async () => {
    const env = { AUDIT_LOG: join(tmpdir(), 'none', 'audit.log') };
    await expect(startGateway({ platform, env })).rejects.toThrow(/configuration: AUDIT_LOG: ENOENT/);
  });

  it('refuses changes and reports that it is not ready while a line cannot be written', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'aep-audit-'));
    const path = join(folder, 'audit.log');
    const readiness = async (gateway: Gateway) => {
      const response = await fetch(`${gateway.url}/readyz`);
      return { status: response.status, text: await response.text() };
    };
    try {
      await using gateway = await startGateway({ platform, env: { AUDIT_LOG: path } });
      rmSync(path);
      mkdirSync(path);
      // The change has begun when its line cannot be written.
      const first = await gateway.send(`mutation { ${createSegmentJob()} }`);
      expect(first.data).toMatchObject({ createSegmentJob: { __typename: 'CreateSegmentJobPayload' } });
      const count = platform.requests.length;
      const second = await gateway.send(`mutation { ${createSegmentJob()} }`);
      expect(second.errors).toMatchObject([{ extensions: { code: 'UPSTREAM_UNREACHABLE', retryable: true } }]);
      expect(platform.requests).toHaveLength(count);
      expect((await gateway.send('{ exportJobs(first: 1) { nodes { id } } }')).errors).toEqual([]);
      expect(await readiness(gateway)).toEqual({
        status: 503,
        text: expect.stringContaining('The audit log cannot be written.'),
      });
      expect(await gateway.metric('aep_audit_unwritten_lines')).toBe(1);
      rmSync(path, { recursive: true });
      expect(await readiness(gateway)).toMatchObject({ status: 200 });
      await gateway.send(`mutation { ${createExport()} }`);
      expect(readFileSync(path, 'utf8').match(/"operation":"\w+"/g)).toEqual([
        '"operation":"createSegmentJob"',
        '"operation":"createExportJob"',
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
