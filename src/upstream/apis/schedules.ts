import type { ScheduleId } from '../../domain/ids.ts';
import type { NewSchedule, Schedule, ScheduleChange } from '../../domain/schedule.ts';
import { UpstreamUnreadableError } from '../../errors.ts';
import { fitOfSchedule } from '../creates/matches-create.ts';
import { createWithRecovery } from '../creates/with-recovery.ts';
import type { BoundClient } from '../http/call.ts';
import { unreadableResponse } from '../http/errors.ts';
import { decodeChildren, nextStart } from '../wire/children.ts';
import { decodeSchedule, encodeNewSchedule, encodeScheduleChange } from '../wire/schedule.ts';
import { type BulkResult, readInBulk } from './bulk-read.ts';
import { decodeContextOf, type PlatformClient } from './client.ts';
import { createOne, deleteOne, getOne, patchOne, type WritableCollection } from './collection.ts';
import { throwOnlyErrors } from './list-rows.ts';
import { type NamedPart, rejectedPart, rejectedSegments } from './rejected-input.ts';

export interface SchedulesApi {
  /**
   * All schedules of the sandbox, in the platform's order. One upstream call per 100 schedules; usually there is one
   * schedule.
   */
  list(): Promise<readonly Schedule[]>;
  /**
   * All schedules of the sandbox, read like a list. If rows of the list cannot be used, each of these ids that the list
   * does not show is read by one more call, because its schedule may be such a row.
   * @param maxReads maximum number of these calls. The other ids fail. @default no maximum
   */
  listWith(
    ids: readonly ScheduleId[],
    options?: { readonly maxReads?: number },
  ): Promise<BulkResult<ScheduleId, Schedule>>;
  /** One upstream call. */
  get(id: ScheduleId): Promise<Schedule | null>;
  /** One upstream call, which is sent once. If its outcome is unknown, the list is read to look for the schedule. */
  create(schedule: NewSchedule): Promise<Schedule>;
  /** One upstream call. False if the platform does not have the schedule. */
  update(id: ScheduleId, change: ScheduleChange): Promise<boolean>;
  /** One upstream call. False if the platform does not have the schedule. */
  delete(id: ScheduleId): Promise<boolean>;
}

const root = '/data/core/ups/config/schedules';
const service = 'schedules';

/** Page size. It is the platform's default. */
const pageSize = 100;
/** Maximum number of pages: 10,000 schedules, although an organization has one or a few. */
const maxPages = 100;
/**
 * Number of consecutive pages without a new schedule that end the list, because the platform then ignores the start. A
 * single such page can also result from schedules that were added in the meantime.
 */
const maxPagesWithoutNew = 2;

/** All pages of the list. */
interface ScheduleList {
  readonly entities: readonly Schedule[];
  /** Number of rows that are omitted, because they cannot be used. */
  readonly unusable: number;
  readonly pages: number;
}

/**
 * Schedules. A list omits and counts unusable ones, which have no id or are errors; a single schedule without an id is
 * an UpstreamUnreadableError.
 */
export function createSchedulesApi(client: PlatformClient): SchedulesApi {
  const context = decodeContextOf(client.metrics, 'Schedule');
  const schedules: WritableCollection<Schedule> = {
    service,
    entity: 'Schedule',
    root,
    invalidEntityMessage: 'It is not a schedule: its id is missing.',
    decode: (value, reading) => decodeSchedule(value, context, reading),
  };

  const list = async (client: BoundClient): Promise<ScheduleList> => {
    const byId = new Map<string, Schedule>();
    let unusable = 0;
    let start = 0;
    let pagesWithoutNew = 0;
    for (let pages = 1; ; pages += 1) {
      const query = new URLSearchParams({ start: String(start), limit: String(pageSize) });
      const request = { service, method: 'GET', path: `${root}?${query}`, effect: 'read' } as const;
      const response = await client.call(request);
      const page = decodeChildren(response.json, (value) => schedules.decode(value, response.reading));
      if (page === null) throw unreadableResponse(request, response, 'It contains no list of schedules.');
      throwOnlyErrors(request, response, page, { isFirst: start === 0, limit: pageSize });
      unusable += page.unusable;
      const before = byId.size;
      for (const schedule of page.entities) byId.set(schedule.id, schedule);
      const next = nextStart(page, start, pageSize);
      pagesWithoutNew = byId.size === before ? pagesWithoutNew + 1 : 0;
      if (next === null || pagesWithoutNew === maxPagesWithoutNew)
        return { entities: [...byId.values()], unusable, pages };
      if (pages === maxPages) throw unreadableResponse(request, response, `It has more than ${maxPages} pages.`);
      start = next;
    }
  };

  return {
    list: async () => (await list(client)).entities,
    listWith: async (ids, { maxReads = Number.POSITIVE_INFINITY } = {}) => {
      const { entities, unusable, pages } = await list(client);
      const listed = new Set(entities.map(({ id }) => id));
      const hidden = unusable === 0 ? [] : [...new Set(ids)].filter((id) => !listed.has(id));
      const collector = await readInBulk<ScheduleId, Schedule>(
        hidden.slice(0, maxReads).map((id) => [id]),
        async ([id], { found }) => {
          const schedule = id === undefined ? null : await getOne(client, schedules, id);
          if (schedule !== null) found.push(schedule);
        },
      );
      const message = 'A row of the list of schedules cannot be read. It may be this schedule.';
      const unread = hidden
        .slice(maxReads)
        .map((id) => ({ id, error: new UpstreamUnreadableError({ message }), ofCall: true }));
      return {
        found: [...entities, ...collector.found],
        failed: [...collector.failed, ...unread],
        calls: pages + collector.calls,
      };
    },
    get: (id) => getOne(client, schedules, id),
    create: (schedule) => {
      const body = encodeNewSchedule(schedule);
      return createWithRecovery(client, {
        service,
        entity: schedules.entity,
        group: schedule.name,
        body,
        send: (sender) => createOne(sender, schedules, body, rejectedSegments(schedule.segmentIds, partsOf(schedule))),
        newest: async (lookups) => ({ ...(await list(lookups)), isAll: true }),
        fitOf: (candidate: Schedule) => fitOfSchedule(schedule, candidate),
      });
    },
    update: (id, change) =>
      patchOne(client, schedules, { id, patch: encodeScheduleChange(change), input: rejectedPart(partsOf(change)) }),
    delete: (id) => deleteOne(client, schedules, { id, action: 'delete' }),
  };
}

const partsOf = ({ name = '', schedule = '' }: ScheduleChange & { readonly name?: string }): readonly NamedPart[] => [
  { path: 'input.schedule', values: [schedule], properties: ['schedule'] },
  { path: 'input.name', values: [name], properties: ['name'] },
  { path: 'input.state', properties: ['state'] },
  { path: 'input.type', properties: ['type'] },
];
