import { tenantKey } from '../../domain/tenant.ts';
import { unionOf, type WatchScope } from '../scope.ts';
import type { FeedName, LeaderElection, Lease, PollCoordinator, PollListener, PollMessage } from './election.ts';

/** Decides within this process. The first candidate polls, then the one that has waited longest. */
export function createMemoryCoordinator(): PollCoordinator {
  const groups = new Map<string, Group>();
  let lastTerm = 0;
  const nextTerm = () => {
    lastTerm += 1;
    return lastTerm;
  };

  return {
    join(feed, listener) {
      const key = groupKey(feed);
      const group = groups.get(key) ?? new Group(nextTerm);
      groups.set(key, group);
      return group.join(listener, () => {
        if (group.seats.size === 0) groups.delete(key);
      });
    },
    async send(feed, message) {
      groups.get(groupKey(feed))?.send(message, null);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...groups.values()].flatMap(({ seats }) => [...seats]).map((seat) => seat.leave()));
    },
  };
}

const groupKey = ({ tenant, kind }: FeedName): string => JSON.stringify([tenantKey(tenant), kind]);

interface Candidate {
  readonly seat: MemoryLeaderElection;
  readonly win: (lease: Lease) => void;
}

interface Held {
  readonly seat: MemoryLeaderElection;
  readonly term: number;
}

class Group {
  readonly seats = new Set<MemoryLeaderElection>();
  readonly candidates = new Set<Candidate>();
  readonly #nextTerm: () => number;
  #held: Held | null = null;

  constructor(nextTerm: () => number) {
    this.#nextTerm = nextTerm;
  }

  get held(): Held | null {
    return this.#held;
  }

  join(listener: PollListener, onLeave: () => void): MemoryLeaderElection {
    const seat = new MemoryLeaderElection(this, listener, onLeave);
    this.seats.add(seat);
    return seat;
  }

  send(message: PollMessage, from: MemoryLeaderElection | null): void {
    for (const seat of this.seats) if (seat !== from) seat.listener.received(message);
  }

  elect(): void {
    const [next] = this.candidates;
    if (this.#held !== null || next === undefined) return;
    this.candidates.delete(next);
    const held = { seat: next.seat, term: this.#nextTerm() };
    this.#hold(held);
    next.win({ term: held.term, lost: held.seat.left, release: async () => this.#release(held) });
  }

  releaseOf(seat: MemoryLeaderElection): void {
    if (this.#held?.seat === seat) this.#release(this.#held);
  }

  #release(held: Held): void {
    if (this.#held !== held) return;
    this.#hold(null);
    this.elect();
  }

  #hold(held: Held | null): void {
    this.#held = held;
    for (const seat of this.seats) seat.reportHolder(held);
  }
}

class MemoryLeaderElection implements LeaderElection {
  readonly listener: PollListener;
  scope: WatchScope | null = null;
  readonly #group: Group;
  readonly #onLeave: () => void;
  readonly #left = new AbortController();
  #reportedTerm: number | null = null;

  constructor(group: Group, listener: PollListener, onLeave: () => void) {
    this.#group = group;
    this.listener = listener;
    this.#onLeave = onLeave;
  }

  get left(): AbortSignal {
    return this.#left.signal;
  }

  get term(): number | null {
    return this.#group.held?.term ?? null;
  }

  acquireLease(signal: AbortSignal): Promise<Lease> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const onAbort = () => {
        this.#group.candidates.delete(candidate);
        reject(signal.reason);
      };
      const win = (lease: Lease) => {
        signal.removeEventListener('abort', onAbort);
        resolve(lease);
      };
      const candidate: Candidate = { seat: this, win };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#group.candidates.add(candidate);
      this.#group.elect();
      this.reportHolder(this.#group.held);
    });
  }

  /** Reports each term once. */
  reportHolder(held: Held | null): void {
    const term = held?.term ?? null;
    if (this.#reportedTerm === term) return;
    this.#reportedTerm = term;
    if (held === null) this.listener.termChanged('nobody');
    else this.listener.termChanged(held.seat === this ? 'here' : 'elsewhere');
  }

  async publishScope(scope: WatchScope | null): Promise<void> {
    this.scope = scope;
  }

  async otherScopes(): Promise<WatchScope | null> {
    return unionOf([...this.#group.seats].filter((seat) => seat !== this).map(({ scope }) => scope));
  }

  async send(message: PollMessage): Promise<void> {
    this.#group.send(message, this);
  }

  async leave(): Promise<void> {
    this.#left.abort();
    this.#group.seats.delete(this);
    this.#group.releaseOf(this);
    this.#onLeave();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }
}
