import { randomUUID } from 'node:crypto';
import { seededMergePolicies } from '../catalog/population.ts';
import { PlatformError, requestErrors, upsCodes } from '../errors.ts';
import { type Call, json, type Operation, type Reply } from '../http/operation.ts';
import { checkScheduleLimits, nextRunOf, parseSchedule, parseSchedulePatch } from '../jobs/schedule-request.ts';
import { defaultExportDataset } from '../jobs/scheduled-export.ts';
import type { JsonObject } from '../json.ts';
import { credential, type EmulatorQuirks } from '../options.ts';
import type { PlatformRecords } from '../store/platform-store.ts';
import type { Schedule } from '../store/platform-store-schedules.ts';
import { childrenPage, childrenRange } from './children-page.ts';
import { embeddedSandbox } from './embedded-sandbox.ts';

const limits = { default: 100, maximum: 1_000 } as const;

/** `GET /config/schedules` */
export const listSchedules: Operation = async ({ query, sandbox }, { store, quirks }) => {
  const range = childrenRange(query, limits, quirks);
  const schedules = await store.schedules.list(sandbox);
  const embedded = await embeddedSandbox(sandbox, store);
  const children = schedules.slice(range.skip, range.skip + range.limit).map((each) => shown(each, embedded, quirks));
  return json(
    childrenPage(children, schedules.length, range, { path: '/config/schedules', query, hasNextInPage: true }, quirks),
  );
};

/** `POST /config/schedules`. The status is 200. */
export const createSchedule: Operation = async ({ body, sandbox }, { store, clock, quirks, scheduler }) => {
  const now = clock.now();
  const schedule = await store.transaction(async (records) => {
    const request = parseSchedule(body, { datasetId: await defaultExportDataset(records, sandbox), now }, quirks);
    checkScheduleLimits({
      mergePolicies: seededMergePolicies.length,
      hasSchedule: await hasSchedule(records, sandbox, quirks),
    });
    const created: Schedule = {
      id: randomUUID(),
      sandbox,
      ...request,
      created: now.getTime(),
      updated: now.getTime(),
      nextRun: nextRunOf(request, now),
    };
    await records.schedules.insert(created);
    return created;
  });
  scheduler.notify();
  return json(shown(schedule, await embeddedSandbox(sandbox, store), quirks));
};

/** `GET /config/schedules/{id}` */
export const getSchedule: Operation = async (call, { store, quirks }) =>
  json(shown(await findSchedule(call, store), await embeddedSandbox(call.sandbox, store), quirks));

/** `PATCH /config/schedules/{id}`. It takes effect immediately; the platform takes up to half an hour. */
export const updateSchedule: Operation = async (call, { store, clock, scheduler }): Promise<Reply> => {
  await store.transaction(async (records) => {
    const schedule = await findSchedule(call, records);
    const now = clock.now();
    const changed = { ...schedule, ...parseSchedulePatch(call.body, now), updated: now.getTime() };
    await records.schedules.update({ ...changed, nextRun: nextRunOf(changed, now) });
  });
  scheduler.notify();
  return { kind: 'empty', status: 204 };
};

/** `POST /config/schedules/{id}`: the update form shown in a tutorial, under a heading with PATCH. */
export const postSchedule: Operation = (call, platform) => {
  if (!platform.quirks.postUpdatesSchedule) {
    throw requestErrors.methodNotAllowed('ups', call.method, ['GET', 'PATCH', 'DELETE']);
  }
  return updateSchedule(call, platform);
};

/** `DELETE /config/schedules/{id}` */
export const deleteSchedule: Operation = async (call, { store, scheduler }): Promise<Reply> => {
  await store.transaction(async (records) => {
    const { sandbox, id } = await findSchedule(call, records);
    await records.schedules.delete(sandbox, id);
  });
  scheduler.notify();
  return { kind: 'empty', status: 204 };
};

async function findSchedule(
  { parameters, sandbox }: Call,
  { schedules }: Pick<PlatformRecords, 'schedules'>,
): Promise<Schedule> {
  const id = parameters['scheduleId'] ?? '';
  const schedule = await schedules.find(sandbox, id);
  if (schedule === null) throw new PlatformError(404, upsCodes.unknownSchedule, `Schedule ${id} does not exist.`);
  return schedule;
}

async function hasSchedule(
  { schedules }: Pick<PlatformRecords, 'schedules'>,
  sandbox: string,
  { oneSchedulePer }: Pick<EmulatorQuirks, 'oneSchedulePer'>,
): Promise<boolean> {
  switch (oneSchedulePer) {
    case 'sandbox':
      return (await schedules.countOwn(sandbox)) > 0;
    case 'organization':
      return (await schedules.countOwn(null)) > 0;
    case 'nothing':
      return false;
  }
}

function shown(
  { id, name, state, type, schedule, properties, created, updated }: Schedule,
  sandbox: JsonObject,
  { recordFields }: Pick<EmulatorQuirks, 'recordFields'>,
) {
  return {
    id,
    imsOrgId: credential.organization,
    sandbox,
    name,
    state,
    type,
    schedule,
    // Schedules run at most once a day.
    frequency: recordFields === 'observed' ? 'daily' : undefined,
    properties,
    createEpoch: Math.floor(created / 1_000),
    updateEpoch: Math.floor(updated / 1_000),
  };
}
