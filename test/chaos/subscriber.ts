import { isDeepStrictEqual } from 'node:util';
import { systemClock } from '../../src/runtime/clock.ts';
import {
  FollowSegmentJobsDocument,
  type FollowSegmentJobsSubscription,
  WatchExportJobsDocument,
  type WatchExportJobsSubscription,
  WatchSchedulesDocument,
  type WatchSchedulesSubscription,
} from '../e2e/operations.generated.ts';
import type { CallbackRouter } from '../support/callback-router.ts';
import { type EventStream, StreamFailure } from '../support/event-stream.ts';
import type { Gateway } from '../support/gateway.ts';
import {
  everything,
  type HistoryScope,
  type SeenEvent,
  type SessionEnd,
  type WatchHistory,
  type WatchSession,
} from '../support/history/watch-history.ts';
import type { Journal } from './journal.ts';
import type { Replicas } from './replicas.ts';
import type { SubscriberPlan } from './scenario.ts';
import { scheduleState } from './writers.ts';

export interface SubscriberContext {
  readonly gateways: Replicas;
  readonly callbackRouter: CallbackRouter;
  readonly journal: Journal;
  /** Name for messages, such as `subscriber 3`. */
  readonly name: string;
}

/** Pause before a client subscribes again after an error, in milliseconds. */
const comeBackMs = 50;

/** Statuses that filters select. A subscriber with ids filters for final statuses only. */
const watchedStatuses = {
  exportJobs: { statuses: ['PROCESSING', 'SUCCEEDED'], 'ids and statuses': ['SUCCEEDED', 'FAILED', 'CANCELLED'] },
  segmentJobs: { statuses: ['QUEUED', 'CANCELLED'], 'ids and statuses': ['SUCCEEDED', 'FAILED', 'CANCELLED'] },
} as const;
/** Number of entities that a subscriber with ids follows. */
const followed = 3;

type SeenDestination = NonNullable<NonNullable<WatchExportJobsSubscription['exportJobChanged']['job']>['destination']>;

/** Events of one subscription, in the form of histories. */
interface SeenStream extends AsyncDisposable {
  take(): Promise<SeenEvent | null>;
}

/** A session under construction. */
type OpenSession = Omit<WatchSession, 'events' | 'end' | 'endedAt' | 'reason'> & {
  readonly events: SeenEvent[];
  end: SessionEnd;
  endedAt: Date | null;
  reason?: string;
};

/** A client that follows one subscription over successive connections. */
export class Subscriber {
  readonly plan: SubscriberPlan;
  readonly #context: SubscriberContext;
  readonly #sessions: OpenSession[] = [];
  #scope: HistoryScope = everything;
  #visit: { readonly stream: SeenStream; cut: boolean } | null = null;
  #refusal: StreamFailure | null = null;
  #stopped = false;

  constructor(plan: SubscriberPlan, context: SubscriberContext) {
    this.plan = plan;
    this.#context = context;
  }

  get history(): WatchHistory {
    const { watched, scope, transport, withBatches } = this.plan;
    const name = `${this.#context.name}: ${watched}${withBatches ? ' with batches' : ''}, ${scope}, ${transport}`;
    return { name, scope: this.#scope, sessions: this.#sessions };
  }

  /**
   * Subscribes, leaves and subscribes again as planned, until its stream completes, is rejected permanently, or `stop`
   * is called.
   */
  async run(): Promise<void> {
    this.#scope = await this.#chooseScope();
    if (this.#scope.ids?.size === 0) return;
    for (let visits = 0; !this.#stopped; visits += 1) {
      const end = await this.#subscribe(this.plan.leavesAfter[visits] ?? null);
      switch (end) {
        case 'completed':
        case 'broken':
          return;
        case 'refused':
          if (this.#isOver()) return;
          await systemClock.sleep(comeBackMs);
          break;
        case 'open':
        case 'left':
          break;
      }
    }
  }

  /** Cuts the connection in the middle of its work; `run` then opens another one. */
  async cut(): Promise<void> {
    if (this.#visit === null) return;
    this.#visit.cut = true;
    await this.#visit.stream[Symbol.asyncDispose]();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.cut();
  }

  async #subscribe(leavesAfter: number | null): Promise<SessionEnd> {
    const { journal } = this.#context;
    const after = this.plan.resumes ? this.#lastCursor() : null;
    const session: OpenSession = { after, openedAt: systemClock.now(), events: [], end: 'open', endedAt: null };
    this.#sessions.push(session);
    journal.begin();
    const gateway = this.#context.gateways.pick(this.plan.pick);
    await using stream = this.#open(gateway, after);
    const visit = { stream, cut: this.#stopped };
    this.#visit = visit;
    try {
      while (session.end === 'open') {
        const event = await stream.take();
        if (event !== null && !this.#isRepeated(event, session)) session.events.push(event);
        if (visit.cut) session.end = 'left';
        else if (event === null) session.end = 'completed';
        else if (session.events.length === leavesAfter) session.end = 'left';
      }
    } catch (error) {
      if (!(error instanceof StreamFailure)) throw error;
      journal.refused(this.history.name, error.errors);
      this.#refusal = error;
      const isSentAway = error.errors.length === 0 && this.#context.gateways.isLeaving(gateway);
      if (visit.cut || isSentAway) session.end = 'left';
      else session.end = error.errors.length > 0 ? 'refused' : 'broken';
      session.reason = error.message;
    }
    session.endedAt = systemClock.now();
    this.#visit = null;
    return session.end;
  }

  /** Whether an event repeats the last one. A callback whose response was lost is sent again verbatim. */
  #isRepeated(event: SeenEvent, { events }: OpenSession): boolean {
    return this.plan.transport === 'callback' && isDeepStrictEqual(event, events.at(-1));
  }

  /** Whether the requested entity does not exist. Any other error may be temporary. */
  #isOver(): boolean {
    return this.#refusal?.errors.some(({ extensions }) => extensions?.['code'] === 'NOT_FOUND') ?? false;
  }

  #lastCursor(): string | null {
    return this.#sessions.flatMap(({ events }) => events).at(-1)?.cursor ?? null;
  }

  async #chooseScope(): Promise<HistoryScope> {
    const { watched, scope } = this.plan;
    const ids = scope === 'ids' || scope === 'ids and statuses' ? await this.#chooseIds() : null;
    const isFiltered = scope === 'statuses' || scope === 'ids and statuses';
    if (!isFiltered || watched === 'schedules') return { ids, statuses: null };
    return { ids, statuses: new Set(watchedStatuses[watched][scope]) };
  }

  /** Waits until there is something to follow, or until nothing more will be created. */
  async #chooseIds(): Promise<ReadonlySet<string>> {
    const { watched, pick } = this.plan;
    const { journal } = this.#context;
    await journal.until(() => journal.created(watched).length >= followed);
    const ids = journal.created(watched);
    const first = pick % Math.max(1, ids.length);
    return new Set([...ids, ...ids].slice(first, first + followed));
  }

  #open(gateway: Gateway, after: string | null): SeenStream {
    const { watched, transport, scope, withBatches } = this.plan;
    const named = this.#scope.ids;
    const ids = named === null ? null : [...named];
    const isFiltered = scope === 'statuses' || scope === 'ids and statuses';
    const options = { transport, callbackRouter: this.#context.callbackRouter };
    switch (watched) {
      case 'exportJobs': {
        const filter = isFiltered ? { statuses: [...watchedStatuses.exportJobs[scope]] } : null;
        const variables = { ids, filter, after, withBatches };
        return seen(gateway.subscribe(WatchExportJobsDocument, variables, options), seenExportJob);
      }
      case 'segmentJobs': {
        const filter = isFiltered ? { statuses: [...watchedStatuses.segmentJobs[scope]] } : null;
        return seen(gateway.subscribe(FollowSegmentJobsDocument, { ids, filter, after }, options), seenSegmentJob);
      }
      case 'schedules':
        return seen(gateway.subscribe(WatchSchedulesDocument, { ids, after }, options), seenSchedule);
    }
  }
}

const seen = <Data>(stream: EventStream<Data>, toSeen: (data: Data) => SeenEvent): SeenStream => ({
  take: async () => {
    const data = await stream.take();
    return data === null ? null : toSeen(data);
  },
  [Symbol.asyncDispose]: () => stream[Symbol.asyncDispose](),
});

/** The event in the form of histories. */
export function seenExportJob({ exportJobChanged: { job, ...event } }: WatchExportJobsSubscription): SeenEvent {
  const entity = job && {
    id: job.id,
    status: job.status,
    state: jobState(job.status, job.metrics?.totalExportedProfiles),
    hasEnded: job.isTerminal,
    ...(job.destination && { batches: batchesOf(job.destination) }),
  };
  return { ...event, entity };
}

const batchesOf = ({ batches }: SeenDestination) =>
  new Map(batches.map(({ batchId, batch }) => [batchId, batch?.status ?? null]));

function seenSegmentJob({ segmentJobChanged: { job, ...event } }: FollowSegmentJobsSubscription): SeenEvent {
  const entity = job && {
    id: job.id,
    status: job.status,
    state: jobState(job.status, job.metrics?.totalProfiles),
    hasEnded: job.isTerminal,
  };
  return { ...event, entity };
}

function seenSchedule({ scheduleChanged: { schedule, ...event } }: WatchSchedulesSubscription): SeenEvent {
  const entity = schedule && {
    id: schedule.id,
    status: null,
    state: scheduleState(schedule.state, schedule.schedule),
  };
  return { ...event, previousStatus: null, entity };
}

/** State of a job, as compared between histories and the truth. */
export const jobState = (status: string, profiles: number | null | undefined): string =>
  `${status} with ${profiles ?? 'no'} profiles`;
