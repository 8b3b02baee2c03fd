import { expect, it } from 'vitest';
import { type ContextServices, contextFactory } from '../../../src/context/create-context.ts';

import { type DataSetFileId, type DatasetId, platformId } from '../../../src/domain/ids.ts';
import type { EndSignal } from '../../../src/runtime/end-signal.ts';
import type { ConnectOptions, PlatformApi } from '../../../src/upstream/platform-api.ts';
import { isCollected } from '../../support/garbage.ts';
import { testRecord } from '../../support/records.ts';
import { testSession } from '../../support/session.ts';
import { runsOf } from '../../support/tenant-runs.ts';

/** Creates the context of one operation over a platform that records its calls and their signals. */
async function setUp() {
  const asked: { readonly fields: ReadonlySet<string> | undefined; readonly signal: EndSignal }[] = [];
  const counters: unknown[] = [];
  const counting: unknown[] = [];
  const connect = (_caller: unknown, { signal, calls }: ConnectOptions) => ({
    datasets: {
      getMany: async (_ids: unknown, fields?: ReadonlySet<string>) => {
        asked.push({ fields, signal });
        counting.push(calls);
        return [];
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
    countCalls: () => {
      const counter = { count: () => undefined };
      counters.push(counter);
      return counter;
    },
    // The cast is safe, because the omitted parts are not used here.
  } as unknown as ContextServices;
  const signal = new AbortController().signal;
  const session = testSession();
  const context = contextFactory(services)({ session, host: 'gateway.test:4000', signal, trace: null, record: testRecord() });
  return { context, credential: session.credential, asked, counters, counting };
}

const id = platformId<DatasetId>('1');

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

it('the calls of an operation are counted together, and those of each event separately', async () => {
  const { context, counters, counting } = await setUp();
  await context.loaders.dataset.load(id);
  // The platform of this test has one method for reads and writes.
  await (context.writes.datasets as PlatformApi['datasets']).getMany([id]);
  for (const _ of [1, 2]) await context.forEvent(new AbortController().signal, null).loaders.dataset.load(id);
  expect(counters).toHaveLength(3);
  expect(counting).toEqual([counters[0], counters[0], counters[1], counters[2]]);
  expect(new Set(counting).size).toBe(3);
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
