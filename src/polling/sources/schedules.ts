import { platformId, type ScheduleId } from '../../domain/ids.ts';
import type { Schedule } from '../../domain/schedule.ts';
import type { GatewayError } from '../../errors.ts';
import type { SchedulesApi } from '../../upstream/apis/schedules.ts';
import type { ProvenReader } from '../feed-registry.ts';
import { watchKind } from '../watch-kind.ts';
import type { FeedSource, RoundCalls } from './source.ts';

/** Access to the platform for the feed of schedules, with one subscriber's credential. */
export interface ScheduleReader extends ProvenReader {
  schedules(calls: RoundCalls): Pick<SchedulesApi, 'listWith'>;
}

/** Marks that there was a round. Nothing else has to be remembered, because each round reads every schedule. */
type ScheduleMemory = 'read';

/**
 * Source of schedules. The list is complete, so a schedule that it does not show is absent. If a row of it cannot be
 * used, such a schedule is read alone.
 */
export const scheduleSource: FeedSource<Schedule, ScheduleReader, ScheduleMemory> = {
  kind: 'schedules',
  service: 'segmentation',
  key: ({ id }) => id,
  isTerminal: () => false,
  mayFollow: () => true,
  updatedAt: ({ updatedAt }) => updatedAt,
  endedAt: () => null,
  hasAppeared: (_, checkpoint) => checkpoint !== null,
  lasting: (checkpoint) => checkpoint,
  newestFirst: (a, b) => (b.createdAt?.getTime() ?? 0) - (a.createdAt?.getTime() ?? 0),

  async read(reader, request) {
    const { known, unread, allowance } = request;
    const ids = [...known.keys(), ...unread].map((id) => platformId<ScheduleId>(id));
    const { found, failed, calls } = await reader.schedules(request).listWith(ids, { maxReads: allowance });
    const errors = new Map<string, GatewayError>(failed.map(({ id, error }) => [id, error]));
    const present = new Set<string>(found.map(({ id }) => id));
    return {
      read: found.toSorted((a, b) => (a.createdAt?.getTime() ?? 0) - (b.createdAt?.getTime() ?? 0)),
      absent: ids.filter((id) => !present.has(id) && !errors.has(id)),
      failed: errors,
      evicted: [],
      unfollowed: [],
      incomplete: failed.at(-1)?.error ?? null,
      truncated: false,
      spansPages: false,
      calls: { lists: calls },
      checkpoint: 'read',
    };
  },
};

export const schedules = watchKind({
  source: scheduleSource,
  reader: (connect, proof) => ({ proof, schedules: (calls) => connect(calls).schedules }),
  proof: {
    list: (api) => api.schedules.list(),
    get: (api, id) => api.schedules.get(platformId(id)),
  },
});
