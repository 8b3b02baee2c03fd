import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { startLongPlatform } from '../support/long-platform.ts';
import { accessToken, platformHeaders, profileDataset, startPlatform, startProxy } from '../support/platform.ts';
import { bearer, startTokenIssuer } from '../support/token-issuer.ts';

const entities = `query ($representations: [_Any!]!) {
  _entities(representations: $representations) { __typename ... on Node { id } ... on Dataset { name } }
}`;
const goldTier = '7c9e6679-7425-40de-944b-e07fc1f90a02';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let gateway: Gateway;

beforeAll(async () => {
  platform = await startPlatform({ profiles: 40 });
  gateway = await startGateway({ platform, clock: new FakeClock() });
});
afterAll(async () => {
  await gateway.close();
  await platform.close();
});
beforeEach(async () => {
  // The token of the gateway's credential is fetched once, before calls are counted.
  await gateway.send('{ viewer { sandbox { name } } }');
  platform.clearRequests();
});

const ask = (representations: readonly unknown[], headers = {}, at = gateway) =>
  at.send(entities, { representations }, headers);
/** Method and path of the platform calls, without ids and parameters. */
const asked = () => platform.requests.map(({ method, path }) => `${method} ${servicePath(path)}`).toSorted();
const servicePath = (path: string) => /\/(?:ups|foundation)\/(\w+\/\w+(?:\/bulk-get)?)/.exec(path)?.[1] ?? path;

/** Platform ids of the existing entities, by type. */
async function knownIds(): Promise<ReadonlyMap<string, readonly string[]>> {
  const page = 'nodes { __typename platformId }';
  const { data } = await gateway.send(`{
    a: exportJobs(first: 12) { ${page} } b: datasets(first: 12) { ${page} } c: segmentJobs(first: 12) { ${page} }
    d: segmentDefinitions(first: 12) { ${page} } e: mergePolicies(first: 12) { ${page} } f: schedules(first: 12) { ${page} }
    g: datasets(first: 12) { nodes { batches(first: 12) { ${page} } } }
  }`);
  const ids = new Map<string, string[]>();
  for (const [, type = '', id = ''] of JSON.stringify(data).matchAll(/"__typename":"(\w+)","platformId":"([^"]+)"/g)) {
    ids.set(type, [...(ids.get(type) ?? []), id]);
  }
  return ids;
}

/** Shuffles deterministically, so that no entry keeps its position. */
const shuffled = <Each>(list: readonly Each[]): readonly Each[] =>
  list.map((_, index) => list[(index * 37) % list.length]).filter((each) => each !== undefined);

describe('references', () => {
  it('of all types and by both keys cost at most one call for each type and chunk, and keep their order', async () => {
    const known = await knownIds();
    expect([...known.keys()].toSorted()).toEqual([
      'Batch',
      'Dataset',
      'ExportJob',
      'MergePolicy',
      'Schedule',
      'SegmentDefinition',
      'SegmentJob',
    ]);
    const wanted = [...known].flatMap(([type, ids]) => ids.slice(0, 12).map((id) => ({ type, id, exists: true })));
    const unknown = ['Dataset', 'SegmentJob', 'Batch'].map((type) => ({ type, id: 'f'.repeat(24), exists: false }));
    // Each entity twice, by one key and by the other.
    const twice = [...wanted, ...unknown].flatMap(({ type, id, exists }) => [
      { representation: { __typename: type, id: `${type}:${id}` }, exists, id: `${type}:${id}` },
      { representation: { __typename: type, platformId: id }, exists, id: `${type}:${id}` },
    ]);
    const hundred = shuffled(Array.from({ length: 101 }, (_, index) => twice[index % twice.length])).flatMap((each) =>
      each === undefined ? [] : [each],
    );
    platform.clearRequests();

    const { data, errors } = await ask(hundred.map(({ representation }) => representation));
    expect(errors).toEqual([]);
    expect(data?.['_entities']).toEqual(
      hundred.map(({ exists, representation, id }) =>
        exists ? expect.objectContaining({ __typename: representation.__typename, id }) : null,
      ),
    );
    expect(asked()).toEqual([
      'GET catalog/batches',
      'GET catalog/dataSets',
      'GET config/schedules',
      'GET export/jobs',
      'POST config/mergePolicies/bulk-get',
      'POST segment/definitions/bulk-get',
      'POST segment/jobs/bulk-get',
    ]);
  });

  it('to a hundred recent export jobs cost one call, and one more for each older or unknown one', async () => {
    await using long = await startLongPlatform({ exportJobs: 500 });
    await using own = await startGateway({ platform: long, clock: new FakeClock() });
    const newest = Array.from({ length: 98 }, (_, index) => `${500 - index}`);
    const representations = shuffled([...newest, '7', '1000', '500']).map((platformId) => ({
      __typename: 'ExportJob',
      platformId,
    }));
    const { data, errors } = await ask(representations, {}, own);
    expect(errors).toEqual([]);
    expect(data?.['_entities']).toEqual(
      representations.map(({ platformId }) =>
        platformId === '1000' ? null : { __typename: 'ExportJob', id: `ExportJob:${platformId}` },
      ),
    );
    expect(long.requests.filter((target) => target.includes('/export/jobs'))).toHaveLength(3);
  });

  it('to one export job cost one call, whatever its age', async () => {
    const { data } = await ask([{ __typename: 'ExportJob', platformId: '24050' }]);
    expect(data).toEqual({ _entities: [{ __typename: 'ExportJob', id: 'ExportJob:24050' }] });
    expect(platform.requests.map(({ path }) => path)).toEqual(['/data/core/ups/export/jobs/24050']);
  });

  it('to unknown entities, and to types that cannot be read, fail separately', async () => {
    platform.faults.set({
      rules: [{ match: { service: 'catalog' }, fault: { kind: 'status', status: 403 } }],
    });
    const { data, errors } = await ask([
      { __typename: 'Dataset', platformId: profileDataset },
      { __typename: 'SegmentDefinition', platformId: goldTier },
      { __typename: 'Profile', id: 'someone' },
      { __typename: 'SegmentDefinition' },
      { __typename: 'SegmentDefinition', id: 'Dataset:1' },
      { __typename: 'SegmentDefinition', platformId: '' },
      'SegmentDefinition',
      { __typename: 'SegmentDefinition', id: `SegmentDefinition:${goldTier}` },
    ]).finally(() => platform.faults.clear());
    const gold = { __typename: 'SegmentDefinition', id: `SegmentDefinition:${goldTier}` };
    expect(data).toEqual({ _entities: [null, gold, null, null, null, null, null, gold] });
    expect(errors.map(({ path, extensions }) => [path?.join('.'), extensions?.['code']]).toSorted()).toEqual([
      ['_entities.0', 'FORBIDDEN'],
      ...[2, 3, 4, 5, 6].map((index) => [`_entities.${index}`, 'INVALID_INPUT']),
    ]);
  });

  it('belong to the tenant and the credential of the request', async () => {
    const inProd = [{ __typename: 'Dataset', platformId: profileDataset }];
    const credentials: (string | undefined)[] = [];
    await using proxy = await startProxy(platform, ({ headers }) => {
      credentials.push(headers.authorization);
      return false;
    });
    const remote = { AEP_BASE_URL: proxy.url, AEP_IMS_URL: proxy.url, AUTH_MODE: 'passthrough' };
    await using passthrough = await startGateway({ platform: proxy, env: remote });
    const headers = platformHeaders(await accessToken(platform));
    expect((await ask(inProd, {}, passthrough)).errors[0]?.extensions?.['code']).toBe('UNAUTHENTICATED');
    expect(proxy.requests).toEqual([]);
    const own = await ask(inProd, headers, passthrough);
    expect(own.data).toMatchObject({ _entities: [{ id: `Dataset:${profileDataset}` }] });
    expect((await ask(inProd, { ...headers, 'x-sandbox-name': 'dev' }, passthrough)).data).toEqual({
      _entities: [null],
    });
    expect(credentials).toEqual([headers.authorization, headers.authorization]);
  });

  it('count as one call each toward the limit of an operation', async () => {
    const representations = Array.from({ length: 1_001 }, () => ({ __typename: 'Batch', platformId: 'one' }));
    expect((await ask(representations)).errors[0]?.extensions).toMatchObject({ code: 'INVALID_INPUT' });
    expect((await ask(representations.slice(1))).errors).toEqual([]);
    expect(asked()).toEqual(['GET catalog/batches']);
  });
});

describe('the subgraph', () => {
  const question = '{ _service { sdl } }';
  const published = readFileSync(join(import.meta.dirname, '../../schema/schema.graphql'), 'utf8');

  it('returns the published SDL verbatim', async () => {
    expect((await gateway.send(question)).data).toEqual({ _service: { sdl: published } });
    expect(platform.requests).toEqual([]);
  });

  it('returns the SDL only to readers, even if introspection is off', async () => {
    const clock = new FakeClock();
    await using issuer = await startTokenIssuer({ clock });
    await using service = await startGateway({ platform, clock, env: issuer.env(platform) });
    const askAs = async (scope: string) => service.send(question, {}, bearer(await issuer.sign({ scope })));
    expect((await askAs('exports:read')).data).toEqual({ _service: { sdl: published } });
    const introspection = '{ __schema { queryType { name } } }';
    expect((await service.send(introspection, {}, bearer(await issuer.sign()))).data).toBeNull();

    const dataset = [{ __typename: 'Dataset', platformId: profileDataset }];
    const writer = bearer(await issuer.sign({ scope: 'exports:write' }));
    for (const { data, errors } of [
      await service.send(question),
      await askAs('exports:write'),
      await ask(dataset, {}, service),
      await ask(dataset, writer, service),
    ]) {
      expect(data?.['_entities'] ?? [null]).toEqual([null]);
      expect(data?.['_service']).toBeUndefined();
      expect(errors[0]?.extensions?.['code']).toMatch(/^(UNAUTHENTICATED|FORBIDDEN)$/);
    }
  });
});
