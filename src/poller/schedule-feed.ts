import { platformId, type ScheduleId } from '../domain/ids.ts';
import type { Schedule } from '../domain/schedule.ts';
import type { SchedulesApi } from '../upstream/segmentation-api.ts';
import type { FeedSource } from './feed-source.ts';
import type { ProvenReader } from './watch-registry.ts';

/** What the feed of schedules reads the platform through: one subscriber's credential. */
export interface ScheduleReader extends ProvenReader {
  /** Calls are given up when the signal aborts. */
  schedules(signal: AbortSignal): Pick<SchedulesApi, 'list' | 'get'>;
}

/** Nothing but that there has been a round: each one reads every schedule. */
type ScheduleMemory = 'read';

/** Schedules: the list. It holds them all, so what is missing from it is gone. */
export const scheduleSource: FeedSource<Schedule, ScheduleReader, ScheduleMemory> = {
  kind: 'schedules',
  key: ({ id }) => id,
  isTerminal: () => false,
  hasAppeared: (_, memory) => memory !== null,
  newestFirst: (a, b) => (b.createdAt?.getTime() ?? 0) - (a.createdAt?.getTime() ?? 0),
  find: (reader, id, signal) => reader.schedules(signal).get(platformId<ScheduleId>(id)),

  async read(reader, { known, signal }) {
    const schedules = await reader.schedules(signal).list();
    const listed = new Set<string>(schedules.map(({ id }) => id));
    return {
      read: schedules.toSorted((a, b) => (a.createdAt?.getTime() ?? 0) - (b.createdAt?.getTime() ?? 0)),
      gone: [...known.keys()].filter((id) => !listed.has(id)),
      forgotten: [],
      incomplete: null,
      cutShort: false,
      calls: { lists: 1 },
      memory: 'read',
    };
  },
};
