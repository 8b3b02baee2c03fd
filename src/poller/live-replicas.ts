import type { RedisHeartbeat } from '../runtime/redis-heartbeat.ts';

/**
 * Heartbeats after which a replica that was heard of must be in the set of live replicas: the reply to the first one may
 * be older than its registration.
 */
const graceBeats = 2;

/** Tells whether the replica of a seat is live, also when it has registered since the last heartbeat of this one. */
export class LiveReplicas {
  readonly #heartbeat: Pick<RedisHeartbeat, 'replicas'>;
  /** Replicas that were heard of and are not in the set, with the heartbeats that are left to them. */
  readonly #fresh = new Map<string, number>();

  constructor(heartbeat: Pick<RedisHeartbeat, 'replicas'>) {
    this.#heartbeat = heartbeat;
  }

  has(seat: string): boolean {
    const replica = replicaOf(seat);
    const { replicas } = this.#heartbeat;
    return replicas !== null && (replicas.has(replica) || this.#fresh.has(replica));
  }

  /** A message of this seat has arrived, or the server has said that its replica is live. */
  heard(seat: string): void {
    const replica = replicaOf(seat);
    if (this.#heartbeat.replicas?.has(replica)) return;
    this.#fresh.set(replica, graceBeats);
  }

  /**
   * A heartbeat has succeeded.
   * @returns whether a replica does not count as live any longer
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
