import type { Schedule } from '../domain/schedule.ts';
import type { SchedulesApi } from '../upstream/segmentation-api.ts';
import type { FeedSource } from './feed-source.ts';
import type { ProvenReader } from './watch-registry.ts';

/** What the feed of schedules reads the platform through: one subscriber's credential. */
export interface ScheduleReader extends ProvenReader {
  /** Calls are given up when the signal aborts. */
  schedules(signal: AbortSignal): Pick<SchedulesApi, 'list'>;
}

/** Each round reads every schedule, so that nothing has to be remembered but that there was a round. */
type ScheduleMemory = 'read';

/** Schedules. The list is complete: a schedule that it does not show is absent. */
export const scheduleSource: FeedSource<Schedule, ScheduleReader, ScheduleMemory> = {
  kind: 'schedules',
  service: 'segmentation',
  key: ({ id }) => id,
  isTerminal: () => false,
  mayFollow: () => true,
  endedAt: () => null,
  hasAppeared: (_, memory) => memory !== null,
  lasting: (memory) => memory,
  newestFirst: (a, b) => (b.createdAt?.getTime() ?? 0) - (a.createdAt?.getTime() ?? 0),

  async read(reader, { known, unread, signal }) {
    const schedules = await reader.schedules(signal).list();
    const listed = new Set<string>(schedules.map(({ id }) => id));
    return {
      read: schedules.toSorted((a, b) => (a.createdAt?.getTime() ?? 0) - (b.createdAt?.getTime() ?? 0)),
      absent: [...known.keys(), ...unread].filter((id) => !listed.has(id)),
      failed: new Map(),
      forgotten: [],
      unfollowed: [],
      incomplete: null,
      truncated: false,
      calls: { lists: 1 },
      memory: 'read',
    };
  },
};
