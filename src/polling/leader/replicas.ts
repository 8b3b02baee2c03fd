import type { RedisHeartbeat } from '../../runtime/redis-heartbeat.ts';

/**
 * Number of heartbeats after which an announced replica must be in the set of live replicas. The reply to the first
 * heartbeat may be older than the registration of that replica.
 */
const graceBeats = 2;

/**
 * Determines whether the replica of a seat is live, including replicas that registered since the last heartbeat of this
 * one.
 */
export class LiveReplicas {
  readonly #heartbeat: Pick<RedisHeartbeat, 'replicas'>;
  /** Announced replicas that are not in the set yet, with the number of heartbeats left to them. */
  readonly #fresh = new Map<string, number>();

  constructor(heartbeat: Pick<RedisHeartbeat, 'replicas'>) {
    this.#heartbeat = heartbeat;
  }

  has(seat: string): boolean {
    const replica = replicaOf(seat);
    const { replicas } = this.#heartbeat;
    return replicas !== null && (replicas.has(replica) || this.#fresh.has(replica));
  }

  /** Notes that a message of this seat arrived, or that the Redis server reported its replica as live. */
  heard(seat: string): void {
    const replica = replicaOf(seat);
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

const replicaOf = (seat: string): string => seat.slice(0, seat.indexOf('/'));
