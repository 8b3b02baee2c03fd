import { subscriptionsUnavailable } from '../../events/redis/errors.ts';
import { feedKeys } from '../../events/redis/keys.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Redis } from '../../runtime/redis.ts';
import { longestLeaseMs, type RedisHeartbeat } from '../../runtime/redis-heartbeat.ts';
import type { FeedName, LeaderElection, LeaderElections, PollListener, PollMessage } from './election.ts';
import { RedisLeaderElection } from './redis-candidate.ts';
import { type FeedChannel, PollSteps } from './redis-commands.ts';
import { encodeMessage } from './redis-messages.ts';
import { LiveReplicas } from './replicas.ts';

export interface RedisElectionsOptions {
  readonly redis: Pick<Redis, 'send' | 'subscribe'>;
  readonly heartbeat: Pick<RedisHeartbeat, 'replicaId' | 'replicas' | 'listen' | 'keepAlive'>;
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  readonly logger: Pick<Logger, 'debug' | 'warn'>;
}

/** Validity of a registration, in shortest pauses between rounds. A dead replica is replaced within two pauses. */
const pausesPerLease = 1.5;
/** Minimum validity of a registration, in milliseconds, so that a slow moment of Redis does not end it. */
const minLeaseMs = 1_000;
/** Values that cannot be decoded are logged once per this interval, in milliseconds. */
const complaintIntervalMs = 60_000;

/** Validity of a replica's registration for a shortest pause between rounds, both in milliseconds. */
export const leaseMsFor = (pollMinMs: number): number =>
  Math.min(longestLeaseMs, Math.max(minLeaseMs, pollMinMs * pausesPerLease));

/** Decides through Redis which replica polls which feed. */
export function createRedisElections(options: RedisElectionsOptions): LeaderElections {
  return new RedisLeaderElections(options);
}

class RedisLeaderElections implements LeaderElections {
  readonly #options: RedisElectionsOptions;
  readonly #steps: PollSteps;
  readonly #live: LiveReplicas;
  readonly #listening: Disposable;
  readonly #joined = new Set<RedisLeaderElection>();
  /** Released candidates that may still have valid fields in Redis. */
  readonly #remains = new Set<RedisLeaderElection>();
  #nextNumber = 0;
  #complainedAtMs: number | null = null;

  constructor(options: RedisElectionsOptions) {
    const { redis, heartbeat } = options;
    this.#options = options;
    this.#steps = new PollSteps(redis, heartbeat);
    this.#live = new LiveReplicas(heartbeat);
    this.#listening = heartbeat.listen({
      succeeded: () => this.#catchUp(),
      missed: (cause) => {
        if (heartbeat.replicas !== null) return;
        const error = subscriptionsUnavailable(cause);
        this.#steps.reject(error);
        for (const election of this.#joined) election.unreachable(error);
      },
      lapsed: () => this.#lapse(),
      databaseReplaced: () => this.#lapse(),
      replicasChanged: () => this.#settle(),
    });
  }

  join(name: FeedName, listener: PollListener): LeaderElection {
    this.#nextNumber += 1;
    const election = new RedisLeaderElection({
      ...this.#options,
      steps: this.#steps,
      live: this.#live,
      feed: channelOf(name),
      number: this.#nextNumber,
      listener,
      onUndecodable: () => this.#complain(name),
      onLeave: (leaving) => {
        this.#joined.delete(election);
        void leaving.then((isClean) => {
          if (!isClean) this.#remains.add(election);
        });
      },
    });
    this.#joined.add(election);
    return election;
  }

  async send(name: FeedName, message: PollMessage): Promise<void> {
    await this.#steps.run(channelOf(name), ['publish', encodeMessage(null, message)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#joined].map((election) => election[Symbol.asyncDispose]()));
    this.#listening[Symbol.dispose]();
  }

  #catchUp(): void {
    if (this.#live.beat()) this.#settle();
    for (const election of this.#joined) election.catchUp();
    for (const election of this.#remains) {
      void election.leave().then((isClean) => {
        if (isClean) this.#remains.delete(election);
      });
    }
    this.#steps.resume();
  }

  #lapse(): void {
    this.#steps.reject(subscriptionsUnavailable());
    this.#live.clear();
    // Fields of a lapsed registration do not count.
    this.#remains.clear();
    for (const election of this.#joined) election.lapse();
  }

  #settle(): void {
    for (const election of this.#joined) election.settle();
  }

  #complain({ tenant, kind }: FeedName): void {
    const { clock, logger } = this.#options;
    const nowMs = clock.monotonicMs();
    if (this.#complainedAtMs !== null && nowMs - this.#complainedAtMs < complaintIntervalMs) return;
    this.#complainedAtMs = nowMs;
    logger.warn({ kind, ...tenant }, 'skipped a value of another replica that cannot be decoded');
  }
}

function channelOf({ tenant, kind }: FeedName): FeedChannel {
  const { prefix, meta } = feedKeys(tenant, kind);
  return { meta, scopes: `${prefix}:scopes`, channel: `${prefix}:polls` };
}
