import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type Emulator, profileDataset, startPlatform } from '../support/platform.ts';
import { connectRest, type RestClient } from '../support/rest-client.ts';

const unionSchema = 'https://ns.adobe.com/xdm/context/profile__union';

/** Texts with a meaning in a filter, a path, a query string, a sort, PQL or JSON, and some without. */
const piece = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...'*,!=~%&?#"\'\\\n\r\t ;:|/+<>()[]{}^$@`.-_\u0000'.split('')) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      'a',
      'B',
      'ß',
      'é',
      'e\u0301',
      '名',
      'ж',
      '٣',
      '😀',
      '1',
      '%2a',
      '==',
      '..',
      ' or ',
      '--',
    ),
  },
);
const text = fc
  .array(piece, { minLength: 1, maxLength: 6 })
  .map((pieces) => pieces.join(''))
  .filter((made) => made.trim() !== '' && made.isWellFormed());

/** Texts of fixed seeds, with which the platform is filled before. */
const existing = [...new Set(fc.sample(text, { numRuns: 40, seed: 13 }))].filter((made) => !made.includes('\u0000'));
/** An existing text, a text that differs from it only in syntax, or any other text. */
const asked = fc.oneof(
  fc.constantFrom(...existing),
  fc
    .tuple(fc.constantFrom(...existing), fc.constantFrom('*', ',*', '!', '%', '?', '.*'))
    .map(([made, end]) => made + end),
  fc.tuple(fc.constantFrom(...existing), fc.constantFrom(...existing)).map((both) => both.join(',')),
  fc.constantFrom(...existing).map((made) => `!${made}`),
  text,
);

describe('text in a filter', { timeout: 120_000 }, () => {
  let platform: Emulator;
  let gateway: Gateway;
  let rest: RestClient;

  beforeAll(async () => {
    platform = await startPlatform({ profiles: 20 });
    gateway = await startGateway({ platform });
    rest = await connectRest(platform);
    for (const name of existing) {
      const schemaRef = {
        id: `https://ns.example/${encodeURIComponent(name)}`,
        contentType: 'application/vnd.adobe.xed+json;version=1',
      };
      const made = await rest.send('POST', '/data/foundation/catalog/dataSets', { name, schemaRef });
      expect(made.status).toBe(201);
      const definition = await rest.send('POST', '/data/core/ups/segment/definitions', {
        name,
        schema: { name: '_xdm.context.profile' },
        expression: { type: 'PQL', format: 'pql/text', value: 'loyalty.points >= 0' },
      });
      expect(definition.status).toBe(200);
      const job = await rest.send('POST', '/data/core/ups/export/jobs', {
        destination: { datasetId: profileDataset },
        schema: { name: '_xdm.context.profile' },
        filter: { segments: [{ segmentId: name, segmentNs: 'AAM' }] },
        mergePolicy: { id: name },
      });
      expect(job.status).toBe(200);
      const segmentJob = await rest.send('POST', '/data/core/ups/segment/jobs', [{ segmentId: name }]);
      expect(segmentJob.status).toBe(200);
    }
  });
  afterAll(async () => {
    await gateway.close();
    await platform.close();
  });

  /** All nodes of a connection. */
  const nodesOf = async <Node>(document: string, variables: Record<string, unknown>): Promise<readonly Node[]> => {
    const nodes: Node[] = [];
    for (let after: string | null = null; ; ) {
      const { data, errors } = await gateway.send(document, { ...variables, after });
      expect(errors ?? []).toEqual([]);
      // The cast is safe, because the documents below have one field, a connection.
      const [page] = Object.values(data ?? {}) as {
        nodes: Node[];
        pageInfo: { hasNextPage: boolean; endCursor: string };
      }[];
      nodes.push(...(page?.nodes ?? []));
      if (page?.pageInfo.hasNextPage !== true) return nodes;
      after = page.pageInfo.endCursor;
    }
  };
  const connection = (field: string, input: string, argument: string, selection: string) =>
    `query ($filter: ${input}, $after: String) { ${field}(first: 100, after: $after, filter: ${argument}) { nodes { ${selection} } pageInfo { hasNextPage endCursor } } }`;

  /** Checks that a filter returns exactly the matching entities. */
  async function check<Node>(
    [field, type, selection]: readonly [field: string, type: string, selection: string],
    filterOf: (asked: string) => object | null,
    matches: (node: Node, asked: string) => boolean,
  ): Promise<void> {
    const document = connection(field, type, '$filter', selection);
    const all = await nodesOf<Node>(document, { filter: null });
    let hits = 0;
    await fc.assert(
      fc.asyncProperty(asked, async (wanted) => {
        const filter = filterOf(wanted);
        if (filter === null) return;
        const expected = all.filter((node) => matches(node, wanted));
        hits += expected.length;
        expect(await nodesOf<Node>(document, { filter })).toEqual(expected);
      }),
      { numRuns: 50, examples: existing.slice(0, 12).map((name): [string] => [name]) },
    );
    expect(hits).toBeGreaterThan(0);
  }

  interface Named {
    readonly id: string;
    readonly name: string | null;
  }
  const fold = (made: string | null) => made?.normalize('NFC').toUpperCase().toLowerCase();

  it('of datasets by name is literal', async () => {
    await check<Named>(
      ['datasets', 'DatasetFilter', 'id name'],
      (name) => ({ name }),
      ({ name }, wanted) => name === wanted,
    );
  });

  it('of datasets by a part of the name is literal', async () => {
    await check<Named>(
      ['datasets', 'DatasetFilter', 'id name'],
      (nameContains) => ({ nameContains }),
      ({ name }, wanted) => fold(name)?.includes(fold(wanted) ?? '') === true,
    );
  });

  it('of datasets by schema is literal', async () => {
    const uri = (wanted: string) => `https://ns.example/${encodeURIComponent(wanted)}`;
    await check<Named & { readonly schemaRef: { readonly id: string } | null }>(
      ['datasets', 'DatasetFilter', 'id schemaRef { id }'],
      (wanted) => ({ schemaId: uri(wanted) }),
      ({ schemaRef }, wanted) => schemaRef?.id === uri(wanted),
    );
    const all = await nodesOf(connection('datasets', 'DatasetFilter', '$filter', 'id'), {
      filter: { schemaId: `${unionSchema}*` },
    });
    expect(all).toEqual([]);
  });

  it('of segment definitions by a part of the name is literal', async () => {
    await check<Named>(
      ['segmentDefinitions', 'SegmentDefinitionFilter', 'id name'],
      (nameContains) => ({ nameContains }),
      ({ name }, wanted) => fold(name)?.includes(fold(wanted) ?? '') === true,
    );
  });

  interface Job {
    readonly id: string;
    readonly filter: { readonly segments: readonly { readonly segmentId: string }[] } | null;
    readonly mergePolicy: { readonly platformId: string } | null;
  }

  it.each<[keyof Job, string, (job: Job) => readonly string[]]>([
    ['filter', 'segmentId', ({ filter }) => filter?.segments.map(({ segmentId }) => segmentId) ?? []],
    ['mergePolicy', 'mergePolicyId', ({ mergePolicy }) => (mergePolicy === null ? [] : [mergePolicy.platformId])],
  ])('of export jobs by their %s is literal', async (_, argument, idsOf) => {
    await check<Job>(
      ['exportJobs', 'ExportJobFilter', 'id filter { segments { segmentId } } mergePolicy { platformId }'],
      (wanted) => ({ [argument]: wanted }),
      (job, wanted) => idsOf(job).includes(wanted),
    );
  });

  it('of segment jobs by segment is literal', async () => {
    interface SegmentJob {
      readonly id: string;
      readonly segments: readonly { readonly segmentId: string }[];
    }
    await check<SegmentJob>(
      ['segmentJobs', 'SegmentJobFilter', 'id segments { segmentId }'],
      (segmentId) => ({ segmentId }),
      ({ segments }, wanted) => segments.some(({ segmentId }) => segmentId === wanted),
    );
  });

  it.each(['batches', 'exportJobs'])('of %s by dataset is literal', async (field) => {
    const type = field === 'batches' ? 'BatchFilter' : 'ExportJobFilter';
    const document = connection(field, type, '$filter', 'id');
    expect(await nodesOf(document, { filter: { datasetId: profileDataset } })).not.toEqual([]);
    const neighbours = [
      '*',
      `${profileDataset},x`,
      `x,${profileDataset}`,
      `!x`,
      `${profileDataset}*`,
      ` ${profileDataset}`,
      '%',
      '~.*',
    ];
    await fc.assert(
      fc.asyncProperty(fc.oneof(text, fc.constantFrom(...neighbours)), async (datasetId) => {
        expect(await nodesOf(document, { filter: { datasetId } })).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  it('of an identity is literal', async () => {
    const lookup = async (namespace: string, value: string) =>
      await gateway.send('query ($identity: IdentityInput!) { profile(identity: $identity) { entityId } }', {
        identity: { namespace, value },
      });
    await fc.assert(
      fc.asyncProperty(text, text, async (one, other) => {
        for (const [namespace, value] of [
          [one, other],
          ['Email', one],
          [one, 'x@example.com'],
        ] as const) {
          const { data, errors } = await lookup(namespace, value);
          expect(data?.['profile'] ?? null).toBeNull();
          for (const { extensions } of errors ?? []) expect(extensions?.['code']).toBe('INVALID_INPUT');
        }
      }),
      { numRuns: 40 },
    );
  });
});
