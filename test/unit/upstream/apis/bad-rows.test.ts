import { describe, expect, it } from 'vitest';
import { platformId } from '../../../../src/domain/ids.ts';
import type { PlatformApi } from '../../../../src/upstream/platform-api.ts';
import { connectTo, sendJson, startStub } from '../platform-stub.ts';

interface ListKind {
  readonly name: string;
  readonly resource: string;
  /** The response that contains these rows by id. */
  readonly bodyOf: (rows: readonly (readonly [string, unknown])[]) => unknown;
  readonly read: (api: PlatformApi) => Promise<readonly string[]>;
  /** Reads a part of the list: its newest row, and a later page. Absent if lists of this kind are read as a whole. */
  readonly parts?: {
    readonly newest: (api: PlatformApi) => Promise<readonly unknown[]>;
    readonly later: (api: PlatformApi) => Promise<readonly unknown[]>;
  };
}

const idsIn = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id);
const listed = (rows: readonly (readonly [string, unknown])[]) => rows.map(([, row]) => row);

const kinds: readonly ListKind[] = [
  {
    name: 'export jobs',
    resource: 'ExportJob',
    bodyOf: (rows) => ({ records: listed(rows) }),
    read: async ({ exportJobs }) => idsIn((await exportJobs.list({ limit: 100 })).jobs),
    parts: {
      newest: async ({ exportJobs }) => (await exportJobs.list({ limit: 1 })).jobs,
      later: async ({ exportJobs }) =>
        (await exportJobs.list({ limit: 100, cursor: { createdAtMs: 1, id: platformId('z') } })).jobs,
    },
  },
  {
    name: 'segment jobs',
    resource: 'SegmentJob',
    bodyOf: (rows) => ({ children: listed(rows) }),
    read: async ({ segmentJobs }) => idsIn((await segmentJobs.list({ limit: 100 })).jobs),
    parts: {
      newest: async ({ segmentJobs }) => (await segmentJobs.list({ limit: 1 })).jobs,
      later: async ({ segmentJobs }) => (await segmentJobs.list({ limit: 100, start: 1 })).jobs,
    },
  },
  {
    name: 'schedules',
    resource: 'Schedule',
    bodyOf: (rows) => ({ children: listed(rows) }),
    read: async ({ schedules }) => idsIn(await schedules.list()),
  },
  {
    name: 'segment definitions',
    resource: 'SegmentDefinition',
    bodyOf: (rows) => ({ segments: listed(rows) }),
    read: async ({ segmentDefinitions }) => idsIn((await segmentDefinitions.list({ limit: 100 })).definitions),
    parts: {
      newest: async ({ segmentDefinitions }) => (await segmentDefinitions.list({ limit: 1 })).definitions,
      later: async ({ segmentDefinitions }) => (await segmentDefinitions.list({ limit: 100, page: 1 })).definitions,
    },
  },
  {
    name: 'merge policies',
    resource: 'MergePolicy',
    bodyOf: (rows) => ({ children: listed(rows) }),
    read: async ({ mergePolicies }) => idsIn((await mergePolicies.list({ limit: 100 })).policies),
    parts: {
      newest: async ({ mergePolicies }) => (await mergePolicies.list({ limit: 1 })).policies,
      later: async ({ mergePolicies }) => (await mergePolicies.list({ limit: 100, start: '1' })).policies,
    },
  },
  {
    name: 'sandboxes',
    resource: 'Sandbox',
    bodyOf: (rows) => ({ sandboxes: listed(rows) }),
    read: async ({ sandboxes }) => (await sandboxes.available()).map(({ name }) => name),
  },
  {
    name: 'datasets',
    resource: 'Dataset',
    bodyOf: (rows) => Object.fromEntries(rows),
    read: async ({ datasets }) => idsIn((await datasets.list({ limit: 100 })).objects),
    parts: {
      newest: async ({ datasets }) => (await datasets.list({ limit: 1 })).objects,
      later: async ({ datasets }) => (await datasets.list({ limit: 100, start: 100 })).objects,
    },
  },
  {
    name: 'batches',
    resource: 'Batch',
    bodyOf: (rows) => Object.fromEntries(rows),
    read: async ({ batches }) => idsIn((await batches.list({ limit: 100 })).objects),
    parts: {
      newest: async ({ batches }) => (await batches.list({ limit: 1 })).objects,
      later: async ({ batches }) => (await batches.list({ limit: 100, start: 100 })).objects,
    },
  },
];

/** Kinds of anomalies because of which a row is omitted. */
const omitting: readonly string[] = ['error', 'missing-id', 'missing-status', 'not-an-object'];

/** A usable row of every kind. */
const good = (id: string) =>
  [id, { id, name: id, status: 'active', state: 'active', type: 't', schedule: '0 0 * * * ?', created: 1 }] as const;
const failed = (id: string, status: number) =>
  [id, { id, type: '/placeholder/type/uri', status, title: 'Failed', detail: 'Not this one' }] as const;

async function readRows(
  { bodyOf, read }: Pick<ListKind, 'bodyOf'> & { readonly read: (api: PlatformApi) => Promise<readonly unknown[]> },
  rows: readonly (readonly [string, unknown])[],
) {
  await using stub = await startStub((_request, response) => sendJson(response, 200, bodyOf(rows)));
  await using client = connectTo(stub.url);
  const ids = await read(client.api).catch((error: unknown) => error);
  return { ids, anomalies: client.metrics.anomalies.filter(({ kind }) => omitting.includes(kind)) };
}

describe.each(kinds)('a list of $name', (kind) => {
  it('contains the others if one row is an error or no object', async () => {
    const bad = [failed('b', 503), ['c', null], ['d', [1]], failed('e', 404)] as const;
    const { ids, anomalies } = await readRows(kind, [good('a'), ...bad, good('f')]);
    expect(ids).toEqual(['a', 'f']);
    expect(anomalies).toHaveLength(bad.length);
    expect(anomalies.every(({ resource }) => resource === kind.resource)).toBe(true);
  });

  it('fails with the first error if all rows are errors', async () => {
    const { ids } = await readRows(kind, [failed('a', 404), failed('b', 403), failed('c', 503)]);
    expect(ids).toMatchObject({ code: 'FORBIDDEN', upstream: { status: 403 } });
  });

  it('is empty if its only rows no longer exist or are no objects', async () => {
    expect((await readRows(kind, [failed('a', 404), ['b', null]])).ids).toEqual([]);
  });
});

const partKinds = kinds.flatMap(({ name, bodyOf, parts }) => (parts === undefined ? [] : [{ name, bodyOf, ...parts }]));

describe.each(partKinds)('a part of a list of $name', ({ bodyOf, newest, later }) => {
  it('does not fail because of one bad record', async () => {
    for (const read of [newest, later]) expect((await readRows({ bodyOf, read }, [failed('a', 503)])).ids).toEqual([]);
    expect((await readRows({ bodyOf, read: later }, [failed('a', 403)])).ids).toEqual([]);
  });

  it('fails if its only row is a rejection, because it may be read to prove a right', async () => {
    const { ids } = await readRows({ bodyOf, read: newest }, [failed('a', 403)]);
    expect(ids).toMatchObject({ code: 'FORBIDDEN' });
  });

  it('fails if it contains only errors, and ten of them', async () => {
    const rows = Array.from({ length: 10 }, (_, index) => failed(`a${index}`, 503));
    expect((await readRows({ bodyOf, read: later }, rows)).ids).toMatchObject({ code: 'PLATFORM_ERROR' });
  });
});
