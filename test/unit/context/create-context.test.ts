import { expect, it } from 'vitest';
import { type ContextServices, contextFactory } from '../../../src/context/create-context.ts';

import { createExportRequests } from '../../../src/context/created-jobs/export-requests.ts';
import { createRequesters } from '../../../src/context/created-jobs/requesters.ts';
import type { JobTexts } from '../../../src/context/created-jobs/store.ts';
import type { NewExportJob } from '../../../src/domain/export-job.ts';
import { type DataSetFileId, type DatasetId, type ExportJobId, platformId } from '../../../src/domain/ids.ts';
import type { OperationRecord } from '../../../src/observation/operation-record.ts';
import type { EndSignal } from '../../../src/runtime/end-signal.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import type { ConnectOptions, PlatformApi } from '../../../src/upstream/platform-api.ts';
import { isCollected } from '../../support/garbage.ts';
import { testRecord } from '../../support/records.ts';
import { testSession } from '../../support/session.ts';
import { runsOf } from '../../support/tenant-runs.ts';

/** Creates the context of one operation over a platform that records its calls and their signals. */
async function setUp({ record = testRecord(), ...parts }: Partial<ContextServices & { record: OperationRecord }> = {}) {
  const asked: { readonly fields: ReadonlySet<string> | undefined; readonly signal: EndSignal }[] = [];
  const counters: unknown[] = [];
  const counting: unknown[] = [];
  const connect = (_caller: unknown, { signal, calls }: ConnectOptions) => ({
    datasets: {
      getMany: async (_ids: unknown, { fields }: { readonly fields?: ReadonlySet<string> } = {}) => {
        asked.push({ fields, signal });
        counting.push(calls);
        return { found: [], failed: [], calls: 1 };
      },
    },
  });
  const services = {
    upstream: { connect: (...args: Parameters<typeof connect>) => connect(...args) as unknown as PlatformApi },
    watch: () => ({}),
    runs: { of: runsOf },
    publicUrl: (host: string | null) => `http://${host}`,
    downloads: { linkTo: (...parts: readonly unknown[]) => ({ parts }) },
    lifetime: new AbortController().signal,
    audit: { write: () => undefined, assertWritable: () => undefined },
    countCalls: () => {
      const counter = { count: () => undefined };
      counters.push(counter);
      return counter;
    },
    ...parts,
    // The cast is safe, because the omitted parts are not used here.
  } as unknown as ContextServices;
  const signal = new AbortController().signal;
  const session = testSession();
  const context = contextFactory(services)({
    session,
    host: 'gateway.test:4000',
    signal,
    trace: null,
    record,
  });
  return { context, credential: session.credential, asked, counters, counting };
}

const id = platformId<DatasetId>('1');
const newExport: NewExportJob = {
  fields: null,
  schemaName: '_xdm.context.profile',
  mergePolicy: null,
  filter: null,
  eventList: null,
  datasetId: id,
  segmentPerBatch: false,
  evaluateSegments: false,
  waitForBatch: false,
};

it('the context of an event reads again, with the same selection, while a caller waits', async () => {
  const { context, asked } = await setUp();
  context.loaders.select(new Map([['Dataset', new Set(['name'])]]));
  await context.loaders.dataset.load(id);
  const { signal } = new AbortController();
  for (const event of [context.forEvent(signal, null), context.forEvent(signal, null)]) {
    await event.loaders.dataset.load(id);
    await event.loaders.dataset.load(id);
    expect(event.signal).toBe(signal);
  }
  expect(asked).toEqual([context.signal, signal, signal].map((each) => ({ fields: new Set(['name']), signal: each })));
});

it('data for a whole tenant cannot depend on the rights of one caller', async () => {
  const { context, asked } = await setUp();
  const event = context.forTenant();
  await expect(event.loaders.dataset.load(id)).rejects.toThrow(/not marked/);
  expect(() => event.downloads.linkTo({} as never)).toThrow(/not marked/);
  expect(() => event.writes.datasets).toThrow(/not marked/);
  expect(asked).toEqual([]);
});

it('the context of a whole tenant keeps nothing of the caller in memory', async () => {
  const { operation, credential, tenant } = await begin();
  expect(await isCollected(operation)).toBe(true);
  expect(await isCollected(credential)).toBe(true);
  expect(tenant).toMatchObject({ canRead: true, canWrite: false });
  for (const name of ['principal', 'credentialFingerprint', 'publicUrl', 'expiresAt', 'allowedSandboxes'] as const) {
    expect(() => tenant[name]).toThrow(/not marked/);
  }

  async function begin() {
    const { context, credential } = await setUp();
    return { operation: new WeakRef(context), credential: new WeakRef(credential), tenant: context.forTenant() };
  }
});

const mutation = { operation: 'createDataset', entity: 'Dataset', action: 'create', id: null } as const;

it('only a mutation writes, and only while it is executed', async () => {
  const { context } = await setUp();
  expect(() => context.writes).toThrow('Only a mutation can write.');
  await context.recordMutation(mutation, async () => {
    expect(context.writes).toBeDefined();
    await expect(context.recordMutation(mutation, () => null)).rejects.toThrow(/in sequence/);
  });
  expect(() => context.writes).toThrow('Only a mutation can write.');
  const event = context.forEvent(new AbortController().signal, null);
  await expect(event.recordMutation(mutation, () => null)).rejects.toThrow('An event executes no mutation.');
});

it('the calls of an operation are counted together, and those of each event separately', async () => {
  const { context, counters, counting } = await setUp();
  await context.loaders.dataset.load(id);
  // The platform of this test has one method for reads and writes.
  await context.recordMutation(mutation, () => (context.writes.datasets as PlatformApi['datasets']).getMany([id]));
  for (const _ of [1, 2]) await context.forEvent(new AbortController().signal, null).loaders.dataset.load(id);
  expect(counters).toHaveLength(3);
  expect(counting).toEqual([counters[0], counters[0], counters[1], counters[2]]);
  expect(new Set(counting).size).toBe(3);
});

it('the lines of the stores of creates contain the id of the request', async () => {
  const lines: unknown[] = [];
  const logger = createLogger({ destination: { write: (line) => void lines.push(JSON.parse(line)) } });
  const store: JobTexts = {
    set: () => Promise.reject(new Error('no connection')),
    getMany: async () => ['not a request'],
  };
  const own = createLogger({ level: 'silent' });
  const { context } = await setUp({
    record: testRecord(logger),
    exportRequests: createExportRequests({ store, logger: own }),
    requesters: createRequesters({ store, logger: own }),
    idempotency: {
      run: async (request) => {
        request.logger?.warn('claim');
        return { id: '1', replayed: false };
      },
    },
  });
  const job = platformId<ExportJobId>('1');
  await context.exportRequests.save(job, newExport);
  await context.exportRequests.find(job);
  await context.saveRequester({ type: 'ExportJob', id: job });
  await context.recordMutation(mutation, () =>
    context.idempotent({ entity: 'Dataset', operation: 'createDataset', key: 'k', input: {} }, async () => '1'),
  );
  expect(lines).toMatchObject([1, 2, 3, 4].map(() => ({ level: 'warn', requestId: 'request-1' })));
});

it('a link begins with the URL that its caller uses, and is created once per file', async () => {
  const { context } = await setUp();
  const file = { fileId: platformId<DataSetFileId>('1'), name: 'a', sizeBytes: null };
  const link = context.downloads.linkTo(file);
  expect(link).toMatchObject({ parts: [{ tenant: context.tenant }, file, 'http://gateway.test:4000'] });
  expect(context.publicUrl).toBe('http://gateway.test:4000');
  expect(context.downloads.linkTo(file)).toBe(link);
  expect(context.downloads.linkTo({ ...file })).not.toBe(link);
  expect(context.forEvent(context.signal, null).downloads.linkTo(file)).toBe(link);
});
