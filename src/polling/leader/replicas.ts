import type { RedisHeartbeat } from '../../runtime/redis-heartbeat.ts';

/**
 * Number of heartbeats after which a reported replica must be in the set of live replicas. The reply to the first
 * heartbeat may be older than the registration of that replica.
 */
const graceBeats = 2;

/**
 * Determines whether the replica of a candidate is live, including replicas that registered since the last heartbeat of
 * this one.
 */
export class LiveReplicas {
  readonly #heartbeat: Pick<RedisHeartbeat, 'replicas'>;
  /** Reported replicas that are not in the set yet, with the number of heartbeats left to them. */
  readonly #fresh = new Map<string, number>();

  constructor(heartbeat: Pick<RedisHeartbeat, 'replicas'>) {
    this.#heartbeat = heartbeat;
  }

  has(candidate: string): boolean {
    const replica = replicaOf(candidate);
    const { replicas } = this.#heartbeat;
    return replicas !== null && (replicas.has(replica) || this.#fresh.has(replica));
  }

  /** Notes that a message of this candidate arrived, or that the Redis server reported its replica as live. */
  noteLive(candidate: string): void {
    const replica = replicaOf(candidate);
    if (this.#heartbeat.replicas?.has(replica)) return;
    this.#fresh.set(replica, graceBeats);
  }

  /**
   * Notes a successful heartbeat.
   * @returns whether a replica no longer counts as live
   */
  beat(): boolean {
    let hasExpired = false;
    for (const [replica, left] of this.#fresh) {
      if (this.#heartbeat.replicas?.has(replica)) {
        this.#fresh.delete(replica);
      } else if (left > 1) {
        this.#fresh.set(replica, left - 1);
      } else {
        this.#fresh.delete(replica);
        hasExpired = true;
      }
    }
    return hasExpired;
  }

  clear(): void {
    this.#fresh.clear();
  }
}

const replicaOf = (candidate: string): string => candidate.slice(0, candidate.indexOf('/'));
