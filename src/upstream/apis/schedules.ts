import type { ScheduleId } from '../../domain/ids.ts';
import type { NewSchedule, Schedule, ScheduleChange } from '../../domain/schedule.ts';
import { fitOfSchedule } from '../creates/matches-create.ts';
import { createWithRecovery } from '../creates/with-recovery.ts';
import type { BoundClient } from '../http/call.ts';
import { unreadableResponse } from '../http/errors.ts';
import { decodeChildren, nextStart } from '../wire/children.ts';
import { decodeSchedule, encodeNewSchedule, encodeScheduleChange } from '../wire/schedule.ts';
import { decodeContextOf, type PlatformClient } from './client.ts';
import { createOne, deleteOne, getOne, patchOne, type WritableCollection } from './collection.ts';
import { type NamedPart, rejectedPart, rejectedSegments } from './rejected-input.ts';

export interface SchedulesApi {
  /**
   * All schedules of the sandbox, in the platform's order. One upstream call per 100 schedules; usually there is one
   * schedule.
   */
  list(): Promise<readonly Schedule[]>;
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

/**
 * Schedules. A list omits and counts schedules without an id; a single schedule without it is an
 * UpstreamUnreadableError.
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

  const list = async (client: BoundClient): Promise<readonly Schedule[]> => {
    const byId = new Map<string, Schedule>();
    let start = 0;
    let pagesWithoutNew = 0;
    for (let pages = 1; ; pages += 1) {
      const query = new URLSearchParams({ start: String(start), limit: String(pageSize) });
      const request = { service, method: 'GET', path: `${root}?${query}`, effect: 'read' } as const;
      const response = await client.call(request);
      const page = decodeChildren(response.json, (value) => schedules.decode(value, response.reading));
      if (page === null) throw unreadableResponse(request, response, 'It contains no list of schedules.');
      const before = byId.size;
      for (const schedule of page.entities) byId.set(schedule.id, schedule);
      const next = nextStart(page, start, pageSize);
      pagesWithoutNew = byId.size === before ? pagesWithoutNew + 1 : 0;
      if (next === null || pagesWithoutNew === maxPagesWithoutNew) return [...byId.values()];
      if (pages === maxPages) throw unreadableResponse(request, response, `It has more than ${maxPages} pages.`);
      start = next;
    }
  };

  return {
    list: () => list(client),
    get: (id) => getOne(client, schedules, id),
    create: (schedule) => {
      const body = encodeNewSchedule(schedule);
      return createWithRecovery(client, {
        service,
        entity: schedules.entity,
        group: schedule.name,
        body,
        send: (sender) => createOne(sender, schedules, body, rejectedSegments(schedule.segmentIds, partsOf(schedule))),
        newest: async (lookups) => ({ entities: await list(lookups), isAll: true }),
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
