import { describe, expect, it } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { profileDataset } from '../support/platform.ts';
import { createdMs, startWidePlatform } from '../support/wide-platform.ts';

const limit = 25;
const env = { MAX_OPERATION_CALLS: String(limit) };
const files = 'files(first: 1) { nodes { name } }';
const aliased = (count: number, field: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => `f${index}: ${field(index)}`).join(' ');

/** Operations that look small but are not. According to the document alone they need fewer calls than the limit. */
const shapes: readonly (readonly [what: string, query: string, variables: Readonly<Record<string, unknown>>])[] = [
  ['files, each of which is opened', `{ ${aliased(5, (index) => `batch(id: "b${index}") { ${files} }`)} }`, {}],
  [
    'jobs of each segment of a job',
    '{ segmentJob(id: "j") { segments { definition { jobs(first: 1) { nodes { id } } } } } }',
    {},
  ],
  ['files of each batch of an export', `{ exportJob(id: "7") { destination { batches { batch { ${files} } } } } }`, {}],
  ['files through `node`', `{ node(id: "Batch:b") { ... on Batch { ${files} } } }`, {}],
  ['files through `nodes`', `{ nodes(ids: ["Batch:b", "Batch:c"]) { ... on Batch { ${files} } } }`, {}],
  [
    'files through references',
    `query ($of: [_Any!]!) { _entities(representations: $of) { ... on Batch { ${files} } } }`,
    { of: ['b', 'c'].map((platformId) => ({ __typename: 'Batch', platformId })) },
  ],
  ['a list of sandboxes without an end', '{ viewer { sandboxes { name } } }', {}],
];

describe('an operation causes no more calls to the platform than MAX_OPERATION_CALLS', () => {
  it.each(shapes)('with %s', async (_, query, variables) => {
    await using platform = await startWidePlatform();
    await using gateway = await startGateway({ platform, env });
    const { errors } = await gateway.send(query, variables);
    expect(errors.map(({ extensions }) => extensions?.['code'])).toContain('INVALID_INPUT');
    expect(errors[0]?.message).toContain('MAX_OPERATION_CALLS');
    expect(platform.calls()).toBeLessThanOrEqual(limit);
    // The operation was not rejected because of its document.
    expect(platform.calls()).toBeGreaterThan(limit / 2);
  });

  it('with filters that search many pages, each from another time', async () => {
    await using platform = await startWidePlatform();
    await using gateway = await startGateway({ platform, env });
    const query = aliased(24, (index) => {
      const before = new Date(createdMs + 500_000 + index * 10_000).toISOString();
      return `exportJobs(first: 1, filter: { datasetId: "none", createdBefore: "${before}" }) { nodes { id } }`;
    });
    const { errors } = await gateway.send(`{ ${query} }`);
    expect(errors.map(({ extensions }) => extensions?.['code'])).toContain('INVALID_INPUT');
    expect(platform.calls()).toBe(limit);
  });

  it('with an event of a subscription, whose calls are counted for each event', async () => {
    await using platform = await startWidePlatform();
    await using gateway = await startGateway({ platform, env });
    const query = `subscription { exportJobChanged(ids: ["7", "8"]) { job { platformId destination { batches { batch { ${files} } } } } } }`;
    const response = await fetch(gateway.graphqlUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query }),
    });
    // Both jobs have ended, so the stream completes after their two events.
    const text = await response.text();
    expect(text.match(/MAX_OPERATION_CALLS/g)?.length).toBeGreaterThan(1);
    for (const job of ['7', '8']) {
      const own = platform.requests.filter((target) => target.includes(`batch-${job}-`));
      expect(own.length).toBeLessThanOrEqual(limit);
      expect(own.length).toBeGreaterThan(limit / 2);
    }
  });

  it('with a mutation, whose result is not lost by a read after it', async () => {
    await using platform = await startWidePlatform();
    await using gateway = await startGateway({ platform, env });
    const { data, errors } = await gateway.send(
      `mutation ($input: CreateExportJobInput!) { createExportJob(input: $input) { ... on CreateExportJobPayload {
        exportJob { platformId destination { batches { batch { ${files} } } } } } } }`,
      { input: { destination: { target: { datasetId: profileDataset } } } },
    );
    expect(data).toMatchObject({ createExportJob: { exportJob: { platformId: '7' } } });
    expect(errors.map(({ extensions }) => extensions?.['code'])).toContain('INVALID_INPUT');
    expect(platform.calls()).toBeLessThanOrEqual(limit);
    expect(
      platform.requests.filter((target) => target.startsWith('POST') && target.endsWith('/export/jobs')),
    ).toHaveLength(1);
  });

  it('with sibling operations, whose calls are counted separately', async () => {
    await using platform = await startWidePlatform();
    await using gateway = await startGateway({ platform, env });
    const one = '{ exportJobs(first: 1) { nodes { platformId } } }';
    for (let index = 0; index < limit + 5; index += 1) expect((await gateway.send(one)).errors).toEqual([]);
    expect(platform.calls()).toBe(limit + 5);
  });
});
