import type { CombinedError } from 'urql';
import type { Clock } from '../app/clock.ts';
import { type Failure, failureOf } from '../app/failure.ts';
import { ValueStore } from '../app/value-store.ts';
import { Batches } from './batches.ts';
import { type LiveEvent, LiveList, type LiveRow } from './live-list.ts';

export interface FeedResult<Row> {
  /** Null if the subscription has failed. */
  readonly event: LiveEvent<Row> | null;
  readonly error: CombinedError | undefined;
}

export interface Feed<Row extends LiveRow> {
  readonly list: LiveList<Row>;
  /** Why the live view has ended; null while it runs. */
  readonly failure: ValueStore<Failure | null>;
  /** Starts the live view, unless it runs. It runs until `close`, so that pages find the list when they return. */
  start(): void;
  close(): void;
}

/** @param subscribe starts the subscription, and returns its end */
export function createFeed<Row extends LiveRow>(
  clock: Pick<Clock, 'after'>,
  subscribe: (take: (result: FeedResult<Row>) => void) => () => void,
): Feed<Row> {
  const list = new LiveList<Row>();
  const failure = new ValueStore<Failure | null>(null);
  const batches = new Batches<LiveEvent<Row>>(clock, (events) => list.apply(events));
  let end: (() => void) | null = null;
  return {
    list,
    failure,
    start: () => {
      if (end !== null && failure.get() === null) return;
      end?.();
      failure.set(null);
      end = subscribe(({ event, error }) => {
        // An error next to an event concerns a part of it, such as a dataset that cannot be read.
        if (event !== null) batches.add(event);
        else if (error !== undefined) failure.set(failureOf(error));
      });
    },
    close: () => {
      end?.();
      batches.close();
    },
  };
}
