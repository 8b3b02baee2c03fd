import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeClock } from '../../support/fake-clock.ts';
import { commonForm, formOf, missing, moved, type ObjectKind, unknown } from '../../support/form.ts';
import { type Emulator, goldTier, startEmulator } from '../../support/platform.ts';
import { recordedResources, recordedResponses } from '../../support/recorded.ts';
import { connect, exportBody, type PlatformClient, prodDataset, runUntil } from './platform-client.ts';
import { segmentJobUntil } from './segmentation-client.ts';

const ups = '/data/core/ups';
const catalog = '/data/foundation/catalog';
const dataAccess = '/data/foundation/export';
const sandboxes = '/data/foundation/sandbox-management';
const schema = { name: '_xdm.context.profile' };
const policy = '0bf16e61-90e9-4204-b8fa-ad250360957b';
const crm = { entityId: 'CRM-000000001', entityIdNS: { code: 'CRMID' } };
const segmentation = {
  name: 'x',
  type: 'batch_segmentation',
  schedule: '0 0 5 * * ?',
  properties: { segments: ['*'] },
};

type Answer = { readonly status: number; readonly body?: unknown };

/** Ids that a request of the emulator can use. The emulator has a finished, a failed and a cancelled job. */
interface Setting {
  readonly client: PlatformClient;
  readonly dev: PlatformClient;
  readonly clock: FakeClock;
  readonly batchId: string;
  readonly failedBatchId: string;
}

type Ask = (setting: Setting) => Promise<Answer>;

const token =
  (secret: string): Ask =>
  async ({ client }) => {
    const form = { grant_type: 'client_credentials', client_id: 'emulator', client_secret: secret, scope: 'openid' };
    const response = await fetch(`${client.url}/ims/token/v3`, { method: 'POST', body: new URLSearchParams(form) });
    return { status: response.status, body: await response.json() };
  };
const get =
  (path: string): Ask =>
  ({ client }) =>
    client.get(path);
const eventsPath = `${ups}/access/entities?schema.name=_xdm.context.experienceevent&limit=1&relatedEntityIdNS=CRMID`;

/** The emulator request that corresponds to each recorded response. */
const requests: Readonly<Record<string, Ask>> = {
  'batches: observed: one batch, counts of input and output': ({ client, batchId }) =>
    client.get(`${catalog}/batches/${batchId}`),
  'batches: observed: a batch that replaces others, with unknown counts': ({ client }) =>
    client.get(`${catalog}/batches?property=replay`),
  'batches: observed: list': get(`${catalog}/batches?limit=100`),
  'data-access: observed: files of a batch': ({ client, batchId }) =>
    client.get(`${dataAccess}/batches/${batchId}/files`),
  'data-access: observed: parts of a file': ({ client, batchId }) => client.get(`${dataAccess}/files/${batchId}-1`),
  'data-access: observed: failed files of a batch': ({ client, failedBatchId }) =>
    client.get(`${dataAccess}/batches/${failedBatchId}/failed`),
  'data-access: observed: meta files of a batch': ({ client, failedBatchId }) =>
    client.get(`${dataAccess}/batches/${failedBatchId}/meta`),
  'datasets: observed: list': get(`${catalog}/dataSets?limit=100`),
  'datasets: observed: one dataset': get(`${catalog}/dataSets/${prodDataset}`),
  'datasets: observed: create': ({ client }) => client.send('POST', `${catalog}/dataSets`, { name: 'Made here' }),
  'datasets: observed: delete': async ({ client }) => {
    const { body } = await client.send<readonly string[]>('POST', `${catalog}/dataSets`, { name: 'Made here' });
    return client.send('DELETE', `${catalog}${body[0]?.slice(1)}`);
  },
  'export-jobs: observed: list': get(`${ups}/export/jobs?limit=2`),
  'export-jobs: observed: last page of the list': get(`${ups}/export/jobs?limit=2&offset=1_1`),
  'export-jobs: observed: create': ({ client }) => client.send('POST', `${ups}/export/jobs`, exportBody()),
  'export-jobs: observed: cancel': async ({ client }) =>
    client.send('DELETE', `${ups}/export/jobs/${(await client.export()).id}`),
  'merge-policies: observed: list': get(`${ups}/config/mergePolicies?limit=2&orderBy=name`),
  'merge-policies: observed: last page of the list': get(
    `${ups}/config/mergePolicies?limit=2&start=${Buffer.from('+RID:~3').toString('base64url')}`,
  ),
  'profiles: observed: some of many': ({ client }) =>
    client.send('POST', `${ups}/access/entities`, {
      schema,
      identities: [crm, { entityId: 'nobody', entityIdNS: { code: 'CRMID' } }],
    }),
  'profiles: observed: one profile': get(
    `${ups}/access/entities?schema.name=${schema.name}&entityId=${crm.entityId}&entityIdNS=CRMID`,
  ),
  'profiles: observed: events of one profile': async ({ client }) => {
    for (let person = 1; person < 100; person += 1) {
      const id = `CRM-${String(person).padStart(9, '0')}`;
      const answer = await client.get<{ children?: readonly unknown[] }>(`${eventsPath}&relatedEntityId=${id}`);
      if (answer.body.children?.length === 1) return answer;
    }
    throw new Error('No profile has an event.');
  },
  'sandboxes: observed: list': get(`${sandboxes}/?limit=50&offset=0`),
  'schedules: observed: list': get(`${ups}/config/schedules?start=0&limit=100`),
  'schedules: observed: create': ({ dev }) => dev.send('POST', `${ups}/config/schedules`, segmentation),
  'schedules: observed: change': async ({ dev }) => {
    const { body } = await dev.get<{ children: readonly { id: string }[] }>(`${ups}/config/schedules`);
    const changes = [{ op: 'add', path: '/state', value: 'active' }];
    return dev.send('PATCH', `${ups}/config/schedules/${body.children[0]?.id}`, changes);
  },
  'schedules: observed: delete': async ({ dev }) => {
    const { body } = await dev.get<{ children: readonly { id: string }[] }>(`${ups}/config/schedules`);
    return dev.send('DELETE', `${ups}/config/schedules/${body.children[0]?.id}`);
  },
  'segment-definitions: observed: list': get(`${ups}/segment/definitions?limit=2`),
  'segment-definitions: observed: times in milliseconds where seconds are documented, and no others': ({ client }) =>
    client.send('POST', `${ups}/segment/definitions/bulk-get`, { ids: [{ id: goldTier }] }),
  'segment-jobs: observed: list': get(`${ups}/segment/jobs?limit=2&status=SUCCEEDED`),
  'segment-jobs: observed: last page of the list': get(`${ups}/segment/jobs?start=1000&limit=2`),
  'segment-jobs: observed: create': ({ client }) =>
    client.send('POST', `${ups}/segment/jobs`, [{ segmentId: goldTier }]),
  'segment-jobs: observed: cancel': async ({ client }) => {
    const { body } = await client.send<{ id: string }>('POST', `${ups}/segment/jobs`, [{ segmentId: goldTier }]);
    return client.send('DELETE', `${ups}/segment/jobs/${body.id}`);
  },
  'token: observed: token': token('emulator'),
  'token: observed: rejected client': token('wrong'),

  'batches: documented: one batch with its counts at the top level': ({ client, batchId }) =>
    client.get(`${catalog}/batches/${batchId}`),
  'batches: documented: a failed batch with the older status and an error per cause': ({ client }) =>
    client.get(`${catalog}/batches?status=failure`),
  'datasets: documented: one dataset in the older form': get(
    `${catalog}/dataSets?property=lastFailedBatch&property=lastSuccessfulBatch`,
  ),
  'datasets: documented: create with the older spelling': ({ client }) =>
    client.send('POST', `${catalog}/dataSets`, { name: 'Made here' }),
  'datasets: documented: delete of an unknown dataset': ({ client }) =>
    client.send('DELETE', `${catalog}/dataSets/nothing`),
  'export-jobs: documented: create that echoes its request': ({ client }) => {
    const time = '2026-06-01T00:00:00Z';
    return client.send('POST', `${ups}/export/jobs`, {
      ...exportBody(),
      fields: 'person, loyalty',
      filter: {
        segments: [{ segmentId: goldTier, segmentNs: 'UPS', status: ['realized'] }],
        segmentQualificationTime: { startTime: time, endTime: time },
        fromIngestTimestamp: time,
        emptyProfiles: true,
      },
      additionalFields: { eventList: { fields: '_id', filter: { fromTimestamp: time, toIngestTimestamp: time } } },
    });
  },
  'export-jobs: documented: cancel with a message': async ({ client }) =>
    client.send('DELETE', `${ups}/export/jobs/${(await client.export()).id}`),
  'merge-policies: documented: some of many': ({ client }) =>
    client.send('POST', `${ups}/config/mergePolicies/bulk-get`, { ids: [{ id: policy }] }),
  'profiles: documented: errors for some of many': ({ client }) =>
    client.send('POST', `${ups}/access/entities`, { schema, identities: [crm] }),
  'schedules: documented: one schedule': async ({ client }) => {
    const { body } = await client.get<{ children: readonly { id: string }[] }>(`${ups}/config/schedules`);
    return client.get(`${ups}/config/schedules/${body.children[0]?.id}`);
  },
  'segment-jobs: documented: create without metrics': ({ client }) =>
    client.send('POST', `${ups}/segment/jobs`, [{ segmentId: goldTier }]),
  'segment-jobs: documented: some of many': async ({ client, clock }) => {
    const { body } = await client.send<{ id: string }>('POST', `${ups}/segment/jobs`, [{ segmentId: 'nothing' }]);
    await segmentJobUntil(client, clock, body.id);
    const ids = [{ id: body.id }, { id: 'nothing' }];
    return client.send('POST', `${ups}/segment/jobs/bulk-get`, { ids });
  },
  'token: documented: token with a lifetime in milliseconds': token('emulator'),
};

/** Documented response forms for which the emulator has no switch. */
const notSent = [
  'datasets: documented: requested properties that are empty objects',
  'export-jobs: documented: a batch per segment',
  'export-jobs: documented: batches as one object next to the batch id',
  'sandboxes: documented: list in the form of the API description',
  'segment-jobs: documented: a cancelled job of every segment',
];

/** Objects whose keys are ids or names. */
const mapForm = /\/(?:tags|results|\w+Counter|totalProfilesByMergePolicy|segmentedProfileBy\w+Counter\/\*)$/;
/** XDM data, and values sent by clients. */
const opaqueForm = /\/(?:entity|filter|additionalFields)$/;

const kindAt =
  (resource: string, body: unknown) =>
  (pointer: string): ObjectKind => {
    if (opaqueForm.test(pointer)) return 'opaque';
    if (pointer !== '') return mapForm.test(pointer) ? 'map' : 'fields';
    const isPage = typeof body === 'object' && body !== null && '_page' in body;
    return ['batches', 'datasets', 'profiles'].includes(resource) && !isPage ? 'map' : 'fields';
  };

/** Fields that the newest documentation has, although no recorded response has them. */
const alsoSent: Readonly<Record<string, readonly string[]>> = {
  'data-access': ['/data/*/records', '/data/*/size'],
  'export-jobs': ['/computeGatewayJobId/pushJob', '/fields'],
  // Adobe documents such a code only for audiences.
  'segment-jobs': ['/errors/404/*/code'],
};

/** Fields of a documented response for which the emulator has no switch. */
const leftOut: Readonly<Record<string, readonly string[]>> = {
  'export-jobs: documented: create that echoes its request': ['/computeGatewayJobId/exportJob'],
  'segment-jobs: documented: create without metrics': ['/computeGatewayJobId', '/modelName'],
};

/** Location of a record in a response. A record has the same form alone, in a list and in a bulk read. */
const recordPlace: Readonly<Record<string, RegExp>> = {
  'export-jobs': /^\/records\/\*/,
  'merge-policies': /^\/(?:children|results)\/\*/,
  schedules: /^\/children\/\*/,
  'segment-definitions': /^\/(?:segments|results)\/\*/,
  'segment-jobs': /^\/(?:children|results)\/\*/,
};

describe('the emulator against recorded responses', () => {
  const clock = new FakeClock('2026-11-02T08:00:00Z');
  const documentedQuirks = {
    recordFields: 'documented',
    batchCounts: 'top-level',
    datasetReference: 'datasets',
    cancelReply: 'json',
    destinationKey: 'datasetId',
    maximumGraphIdentities: 0,
    expiresInUnit: 'milliseconds',
  } as const;
  const emulators: Emulator[] = [];
  const settings = new Map<string, Setting>();

  beforeAll(async () => {
    for (const kind of ['observed', 'documented']) {
      const quirks = kind === 'observed' ? {} : documentedQuirks;
      const emulator = await startEmulator({ clock, quirks });
      emulators.push(emulator);
      const client = await connect(emulator.url);
      const done = await runUntil(client, clock, (await client.export()).id);
      const failed = await client.get<object>(`${catalog}/batches?status=failed&limit=1`);
      settings.set(kind, {
        client,
        dev: await connect(emulator.url, 'dev'),
        clock,
        batchId: String(done.destination.batchId),
        failedBatchId: Object.keys(failed.body)[0] ?? '',
      });
    }
  });

  afterAll(async () => {
    for (const emulator of emulators) await emulator.close();
  });

  const recorded = recordedResources.flatMap((resource) =>
    recordedResponses(resource).map((response) => ({ resource, ...response, title: `${resource}: ${response.name}` })),
  );

  it('has a request for each of them', () => {
    expect([...Object.keys(requests), ...notSent].sort()).toEqual(recorded.map(({ title }) => title).sort());
  });

  it.each(recorded.filter(({ title }) => title in requests))('sends $title', async (response) => {
    const { resource, title } = response;
    const setting = settings.get(title.includes(': observed:') ? 'observed' : 'documented');
    const ask = requests[title];
    if (setting === undefined || ask === undefined) throw new Error(`There is no request for ${title}.`);
    const answer = await ask(setting);
    expect(answer.status).toBe(response.status);
    if (response.body === null) {
      expect(answer.body).toBeUndefined();
      return;
    }
    const form = (body: unknown) => formOf(body, kindAt(resource, body));
    const asRecord = (pointer: string) => pointer.replace(recordPlace[resource] ?? /^$/, '');
    const same = recorded.filter((each) => each.resource === resource);
    const known = moved(commonForm(same.map(({ body }) => form(body))), asRecord);
    const sent = form(answer.body);
    const accepted = [...(leftOut[title] ?? []), ...(alsoSent[resource] ?? [])];
    expect(
      [...missing(sent, form(response.body)), ...unknown(moved(sent, asRecord), known)].filter(
        (line) => !accepted.some((pointer) => line.startsWith(`${pointer} `)),
      ),
    ).toEqual([]);
  });
});
