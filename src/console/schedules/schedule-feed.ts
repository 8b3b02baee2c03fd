import type { Client } from 'urql';
import type { Clock } from '../app/clock.ts';
import { createFeed, type Feed } from '../live/feed.ts';
import { ScheduleChangesDocument, type ScheduleRowFragment } from '../operations.generated.ts';

/** A schedule with the time at which the gateway read it. */
export type ScheduleRow = ScheduleRowFragment & { readonly observedAt: string };

/** Older than every event. */
export const unknownTime = new Date(0).toISOString();

export const createScheduleFeed = (client: Client, clock: Pick<Clock, 'after'>): Feed<ScheduleRow> =>
  createFeed(clock, (take) => {
    const { unsubscribe } = client.subscription(ScheduleChangesDocument, {}).subscribe(({ data, error }) => {
      const changed = data?.scheduleChanged;
      if (changed === undefined) return take({ event: null, error });
      const { kind, observedAt, schedule } = changed;
      take({ event: { kind, observedAt, row: schedule === null ? null : { ...schedule, observedAt } }, error });
    });
    return unsubscribe;
  });
