import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { carryOutAnd } from '../support/carry-out.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { goldTier, profileDataset, startProxy, startSteppedPlatform } from '../support/platform.ts';
import {
  CancelExportJobDocument,
  CancelSegmentJobDocument,
  ChangeScheduleDocument,
  CreateDatasetDocument,
  CreateExportJobDocument,
  CreateScheduleDocument,
  CreateSegmentJobDocument,
  DeleteDatasetDocument,
  DeleteScheduleDocument,
} from './operations.generated.ts';

/** A write to an existing entity. */
interface Write {
  readonly what: string;
  readonly method: 'DELETE' | 'PATCH';
  /** Creates an entity that nothing else uses, and returns its id. */
  prepare(gateway: Gateway): Promise<string>;
  write(gateway: Gateway, id: string): Promise<unknown>;
  /** The result if the platform executed the write. */
  readonly done: (id: string) => object;
  /** Whether the gateway reads the entity after the write. */
  readonly isRead: boolean;
}

const idIn = (result: { readonly __typename: string } | null | undefined, member: string): string => {
  // Each payload contains an entity with an id under this name.
  const entity = (result as Readonly<Record<string, { readonly id?: string } | undefined>> | null)?.[member];
  if (entity?.id === undefined) throw new Error(`Nothing was created: ${JSON.stringify(result)}`);
  return entity.id;
};

const createSchedule = async (gateway: Gateway) => {
  const input = { name: 'Written', type: 'BATCH_SEGMENTATION', schedule: '0 0 1 * * ?' } as const;
  return idIn((await gateway.query(CreateScheduleDocument, { input })).createSchedule, 'schedule');
};

const writes: readonly Write[] = [
  {
    what: 'cancel of an export job',
    method: 'DELETE',
    prepare: async (gateway) => {
      const input = { destination: { target: { datasetId: profileDataset } } };
      return idIn((await gateway.query(CreateExportJobDocument, { input })).createExportJob, 'exportJob');
    },
    write: async (gateway, id) => (await gateway.query(CancelExportJobDocument, { id })).cancelExportJob,
    done: (id) => ({ __typename: 'CancelExportJobPayload', exportJob: { id, status: 'CANCELLING' } }),
    isRead: true,
  },
  {
    what: 'cancel of a segment job',
    method: 'DELETE',
    prepare: async (gateway) => {
      const input = { segmentIds: [goldTier] };
      return idIn((await gateway.query(CreateSegmentJobDocument, { input })).createSegmentJob, 'segmentJob');
    },
    write: async (gateway, id) => (await gateway.query(CancelSegmentJobDocument, { id })).cancelSegmentJob,
    done: (id) => ({ __typename: 'CancelSegmentJobPayload', segmentJob: { id, status: 'CANCELLING' } }),
    isRead: true,
  },
  {
    what: 'update of a schedule',
    method: 'PATCH',
    prepare: createSchedule,
    write: async (gateway, id) =>
      (await gateway.query(ChangeScheduleDocument, { id, input: { state: 'ACTIVE' } })).updateSchedule,
    done: (id) => ({
      __typename: 'UpdateSchedulePayload',
      schedule: { id, state: 'ACTIVE', schedule: '0 0 1 * * ?' },
    }),
    isRead: true,
  },
  {
    what: 'delete of a schedule',
    method: 'DELETE',
    prepare: createSchedule,
    write: async (gateway, id) => (await gateway.query(DeleteScheduleDocument, { id })).deleteSchedule,
    done: (id) => ({ __typename: 'DeleteSchedulePayload', deletedId: id }),
    isRead: false,
  },
  {
    what: 'delete of a dataset',
    method: 'DELETE',
    prepare: async (gateway) => {
      const input = { name: 'Written' };
      return idIn((await gateway.query(CreateDatasetDocument, { input })).createDataset, 'dataset');
    },
    write: async (gateway, id) => (await gateway.query(DeleteDatasetDocument, { id })).deleteDataset,
    done: (id) => ({ __typename: 'DeleteDatasetPayload', deletedId: id }),
    isRead: false,
  },
];

let platform: Awaited<ReturnType<typeof startSteppedPlatform>>;
beforeAll(async () => {
  // Jobs stay in their first stage, because the clock does not move.
  platform = await startSteppedPlatform({ clock: new FakeClock(), quirks: { oneSchedulePer: 'nothing' } });
});
afterAll(() => platform.close());

/** A platform that treats a write, and the reads after it, as the test specifies. */
async function startTroubled(
  method: Write['method'],
  trouble: {
    /** Null: the platform responds itself. */
    readonly respond: ((response: ServerResponse) => void) | null;
    readonly carriedOut: boolean;
    readonly read?: (response: ServerResponse) => void;
  },
) {
  let written = false;
  return await startProxy(platform, (request, response) => {
    const { respond, read } = trouble;
    if (request.method === method) {
      written = true;
      if (respond === null) return false;
      if (trouble.carriedOut) carryOutAnd(respond, platform.url, request, response);
      else request.resume().on('end', () => respond(response));
      return true;
    }
    if (!written || read === undefined || request.method !== 'GET') return false;
    read(response);
    return true;
  });
}

const breakConnection = (response: ServerResponse) => void response.destroy();
const responding = (status: number) => (response: ServerResponse) => void response.writeHead(status).end();

describe.each(writes)('the $what', ({ method, prepare, write, done }) => {
  it('returns the last known state with the change applied if the read after it fails', async () => {
    await using troubled = await startTroubled(method, { respond: null, carriedOut: true, read: responding(500) });
    await using gateway = await startGateway({ platform: troubled });
    const id = await prepare(gateway);
    expect(await write(gateway, id)).toMatchObject(done(id));
  });

  it.each([
    ['a broken connection', breakConnection],
    ['504', responding(504)],
    ['500', responding(500)],
  ])('succeeds if the platform executed it, although its response was %s', async (_, respond) => {
    await using troubled = await startTroubled(method, { respond, carriedOut: true });
    await using gateway = await startGateway({ platform: troubled });
    const id = await prepare(gateway);
    expect(await write(gateway, id)).toMatchObject(done(id));
  });

  it.each([
    ['a broken connection', breakConnection, { __typename: 'OutcomeUnknownError', code: 'OUTCOME_UNKNOWN' }],
    ['504', responding(504), { __typename: 'OutcomeUnknownError', code: 'OUTCOME_UNKNOWN' }],
    ['500', responding(500), { __typename: 'PlatformError', code: 'PLATFORM_ERROR' }],
  ])('is an error in the union after %s if the state does not show the change', async (_, respond, expected) => {
    await using troubled = await startTroubled(method, { respond, carriedOut: false });
    await using gateway = await startGateway({ platform: troubled });
    const id = await prepare(gateway);
    expect(await write(gateway, id)).toMatchObject(expected);
  });
});

describe.each(writes.filter(({ isRead }) => isRead))('the $what', ({ method, prepare, write, done }) => {
  it('returns the last known state with the change applied if the read after it hangs for ten seconds', async () => {
    let arrived = () => {};
    const reading = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    await using troubled = await startTroubled(method, { respond: null, carriedOut: true, read: () => arrived() });
    const clock = new FakeClock();
    await using gateway = await startGateway({ platform: troubled, clock });
    const id = await prepare(gateway);
    const result = write(gateway, id);
    await reading;
    await clock.advanceBy(10_000);
    expect(await result).toMatchObject(done(id));
  });
});
