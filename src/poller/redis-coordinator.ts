import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { UpstreamUnreachableError } from '../errors.ts';
import { feedKeys } from '../events/redis-keys.ts';
import { reachRedis } from '../events/redis-reach.ts';
import type { Clock } from '../runtime/clock.ts';
import { eventOrTime } from '../runtime/event-or-time.ts';
import type { Logger } from '../runtime/logger.ts';
import { type Redis, type RedisScript, runScript } from '../runtime/redis.ts';
import type { FeedName, Lease, PollCoordinator, PollListener, PollMessage, PollSeat } from './poll-coordinator.ts';
import { RedisLease } from './redis-lease.ts';
import { decodeEnvelope, decodeScope, encodeEnvelope, encodeScope, type PollEnvelope } from './redis-poll-messages.ts';
import {
  acquireReply,
  acquireScript,
  announceScript,
  othersReply,
  othersScript,
  releaseScript,
  renewScript,
} from './redis-poll-scripts.ts';
import { unionOf, type WatchScope } from './watch-scope.ts';

export interface RedisCoordinatorOptions {
  readonly redis: Pick<Redis, 'send'>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'debug' | 'warn'>;
  /** For how long a lease holds that is not renewed, in milliseconds: so long nobody polls after its holder has died. */
  readonly leaseMs: number;
  /** Chance, between 0 and 1. @default Math.random */
  readonly random?: () => number;
}

/** How long the log remembers the last term of a feed that nobody polls, in milliseconds: as long as it is kept. */
const termRetentionMs = 600_000;
/** For how long it counts what a replica watches that says so no more, in milliseconds. */
const scopeMs = 10_000;
/** It is said again so many times in that time. */
const announcementsPerScope = 3;
/** Pause between attempts while Redis is away, in milliseconds. */
const awayPauseMs = 500;
/** The share of a pause that chance adds, so that candidates do not all come at the same moment. */
const jitterShare = 0.05;

/** A lease holds for so many of the shortest pauses between rounds: after a holder's death the next one begins within two. */
const pausesPerLease = 1.5;
/** A lease holds for at least so long, in milliseconds: a slow moment of Redis must not cost it. */
const minLeaseMs = 1_000;

/** For how long a lease holds where rounds are at least so far apart; both in milliseconds. */
export const leaseMsFor = (pollMinMs: number): number => Math.max(minLeaseMs, pollMinMs * pausesPerLease);

/** Who polls is settled in Redis, among all processes that use the same one. */
export function createRedisCoordinator(options: RedisCoordinatorOptions): PollCoordinator {
  const seats = new Set<RedisPollSeat>();
  return {
    join(feed, listener) {
      const seat = new RedisPollSeat(options, feed, listener, () => seats.delete(seat));
      seats.add(seat);
      return seat;
    },
    send: (feed, message) => publish(options.redis, channelOf(feed), { from: null, message }),
    async [Symbol.asyncDispose]() {
      await Promise.all([...seats].map((seat) => seat[Symbol.asyncDispose]()));
    },
  };
}

const channelOf = ({ tenant, kind }: FeedName): string => `${feedKeys(tenant, kind).prefix}:polls`;

const publish = async (redis: Pick<Redis, 'send'>, channel: string, envelope: PollEnvelope): Promise<void> => {
  await reachRedis(redis, (client) => client.publish(channel, encodeEnvelope(envelope)));
};

class RedisPollSeat implements PollSeat {
  readonly #options: RedisCoordinatorOptions;
  readonly #listener: PollListener;
  readonly #onLeave: () => void;
  readonly #id = randomBytes(12).toString('base64url');
  readonly #keys: { readonly lease: string; readonly meta: string; readonly scopes: string; readonly replicas: string };
  readonly #channel: string;
  readonly #left = new AbortController();
  readonly #signs = new EventEmitter();
  readonly #onMessage = (text: string) => this.#received(text);
  /** Counts the possible releases of the lease, so that one which arrives before its reply is not missed. */
  #releases = 0;
  #lease: RedisLease | null = null;
  #term: number | null = null;
  /** What is watched here, as others read it. */
  #scope: string | null = null;
  /** What was said last of it; null when that did not arrive. */
  #announced: { readonly scope: string | null; readonly done: Promise<void> } | null = null;
  #announces = false;

  constructor(options: RedisCoordinatorOptions, feed: FeedName, listener: PollListener, onLeave: () => void) {
    this.#options = options;
    this.#listener = listener;
    this.#onLeave = onLeave;
    const { prefix, meta } = feedKeys(feed.tenant, feed.kind);
    this.#keys = { lease: `${prefix}:lease`, meta, scopes: `${prefix}:scopes`, replicas: `${prefix}:replicas` };
    this.#channel = channelOf(feed);
    void this.#subscribe();
  }

  get term(): number | null {
    return this.#term;
  }

  async elected(signal: AbortSignal): Promise<Lease> {
    const { leaseMs, clock, random = Math.random } = this.#options;
    for (;;) {
      signal.throwIfAborted();
      let pauseMs = awayPauseMs;
      try {
        const releases = this.#releases;
        const askedAtMs = clock.now().getTime();
        const values = [this.#id, `${leaseMs}`, `${termRetentionMs}`];
        const reply = await this.#run(acquireScript, [this.#keys.lease, this.#keys.meta], values);
        const [won, term, holdsMs] = acquireReply.parse(reply);
        if (won === 1) return await this.#begin(term, askedAtMs, signal);
        this.#setTerm(term);
        if (this.#releases !== releases) continue;
        pauseMs = holdsMs;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof UpstreamUnreachableError)) this.#options.logger.warn({ err: error }, 'no poll lease');
        this.#listener.unreachable(error);
      }
      const waitMs = pauseMs * (1 + jitterShare * random());
      await eventOrTime(this.#signs, 'released', waitMs, { clock, signal });
    }
  }

  announce(scope: WatchScope | null): Promise<void> {
    this.#scope = scope === null ? null : encodeScope(scope);
    if (scope !== null && !this.#announces) void this.#keepAnnouncing();
    // Most subscribers that come and go change nothing in what is watched here.
    if (this.#announced?.scope !== this.#scope) this.#announced = { scope: this.#scope, done: this.#announce() };
    return this.#announced.done;
  }

  async others(): Promise<WatchScope | null> {
    const { scopes, replicas } = this.#keys;
    const texts = othersReply.parse(await this.#run(othersScript, [scopes, replicas], [this.#id]));
    return unionOf(texts.map(decodeScope));
  }

  send(message: PollMessage): Promise<void> {
    return publish(this.#options.redis, this.#channel, { from: this.#id, message });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#left.signal.aborted) return;
    this.#left.abort();
    this.#onLeave();
    const { redis, logger } = this.#options;
    // Side by side: where Redis hangs, each of them takes as long as an answer may.
    const steps = [
      this.#lease?.release(),
      this.announce(null),
      reachRedis(redis, (client) => client.unsubscribe(this.#channel, this.#onMessage)),
    ];
    for (const step of await Promise.allSettled(steps)) {
      if (step.status === 'rejected') logger.debug({ err: step.reason }, 'poll seat not given back: it runs out');
    }
  }

  async #begin(term: number, askedAtMs: number, signal: AbortSignal): Promise<Lease> {
    const { leaseMs, clock, logger } = this.#options;
    const { lease: key, meta } = this.#keys;
    const own = [this.#id, `${term}`];
    const lease = new RedisLease({
      term,
      leaseMs,
      askedAtMs,
      clock,
      logger,
      renew: async () =>
        (await this.#run(renewScript, [key, meta], [...own, `${leaseMs}`, `${termRetentionMs}`])) === 1,
      giveBack: async () => {
        await this.#run(releaseScript, [key], own);
        await publish(this.#options.redis, this.#channel, { from: this.#id, message: { kind: 'released' } });
      },
      onEnd: () => {
        this.#lease = null;
        this.#setTerm(null);
      },
    });
    if (signal.aborted) {
      await lease.release();
      throw signal.reason;
    }
    this.#lease = lease;
    this.#setTerm(term);
    return lease;
  }

  #setTerm(term: number | null): void {
    if (this.#term === term) return;
    this.#term = term;
    if (term === null) this.#listener.termChanged('nobody');
    else this.#listener.termChanged(this.#lease === null ? 'elsewhere' : 'here');
  }

  #received(text: string): void {
    if (this.#left.signal.aborted) return;
    try {
      const { from, message } = decodeEnvelope(text);
      if (from === this.#id) return;
      if (message.kind === 'released') this.#noteRelease();
      else this.#listener.received(message);
    } catch (err) {
      this.#options.logger.warn({ err }, 'message of another replica not understood');
    }
  }

  /** Once it has succeeded, the client subscribes again by itself whenever its connection comes back. */
  async #subscribe(): Promise<void> {
    const { redis, clock, logger } = this.#options;
    while (!this.#left.signal.aborted) {
      try {
        await reachRedis(redis, (client) => client.subscribe(this.#channel, this.#onMessage));
        // A release before the subscription was not received.
        this.#noteRelease();
        return;
      } catch (err) {
        logger.debug({ err }, 'messages of other replicas not subscribed to');
        await clock.sleep(awayPauseMs, this.#left.signal).catch(() => undefined);
      }
    }
  }

  #noteRelease(): void {
    this.#releases += 1;
    this.#signs.emit('released');
  }

  async #announce(): Promise<void> {
    const { scopes, replicas } = this.#keys;
    const scope = this.#scope === null ? [] : [this.#scope];
    try {
      await this.#run(announceScript, [scopes, replicas], [this.#id, `${scopeMs}`, ...scope]);
    } catch (error) {
      this.#announced = null;
      throw error;
    }
  }

  async #keepAnnouncing(): Promise<void> {
    this.#announces = true;
    const { signal } = this.#left;
    while (!signal.aborted) {
      await this.#options.clock.sleep(scopeMs / announcementsPerScope, signal).catch(() => undefined);
      if (signal.aborted || this.#scope === null) break;
      await this.#announce().catch((err: unknown) => this.#options.logger.debug({ err }, 'other replicas not reached'));
    }
    this.#announces = false;
  }

  #run(script: RedisScript, keys: readonly string[], values: readonly string[]): Promise<unknown> {
    return reachRedis(this.#options.redis, (client) => runScript(client, script, keys, values));
  }
}
