import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type Emulator, goldTier, profileDataset, startPlatform } from '../support/platform.ts';
import { connectRest, type RestClient } from '../support/rest-client.ts';

const catalog = '/data/foundation/catalog';
const ups = '/data/core/ups';

/** Changes an id in a way that makes no difference if the id is read as syntax. */
const neighbour = (id: string): readonly string[] => [
  `${id},${id}`,
  `,${id}`,
  `${id},*`,
  `${id}?x=1`,
  `${id}#x`,
  `${id}/`,
  `./${id}`,
  `x/../${id}`,
  `x/%2e%2e/${id}`,
  `%2F${id}`,
  `${id}%00`,
  `${id}\u0000`,
  `${id};x=1`,
  `${id}*`,
  '*',
  '..',
  '.',
  `!${id}`,
  `~${id}`,
  ` ${id}`,
  `${id}\n`,
  `0${id}`,
  `${id}.0`,
  `${id}e0`,
  `+${id}`,
  `"${id}"`,
  `${id}\\`,
  `${id}&id=${id}`,
  [...id].map((letter) => `%${letter.charCodeAt(0).toString(16)}`).join(''),
  [...id].map((letter) => String.fromCodePoint((letter.codePointAt(0) ?? 0) + 0xfee0)).join(''),
];

const piece = fc.oneof(
  fc.constantFrom(...'*,!=~%&?#"\'\\/;:@+ \n'.split('')),
  fc.constantFrom('a', 'é', '名', '1', '%2f', '..'),
);
const anyText = fc.array(piece, { minLength: 1, maxLength: 6 }).map((pieces) => pieces.join(''));

describe('text as an id', () => {
  let platform: Emulator;
  let gateway: Gateway;
  let rest: RestClient;
  const ids: string[] = [];

  beforeAll(async () => {
    platform = await startPlatform({ profiles: 20 });
    gateway = await startGateway({ platform });
    rest = await connectRest(platform);
    const [job, segmentJob, schedule, policy] = await Promise.all([
      rest.get<{ records: { id: number; status: string }[] }>(`${ups}/export/jobs?limit=100`),
      rest.get<{ children: { id: string; status: string }[] }>(`${ups}/segment/jobs?limit=100`),
      rest.get<{ children: { id: string }[] }>(`${ups}/config/schedules`),
      rest.get<{ children: { id: string }[] }>(`${ups}/config/mergePolicies`),
    ]);
    const running = ({ status }: { readonly status: string }) => status === 'PROCESSING';
    ids.push(
      ...[job.records.find(running), segmentJob.children.find(running), schedule.children[0], policy.children[0]].map(
        (one) => String(one?.id),
      ),
      profileDataset,
      goldTier,
    );
    expect(ids).not.toContain('undefined');
  });
  afterAll(async () => {
    await gateway.close();
    await platform.close();
  });

  const asked = fc
    .oneof(
      fc.nat(5).chain((index) => fc.constantFrom(...neighbour(ids[index] ?? ''))),
      anyText,
    )
    .filter((id) => !ids.includes(id));

  /** Paths that an id may lead to: the lists, the bulk reads, and the path in which the id is a single segment. */
  const isOwnPath = (path: string, id: string): boolean => {
    const [pathname = ''] = path.split('?', 1);
    if (pathname.includes('*')) return false;
    const own = encodeURIComponent(id);
    const roots = [
      `${ups}/export/jobs`,
      `${ups}/segment/jobs`,
      `${ups}/segment/definitions`,
      `${ups}/config/schedules`,
      `${ups}/config/mergePolicies`,
      `${catalog}/dataSets`,
      `${catalog}/batches`,
    ];
    return (
      roots.some((root) => [root, `${root}/bulk-get`, `${root}/${own}`].includes(pathname)) ||
      pathname === '/ims/token/v3'
    );
  };

  /** The contents of the platform, to check that nothing was changed. */
  const state = async () =>
    await Promise.all(
      [
        `${ups}/export/jobs?limit=1000`,
        `${ups}/segment/jobs?limit=100`,
        `${ups}/config/schedules`,
        `${catalog}/dataSets?limit=100&properties=name,updated`,
      ].map((path) => rest.get<unknown>(path)),
    );

  async function check(document: string, isHarmless: (value: unknown) => boolean): Promise<void> {
    const before = await state();
    await fc.assert(
      fc.asyncProperty(asked, async (id) => {
        const from = platform.requests.length;
        const { data, errors } = await gateway.send(document, { id });
        for (const { extensions } of errors ?? []) expect(extensions?.['code']).toBe('INVALID_INPUT');
        for (const value of Object.values(data ?? {})) expect(isHarmless(value), JSON.stringify(value)).toBe(true);
        for (const { path } of platform.requests.slice(from)) expect(isOwnPath(path, id), path).toBe(true);
      }),
      { numRuns: 120 },
    );
    expect(await state()).toEqual(before);
  }

  it('of a query finds nothing, and does not lead to another path', { timeout: 120_000 }, async () => {
    const types = ['exportJob', 'dataset', 'schedule', 'segmentJob', 'segmentDefinition', 'mergePolicy', 'batch'];
    const fields = types.map((type) => `${type}(id: $id) { id }`);
    await check(`query ($id: ID!) { ${fields.join(' ')} }`, (value) => value === null);
  });

  it('of a mutation changes nothing, and does not lead to another path', { timeout: 120_000 }, async () => {
    const mutations = [
      'cancelExportJob(id: $id)',
      'cancelSegmentJob(id: $id)',
      'deleteDataset(id: $id)',
      'deleteSchedule(id: $id)',
      'updateSchedule(id: $id, input: { state: INACTIVE })',
    ];
    const fields = mutations.map((mutation) => `${mutation} { __typename }`);
    await check(`mutation ($id: ID!) { ${fields.join(' ')} }`, (value) => {
      // The cast is safe, because each field has this one selection.
      const typename = (value as { readonly __typename?: string } | null)?.__typename;
      return value === null || typename === 'NotFoundError' || typename === 'InvalidInputError';
    });
  });
});
