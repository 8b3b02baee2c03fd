import { request } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { routes } from '../../../src/emulator/routes.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { type Emulator, startEmulator } from '../../support/platform.ts';
import { connect, type PlatformClient, prodDataset } from './platform-client.ts';

/** Names that the operations know, so that random requests get past the first check. */
const parameters = [
  'limit start offset page sort status orderBy properties property tags name created createdAfter endBefore dataSet',
  'batch dataSetId path schema.name entityId entityIdNS relatedEntityId mergePolicyId fields startTime endTime orderby',
  'snapshot.name evaluationInfo.continuous.enabled default version',
]
  .join(' ')
  .split(' ');

const bodyMembers = [
  'destination schema filter fields additionalFields mergePolicy name schemaRef tags op path value',
  'ids identities timeFilter limit segments type state schedule properties expression evaluationInfo',
]
  .join(' ')
  .split(' ');

/** Bodies with lists of objects that pass the first checks, with arbitrary ids. */
const lists = fc.string({ unit: 'binary' }).chain((id) =>
  fc.constantFrom(
    [{ segmentId: id }],
    { ids: [{ id }] },
    { schema: { name: '_xdm.context.profile' }, identities: [{ entityId: id, entityIdNS: { code: 'Email' } }] },
    { schema: { name: '_xdm.context.experienceevent' }, identities: [{ relatedEntityId: id }], fields: [id] },
    {
      name: id,
      schema: { name: '_xdm.context.profile' },
      expression: { type: 'PQL', format: 'pql/text', value: id },
    },
    { name: id, type: 'export', properties: { segments: [id], fields: id }, schedule: '0 0 1 * * ?' },
  ),
);

const query = fc
  .array(fc.tuple(fc.constantFrom(...parameters), fc.string({ unit: 'binary', maxLength: 12 })), { maxLength: 3 })
  .map((entries) => new URLSearchParams(entries).toString());

const target = fc
  .tuple(
    fc.constantFrom(...routes),
    fc.oneof(fc.constantFrom('24001', prodDataset, 'prod', '%ff', '..', 'a,b'), fc.webSegment({ size: 'small' })),
    query,
  )
  .map(([route, segment, text]) => ({
    method: route.method,
    path: `${route.path.replaceAll(/:\w+/g, segment)}?${text}`,
  }));

const body = fc.oneof(
  fc.json(),
  lists.map((value) => JSON.stringify(value)),
  fc.string(),
  fc.dictionary(fc.constantFrom(...bodyMembers), fc.jsonValue()).map((value) => JSON.stringify(value)),
  fc
    .array(fc.dictionary(fc.constantFrom('op', 'path', 'value', 'from'), fc.jsonValue()))
    .map((value) => JSON.stringify(value)),
);

const contentType = fc.constantFrom('application/json', 'application/json-patch+json', 'text/plain');

describe('the emulator', () => {
  let emulator: Emulator;
  let client: PlatformClient;

  beforeAll(async () => {
    emulator = await startEmulator({ profiles: 20, clock: new FakeClock('2026-11-02T08:00:00Z') });
    client = await connect(emulator.url);
  });

  afterAll(() => emulator.close());

  it('never responds with 5xx, whatever it receives', async () => {
    await fc.assert(
      fc.asyncProperty(target, body, contentType, async ({ method, path }, text, type) => {
        const takesBody = method !== 'GET' && method !== 'HEAD';
        const response = await client.fetch(path, {
          method,
          headers: { 'content-type': type },
          ...(takesBody && { body: text }),
        });
        await response.arrayBuffer();
        expect(response.status).toBeLessThan(500);
      }),
      { numRuns: 300 },
    );
  });

  it('responds with 400 to a request target that is not a path', async () => {
    const { hostname, port } = new URL(emulator.url);
    const status = await new Promise((resolve, reject) => {
      request({ hostname, port, path: 'http://elsewhere/', headers: client.headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect(status).toBe(400);
  });

  it('survives a caller that disconnects in the middle of its body', async () => {
    const { hostname, port } = new URL(emulator.url);
    await new Promise<void>((resolve) => {
      const started = request({
        hostname,
        port,
        method: 'POST',
        path: '/data/core/ups/export/jobs',
        headers: { ...client.headers, 'content-type': 'application/json', 'content-length': '100' },
      });
      started.on('error', () => resolve());
      started.write('{"destination":', () => started.destroy(new Error('gone')));
    });
    expect((await client.get('/data/core/ups/export/jobs?limit=1')).status).toBe(200);
  });
});
