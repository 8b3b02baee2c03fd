import { describe, expect, it } from 'vitest';
import { platformId } from '../../../../src/domain/ids.ts';
import { GatewayError } from '../../../../src/errors.ts';
import type { BulkLimits, BulkResult } from '../../../../src/upstream/apis/bulk-read.ts';
import type { PlatformApi } from '../../../../src/upstream/platform-api.ts';
import { connectTo, type ReceivedRequest, type Respond, sendJson, startStub } from '../platform-stub.ts';

interface Reader {
  readonly name: string;
  readMany(
    api: PlatformApi,
    ids: readonly string[],
    limits?: BulkLimits,
  ): Promise<Omit<BulkResult<string, string>, 'calls'>>;
  /** The ids that a request names. */
  asked(request: ReceivedRequest): readonly string[];
  /** The response that contains these entries. */
  response(entries: Readonly<Record<string, unknown>>): unknown;
}

const idsOf = async (read: Promise<BulkResult<string, { readonly id: string }>>) => {
  const { found, ...rest } = await read;
  return { ...rest, found: found.map(({ id }) => id) };
};
const inPath = ({ path }: ReceivedRequest) => (path.split('/').at(-1) ?? '').split(',').map(decodeURIComponent);
const inBody = ({ body }: ReceivedRequest): string[] => JSON.parse(body).ids.map(({ id }: { id: string }) => id);
const results = (entries: object) => ({ results: entries });
const asIs = (entries: object) => entries;

const readers: readonly Reader[] = [
  {
    name: 'datasets',
    readMany: ({ datasets }, ids, limits) =>
      idsOf(
        datasets.getMany(
          ids.map((id) => platformId(id)),
          limits,
        ),
      ),
    asked: inPath,
    response: asIs,
  },
  {
    name: 'batches',
    readMany: ({ batches }, ids, limits) =>
      idsOf(
        batches.getMany(
          ids.map((id) => platformId(id)),
          limits,
        ),
      ),
    asked: inPath,
    response: asIs,
  },
  {
    name: 'segment jobs',
    readMany: ({ segmentJobs }, ids, limits) =>
      idsOf(
        segmentJobs.getMany(
          ids.map((id) => platformId(id)),
          limits,
        ),
      ),
    asked: inBody,
    response: results,
  },
  {
    name: 'segment definitions',
    readMany: ({ segmentDefinitions }, ids) => idsOf(segmentDefinitions.getMany(ids.map((id) => platformId(id)))),
    asked: inBody,
    response: results,
  },
  {
    name: 'merge policies',
    readMany: ({ mergePolicies }, ids) => idsOf(mergePolicies.getMany(ids.map((id) => platformId(id)))),
    asked: inBody,
    response: results,
  },
  {
    name: 'profiles',
    readMany: async ({ profiles }, ids) => {
      const queries = ids.map((value) => ({ namespace: 'Email', value, fields: null, mergePolicyId: null }));
      const outcomes = (await profiles.getMany(queries)).map((outcome, index) => ({ id: ids[index] ?? '', outcome }));
      return {
        found: outcomes.flatMap(({ id, outcome }) => (outcome === null || outcome instanceof Error ? [] : [id])),
        failed: outcomes.flatMap(({ id, outcome: error }) =>
          error instanceof GatewayError ? [{ id, error, ofCall: true }] : [],
        ),
      };
    },
    asked: ({ body }) => JSON.parse(body).identities.map(({ entityId }: { entityId: string }) => entityId),
    response: (entries) =>
      Object.fromEntries(
        Object.keys(entries).map((id) => [
          `xid-${id}`,
          {
            entityId: `xid-${id}`,
            requestedIdentity: { entityId: id, entityIdNS: { code: 'email' } },
            entity: { name: id },
          },
        ]),
      ),
  },
];

const manyIds = Array.from({ length: 100 }, (_, index) => `id-${index}`);
const entity = { status: 'NEW', creationTime: 1 };

describe.each(readers)('a bulk read of $name', ({ readMany, asked, response }) => {
  /** A platform that has every id, and responds with a status to each call that names one of some ids. */
  const rejecting =
    (status: number, ...bad: readonly string[]): Respond =>
    (request, answer) => {
      const ids = asked(request);
      if (ids.some((id) => bad.includes(id))) sendJson(answer, status, { title: 'BadRequestError', detail: 'No.' });
      else sendJson(answer, 200, response(Object.fromEntries(ids.map((id) => [id, entity]))));
    };
  const without = (...bad: readonly string[]) => manyIds.filter((id) => !bad.includes(id)).toSorted();

  it.each([400, 413, 414, 422, 500])(
    'fails one id if the platform responds with %i because of it, by few additional calls',
    async (status) => {
      await using stub = await startStub(rejecting(status, 'id-0'));
      await using client = connectTo(stub.url);
      const { found, failed } = await readMany(client.api, manyIds);
      expect(found.toSorted()).toEqual(without('id-0'));
      expect(failed).toMatchObject([{ id: 'id-0', error: { code: 'PLATFORM_ERROR', status }, ofCall: true }]);
      expect(stub.requests.map((request) => asked(request).length)).toHaveLength(15);
    },
  );

  it('reads each of a few ids alone if the platform rejects one of them', async () => {
    await using stub = await startStub(rejecting(400, 'id-0'));
    await using client = connectTo(stub.url);
    const { found, failed } = await readMany(client.api, ['id-0', 'id-1', 'id-2']);
    expect(found.toSorted()).toEqual(['id-1', 'id-2']);
    expect(failed.map(({ id }) => id)).toEqual(['id-0']);
    expect(stub.requests.map((request) => asked(request).length)).toEqual([3, 1, 1, 1]);
  });

  it('fails two ids if the platform rejects both', async () => {
    await using stub = await startStub(rejecting(400, 'id-3', 'id-97'));
    await using client = connectTo(stub.url);
    const { found, failed } = await readMany(client.api, manyIds.slice(0, 20).concat('id-97'));
    expect(failed.map(({ id }) => id).toSorted()).toEqual(['id-3', 'id-97']);
    expect(found).toHaveLength(19);
  });

  it('makes few additional calls if the platform rejects every call', async () => {
    for (const [status, most] of [
      [400, 41],
      [500, 3],
    ] as const) {
      await using stub = await startStub(rejecting(status, ...manyIds));
      await using client = connectTo(stub.url);
      const { found, failed } = await readMany(client.api, manyIds);
      expect(found).toEqual([]);
      expect(failed.map(({ id }) => id).toSorted()).toEqual(manyIds.toSorted());
      expect(stub.requests.length).toBeLessThanOrEqual(most);
    }
  });

  it.each([401, 403, 501, 503])('makes no additional call after %i, which does not concern one id', async (status) => {
    await using stub = await startStub(rejecting(status, 'id-0'));
    await using client = connectTo(stub.url, { maxAttempts: 1 });
    const { found, failed } = await readMany(client.api, manyIds);
    expect(found).toEqual([]);
    expect(failed).toHaveLength(100);
    expect(failed.every(({ error, ofCall }) => error.upstream?.status === status && ofCall)).toBe(true);
    expect(stub.requests).toHaveLength(1);
  });

  it('fails the ids of one call if it fails', async () => {
    await using stub = await startStub(rejecting(503, 'id-0'));
    await using client = connectTo(stub.url, { maxAttempts: 1 });
    const others = Array.from({ length: 150 }, (_, index) => `other-${index}`);
    const { found, failed } = await readMany(client.api, [...manyIds, ...others]);
    expect(found.toSorted()).toEqual(others.toSorted());
    expect(failed.map(({ id }) => id).toSorted()).toEqual(manyIds.toSorted());
    expect(stub.requests).toHaveLength(3);
  });

  it('fails all ids of an unreadable response after two more calls', async () => {
    await using stub = await startStub((_request, answer) => answer.writeHead(200).end('<html>'));
    await using client = connectTo(stub.url);
    const { found, failed } = await readMany(client.api, manyIds);
    expect(found).toEqual([]);
    expect(failed).toHaveLength(100);
    expect(new Set(failed.map(({ error }) => error.code))).toEqual(new Set(['UPSTREAM_UNREADABLE']));
    expect(stub.requests).toHaveLength(3);
  });

  it('ends with the reason of the signal, without further calls', async () => {
    const leaving = new AbortController();
    const reason = new Error('The caller left.');
    const respond = rejecting(400, 'id-0');
    await using stub = await startStub((request, answer) => {
      if (asked(request).length === 100) respond(request, answer);
    });
    await using client = connectTo(stub.url, { signal: leaving.signal });
    const read = readMany(client.api, manyIds);
    await stub.received(3);
    leaving.abort(reason);
    await expect(read).rejects.toBe(reason);
    expect(stub.requests).toHaveLength(3);
  });

  it('has no more than four calls in flight', async () => {
    let waiting: (() => void)[] = [];
    let most = 0;
    const respond = rejecting(400, 'id-0', 'id-25', 'id-50', 'id-75');
    await using stub = await startStub(async (request, answer) => {
      // All quarters fail, so that there are eight such calls.
      const isEighth = [12, 13].includes(asked(request).length);
      if (isEighth) {
        const released = new Promise<void>((resolve) => waiting.push(resolve));
        most = Math.max(most, waiting.length);
        if (waiting.length === 4) {
          // Time for a fifth call to arrive, if there were one.
          for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
          for (const release of waiting) release();
          waiting = [];
        }
        await released;
      }
      await respond(request, answer);
    });
    await using client = connectTo(stub.url);
    await readMany(client.api, manyIds);
    expect(most).toBe(4);
  });
});

describe.each(readers.slice(0, 3))('a bulk read of $name with a limit', ({ readMany, asked, response }) => {
  it.each([
    [0, 1, 100],
    [1, 3, 50],
    [3, 7, 13],
  ])('of %i splits makes %i calls and fails %i ids', async (maxSplits, calls, failures) => {
    await using stub = await startStub((request, answer) => {
      const ids = asked(request);
      if (ids.includes('id-0')) sendJson(answer, 400, {});
      else sendJson(answer, 200, response(Object.fromEntries(ids.map((id) => [id, entity]))));
    });
    await using client = connectTo(stub.url);
    const result = await readMany(client.api, manyIds, { maxSplits });
    expect(result).toMatchObject({ calls });
    expect(result.failed).toHaveLength(failures);
    expect(result.found).toHaveLength(100 - failures);
    expect(stub.requests).toHaveLength(calls);
  });
});
