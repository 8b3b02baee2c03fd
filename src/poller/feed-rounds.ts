import type { Tenant } from '../domain/tenant.ts';
import { LogFencedError } from '../events/event-log.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { FeedPoller, RoundOutcome } from './feed-poller.ts';
import type { Observed } from './feed-source.ts';
import type { FeedWaiters } from './feed-waiters.ts';
import { Pace, type PaceOptions } from './pace.ts';
import type { Lease, PollMessage, PollSeat } from './poll-coordinator.ts';
import { describeFailure } from './poll-failure.ts';
import type { PollMetrics } from './poll-metrics.ts';
import { isRefusal } from './refusal.ts';

export interface FeedRoundsOptions<Entity extends Observed, Reader, Memory> extends PaceOptions {
  /** For logs and metrics. */
  readonly kind: string;
  readonly tenant: Tenant;
  readonly poller: FeedPoller<Entity, Reader, Memory>;
  readonly waiters: FeedWaiters<Reader>;
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Pick<Logger, 'debug' | 'warn'>;
  readonly metrics: PollMetrics;
  /** Tells the other replicas; does not fail. */
  readonly tell: (message: PollMessage) => void;
}

/** What is to become of the lease after a round. */
export type RoundConclusion =
  | { readonly kind: 'go on' }
  | { readonly kind: 'lost' }
  /** The platform refuses the subscribers here; those of another replica may do better. */
  | { readonly kind: 'refused'; readonly pauseMs: number };

/** Failed rounds in a row after which subscribers are told that what they see may be out of date. */
const failuresUntilStale = 2;

type Outcome<Entity, Memory, Kind> = Extract<RoundOutcome<Entity, Memory>, { kind: Kind }>;

/** When this replica makes rounds while it polls, and what follows from them. */
export class FeedRounds<Entity extends Observed, Reader, Memory> {
  readonly #options: FeedRoundsOptions<Entity, Reader, Memory>;
  readonly #pace: Pace;
  /** A subscriber of another replica cannot begin without a round. */
  #awaitedElsewhere = false;
  #made = 0;
  #lastAt: Date | null = null;

  constructor(options: FeedRoundsOptions<Entity, Reader, Memory>) {
    this.#options = options;
    this.#pace = new Pace(options);
  }

  /** Good ones so far. */
  get made(): number {
    return this.#made;
  }

  /** When the last good one ended. */
  get lastAt(): Date | null {
    return this.#lastAt;
  }

  /** In milliseconds; 0 or less: at once. */
  get dueInMs(): number {
    return this.#pace.dueMs(this.#options.waiters.size > 0 || this.#awaitedElsewhere) - this.#nowMs();
  }

  /** The feed begins, or begins again. */
  start(): void {
    this.#pace.start();
  }

  /** This replica begins to poll: the first round is due at once. */
  takeOver(): void {
    this.#pace.takeOver();
  }

  /** Look at once, and often for a while. */
  nudge(): void {
    this.#pace.nudge(this.#nowMs());
  }

  /** One more round soon, for a subscriber of another replica. */
  await(): void {
    this.#awaitedElsewhere = true;
  }

  /** One round, and what its end means for all who wait for it or watch. */
  async make(lease: Lease, seat: PollSeat): Promise<RoundConclusion> {
    const { poller, metrics, kind } = this.#options;
    this.#pace.begin();
    this.#awaitedElsewhere = false;
    const outcome = await poller.round(lease, seat);
    metrics.roundEnded({ kind, outcome: outcome.kind });
    switch (outcome.kind) {
      case 'good':
        this.#succeeded(outcome);
        return { kind: 'go on' };
      case 'interrupted':
        this.#pace.interrupted(this.#nowMs());
        return { kind: 'go on' };
      case 'lost':
        return outcome;
      case 'failed':
        return this.#failed(outcome, lease);
    }
  }

  #succeeded({ result, told, discover, running }: Outcome<Entity, Memory, 'good'>): void {
    const { clock, logger, metrics, kind } = this.#options;
    this.#made += 1;
    this.#lastAt = clock.now();
    metrics.told({ kind, events: told });
    const changes = told.filter((event) => event !== 'RECOVERED').length;
    const limited = result.incomplete?.code === 'RATE_LIMITED';
    const retryAfterMs = result.incomplete?.retryAfterMs ?? null;
    const next = this.#pace.succeeded({ changed: changes > 0, running, limited, retryAfterMs }, this.#nowMs());
    const summary = { ...this.#where(), ...result.calls, discover, changes, running, ...next };
    logger.debug({ ...summary, incomplete: result.incomplete?.code }, 'poll round');
    if (result.cutShort) logger.warn(summary, 'more came into being since the last round than one round reads');
  }

  async #failed(
    { error, watchedElsewhere }: Outcome<Entity, Memory, 'failed'>,
    lease: Lease,
  ): Promise<RoundConclusion> {
    const { logger, waiters, tell } = this.#options;
    const failure = describeFailure(error);
    const limited = failure?.code === 'RATE_LIMITED';
    const next = this.#pace.failed({ limited, retryAfterMs: failure?.retryAfterMs ?? null }, this.#nowMs());
    const { failures } = this.#pace;
    const refused = watchedElsewhere && isRefusal(error);
    // The platform's failures are expected and told to subscribers; anything else is a defect here.
    if (failure === null) logger.warn({ ...this.#where(), failures, err: error, ...next }, 'poll round failed');
    else logger.debug({ ...this.#where(), failures, code: failure.code, ...next }, 'poll round failed');
    // The first time that all are refused here, nobody is turned away: another replica's subscribers may do better.
    if (!refused || failures >= failuresUntilStale) {
      waiters.reject(error);
      if (failure !== null) tell({ kind: 'failed', failure });
    }
    if (failures >= failuresUntilStale && (await this.#tellStale(lease)) === 'lost') return { kind: 'lost' };
    return refused ? { kind: 'refused', pauseMs: next.nextInMs } : { kind: 'go on' };
  }

  async #tellStale(lease: Lease): Promise<'written' | 'lost'> {
    const { poller, logger, metrics, kind } = this.#options;
    try {
      if (await poller.stale(lease)) metrics.told({ kind, events: ['STALE'] });
    } catch (err) {
      if (err instanceof LogFencedError) return 'lost';
      logger.warn({ ...this.#where(), err }, 'event log not written');
    }
    return 'written';
  }

  #where(): { readonly kind: string } & Tenant {
    return { kind: this.#options.kind, ...this.#options.tenant };
  }

  #nowMs(): number {
    return this.#options.clock.now().getTime();
  }
}
