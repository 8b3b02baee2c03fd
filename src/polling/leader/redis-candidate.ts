import { EventEmitter, once } from 'node:events';
import { UpstreamUnreachableError } from '../../errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import { eventOrTime } from '../../runtime/event-or-time.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Redis, RedisSubscriber } from '../../runtime/redis.ts';
import type { RedisHeartbeat } from '../../runtime/redis-heartbeat.ts';
import type { WatchScope } from '../scope.ts';
import type { LeaderElection, Lease, PollListener, PollMessage } from './election.ts';
import { CandidateLease } from './redis-candidate-lease.ts';
import type { FeedChannel, PollSteps } from './redis-commands.ts';
import { decodeEnvelope, decodeScopes, encodeMessage, type PollEnvelope } from './redis-messages.ts';
import { OtherCandidates } from './redis-other-candidates.ts';
import { ScopePublisher } from './redis-scope.ts';
import { acquireReply, lookReply } from './redis-scripts.ts';
import type { LiveReplicas } from './replicas.ts';

export interface RedisLeaderElectionOptions {
  readonly redis: Pick<Redis, 'subscribe'>;
  readonly heartbeat: Pick<RedisHeartbeat, 'replicaId' | 'replicas' | 'keepAlive'>;
  readonly live: LiveReplicas;
  readonly steps: PollSteps;
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  readonly logger: Pick<Logger, 'debug' | 'warn'>;
  readonly feed: FeedChannel;
  /** Distinguishes the candidates of this replica. */
  readonly number: number;
  readonly listener: PollListener;
  /** Called when a value of another replica cannot be decoded. It is skipped. */
  readonly onUndecodable: () => void;
  /** Called when the candidate is released. Resolves with whether Redis has no valid fields of the candidate left. */
  readonly onLeave: (leaving: Promise<boolean>) => void;
}

/** Time for which Redis keeps the term and the scopes of a feed that no replica follows, in milliseconds. */
const retentionMs = 600_000;
/** Pause after a failed attempt, in milliseconds. */
const retryPauseMs = 500;
/** Additional wait of each candidate per rank in a vacancy, in milliseconds. */
const rankPauseMs = 300;
/** Maximum rank that adds to the wait. */
const lastRank = 4;
/** Interval after which the state in Redis is read again, in milliseconds, so that a wrong copy does not last. */
const lookIntervalMs = 300_000;

/** Exists while no live replica holds the feed, to the knowledge of this candidate. */
interface Vacancy {
  readonly sinceMs: number;
  /** The candidate that released the feed. It comes last in the ranking. */
  readonly releasedBy: string | null;
}

/**
 * This replica as a candidate of a feed whose holder and scopes are in Redis. It keeps a copy of both, which follows
 * the messages on the feed's channel, so that an idle feed costs no calls.
 */
export class RedisLeaderElection implements LeaderElection {
  readonly #options: RedisLeaderElectionOptions;
  readonly #changes = new EventEmitter();
  readonly #subscription: Disposable;
  readonly #keeping: Disposable;
  #left = false;
  #lease: CandidateLease | null = null;
  /** Term that was last reported. */
  #term: number | null = null;

  // Copy of the state in Redis.

  #isSubscribed = false;
  /** Whether the state was read after the subscription to the channel, so that the copy misses no message. */
  #isSynchronized = false;
  #lookedAtMs = 0;
  #looking: Promise<void> | null = null;
  #holder: { readonly candidate: string; readonly term: number } | null = null;
  /** The greatest term that is known to have been granted. */
  #latestTerm = 0;
  #vacancy: Vacancy | null = null;
  readonly #others: OtherCandidates;
  /** Number of reads of the state in progress. Messages are applied after them. */
  #reading = 0;
  #deferred: PollEnvelope[] = [];

  /** Whether Redis may name this candidate as the holder. */
  #mayHold = false;
  #acquiring = false;

  readonly #scope: ScopePublisher;

  constructor(options: RedisLeaderElectionOptions) {
    this.#options = options;
    const { redis, heartbeat, feed, steps } = options;
    this.#others = new OtherCandidates(options);
    this.#scope = new ScopePublisher({ steps, feed, candidate: () => this.#id, retentionMs });
    const subscriber: RedisSubscriber = {
      onMessage: (text) => this.#receive(text),
      onSubscribed: () => {
        this.#isSubscribed = true;
        this.#lookSoon();
      },
      onLost: () => {
        this.#isSubscribed = false;
        this.#isSynchronized = false;
      },
    };
    this.#subscription = redis.subscribe(feed.channel, subscriber);
    this.#keeping = heartbeat.keepAlive([feed.meta, feed.scopes], retentionMs);
  }

  get term(): number | null {
    return this.#term;
  }

  async acquireLease(signal: AbortSignal): Promise<Lease> {
    const { logger, listener } = this.#options;
    for (;;) {
      signal.throwIfAborted();
      let waitMs = this.#waitMs();
      if (waitMs === 0) {
        waitMs = retryPauseMs;
        try {
          const outcome = await this.#acquire();
          if (outcome instanceof CandidateLease) {
            if (!signal.aborted) return outcome;
            await outcome.release();
          }
          if (outcome === 'held') continue;
        } catch (error) {
          if (!(error instanceof UpstreamUnreachableError))
            logger.warn({ err: error }, 'could not acquire the poll lease');
          if (!signal.aborted) listener.unreachable(error);
        }
      }
      await this.#changed(waitMs, signal);
    }
  }

  publishScope(scope: WatchScope | null): Promise<void> {
    return this.#scope.change(scope);
  }

  async otherScopes(): Promise<WatchScope | null> {
    if (!this.#isSynchronized) await this.#look();
    return this.#others.scope;
  }

  async send(message: PollMessage): Promise<void> {
    const { steps, feed } = this.#options;
    await steps.run(feed, ['publish', encodeMessage(this.#id, message)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#left) return;
    this.#left = true;
    this.#subscription[Symbol.dispose]();
    this.#keeping[Symbol.dispose]();
    this.#loseLease();
    const leaving = this.leave();
    this.#options.onLeave(leaving);
    await leaving;
  }

  /**
   * Removes this candidate from Redis.
   * @returns whether Redis has no valid fields of the candidate left
   */
  async leave(): Promise<boolean> {
    for (const step of await Promise.allSettled([this.#release(), this.#scope.change(null)])) {
      if (step.status === 'rejected')
        this.#options.logger.debug({ err: step.reason }, 'could not leave the leader election');
    }
    // Fields of an unregistered replica do not count.
    return this.#options.heartbeat.replicas === null || (!this.#mayHold && this.#scope.isComplete);
  }

  /** Repeats failed calls. Called after a successful heartbeat. */
  catchUp(): void {
    const { logger, clock } = this.#options;
    const note = (err: unknown) => logger.debug({ err }, 'could not repeat a call of the leader election');
    if (!this.#scope.isComplete) this.#scope.publish().catch(note);
    if (this.#mayHold && this.#lease === null && !this.#acquiring) this.#release().catch(note);
    const isDue = !this.#isSynchronized || clock.monotonicMs() - this.#lookedAtMs >= lookIntervalMs;
    if (this.#isSubscribed && isDue) this.#lookSoon();
  }

  /**
   * Resets the candidate, because the registration of this replica has lapsed or Redis has lost its data. Redis has
   * nothing of this candidate.
   */
  lapse(): void {
    this.#mayHold = false;
    this.#scope.lapse();
    this.#isSynchronized = false;
    this.#holder = null;
    this.#latestTerm = 0;
    this.#loseLease();
    this.settle();
  }

  unreachable(error: unknown): void {
    this.#options.listener.unreachable(error);
  }

  /** Reports the current term if it has changed. Call it when the copy or the set of live replicas changes. */
  settle(): void {
    const { live, clock, listener } = this.#options;
    const holder = this.#holder !== null && live.has(this.#holder.candidate) ? this.#holder : null;
    const term = this.#lease?.term ?? holder?.term ?? null;
    if (term !== null || !this.#isSynchronized) this.#vacancy = null;
    else this.#vacancy ??= { sinceMs: clock.monotonicMs(), releasedBy: null };
    if (term !== this.#term) {
      this.#term = term;
      if (term === null) listener.termChanged('none');
      else listener.termChanged(this.#lease === null ? 'elsewhere' : 'here');
    }
    this.#changes.emit('change');
  }

  get #id(): string {
    return `${this.#options.heartbeat.replicaId}/${this.#options.number}`;
  }

  /** Time after which this candidate may try to acquire the lease, in milliseconds. Infinity: it waits for a change. */
  #waitMs(): number {
    if (this.#vacancy === null || this.#left) return Infinity;
    const { sinceMs, releasedBy } = this.#vacancy;
    const pauseMs = Math.min(this.#others.rankOf(this.#id, releasedBy), lastRank) * rankPauseMs;
    return Math.max(0, sinceMs + pauseMs - this.#options.clock.monotonicMs());
  }

  async #changed(waitMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    if (waitMs !== Infinity) return eventOrTime(this.#changes, 'change', waitMs, { clock, signal });
    await once(this.#changes, 'change', { signal }).catch(() => signal.throwIfAborted());
  }

  /** @returns the lease; or `held`: another candidate has it; or `not live`: Redis does not know this replica */
  async #acquire(): Promise<CandidateLease | 'held' | 'not live'> {
    const { steps, feed } = this.#options;
    const candidate = this.#id;
    this.#mayHold = true;
    this.#acquiring = true;
    try {
      return await this.#read(
        steps.run(feed, ['acquire', candidate, `${retentionMs}`]).then((reply) => acquireReply.parse(reply)),
        ([granted, holder, term]) => {
          // A term that was granted to an earlier registration is void.
          if (candidate !== this.#id) return 'not live';
          const lease =
            granted === 1 && !this.#left ? new CandidateLease(term, (one) => this.#releaseLease(one)) : null;
          this.#lease = lease;
          this.#mayHold = granted === 1;
          this.#applyHolder(holder, term);
          if (lease !== null) return lease;
          return granted === -1 ? 'not live' : 'held';
        },
      );
    } finally {
      this.#acquiring = false;
    }
  }

  async #releaseLease(lease: CandidateLease): Promise<void> {
    if (this.#lease !== lease) return;
    this.#lease = null;
    this.#holder = null;
    this.#vacancy = { sinceMs: this.#options.clock.monotonicMs(), releasedBy: this.#id };
    this.settle();
    try {
      await this.#release();
    } catch (err) {
      this.#options.logger.debug(
        { term: lease.term, err },
        'could not release the poll lease, will retry with the heartbeat',
      );
    }
  }

  async #release(): Promise<void> {
    if (!this.#mayHold) return;
    const { steps, feed } = this.#options;
    this.#mayHold = false;
    try {
      await steps.run(feed, ['release', this.#id]);
    } catch (error) {
      this.#mayHold = true;
      throw error;
    }
  }

  #loseLease(): void {
    const lease = this.#lease;
    this.#lease = null;
    lease?.lose();
  }

  #look(): Promise<void> {
    const { steps, feed, clock, live, onUndecodable } = this.#options;
    this.#looking ??= this.#read(
      steps.run(feed, ['look', this.#id]).then((reply) => lookReply.parse(reply)),
      ([holder, term, fields]) => {
        const { scopes, undecodable } = decodeScopes(fields);
        if (undecodable > 0) onUndecodable();
        for (const candidate of scopes.keys()) live.noteLive(candidate);
        this.#others.replace(scopes);
        this.#lookedAtMs = clock.monotonicMs();
        // Messages that were published before the subscription are missing.
        this.#isSynchronized = this.#isSubscribed;
        this.#applyHolder(holder, term);
      },
    ).finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  #lookSoon(): void {
    this.#look().catch((err: unknown) => this.#options.logger.debug({ err }, 'could not read the state of a feed'));
  }

  /** Applies the holder that Redis reported. An empty string means none. */
  #applyHolder(holder: string, term: number): void {
    const { live } = this.#options;
    const isOwn = holder === this.#id;
    if (isOwn) this.#mayHold = true;
    else if (this.#lease !== null) this.#loseLease();
    this.#latestTerm = term;
    this.#holder = holder === '' || (isOwn && this.#lease === null) ? null : { candidate: holder, term };
    if (holder !== '') live.noteLive(holder);
    this.settle();
  }

  /**
   * Messages that arrive while the state is read may be older or newer than the state, so they are applied after it.
   */
  async #read<Reply, Result>(reading: Promise<Reply>, apply: (reply: Reply) => Result): Promise<Result> {
    this.#reading += 1;
    try {
      return apply(await reading);
    } finally {
      this.#reading -= 1;
      if (this.#reading === 0) for (const each of this.#deferred.splice(0)) this.#apply(each);
    }
  }

  #receive(text: string): void {
    const envelope = decodeEnvelope(text);
    if (envelope === null) {
      this.#options.onUndecodable();
      return;
    }
    const { from, message } = envelope;
    if (from === this.#id) return;
    if (from !== null) this.#options.live.noteLive(from);
    switch (message.kind) {
      case 'held':
      case 'released':
      case 'scope':
        if (this.#reading > 0) this.#deferred.push(envelope);
        else this.#apply(envelope);
        return;
      default:
        this.#options.listener.received(message);
    }
  }

  /**
   * Applies a change of the state. Changes that the state already contains can be applied again in order, without an
   * effect.
   */
  #apply({ from, message }: PollEnvelope): void {
    if (from === null) return;
    switch (message.kind) {
      case 'held':
        if (message.term < this.#latestTerm) return;
        this.#latestTerm = message.term;
        this.#holder = { candidate: from, term: message.term };
        this.#mayHold = false;
        this.#loseLease();
        this.settle();
        return;
      case 'released':
        if (this.#holder?.candidate !== from || message.term < this.#holder.term) return;
        this.#holder = null;
        this.#vacancy = { sinceMs: this.#options.clock.monotonicMs(), releasedBy: from };
        this.settle();
        return;
      case 'scope':
        this.#others.change(from, message);
        return;
      default:
        return;
    }
  }
}
