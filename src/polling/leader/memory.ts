import { tenantKey } from '../../domain/tenant.ts';
import { unionOf, type WatchScope } from '../scope.ts';
import type { FeedName, Lease, PollCoordinator, PollListener, PollMessage, PollSeat } from './election.ts';

/** Decides within this process. The first candidate polls, then the one that has waited longest. */
export function createMemoryCoordinator(): PollCoordinator {
  const rooms = new Map<string, Room>();
  let lastTerm = 0;
  const nextTerm = () => {
    lastTerm += 1;
    return lastTerm;
  };

  return {
    join(feed, listener) {
      const key = roomKey(feed);
      const room = rooms.get(key) ?? new Room(nextTerm);
      rooms.set(key, room);
      return room.join(listener, () => {
        if (room.seats.size === 0) rooms.delete(key);
      });
    },
    async send(feed, message) {
      rooms.get(roomKey(feed))?.send(message, null);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...rooms.values()].flatMap(({ seats }) => [...seats]).map((seat) => seat.leave()));
    },
  };
}

const roomKey = ({ tenant, kind }: FeedName): string => JSON.stringify([tenantKey(tenant), kind]);

interface Candidate {
  readonly seat: MemorySeat;
  readonly win: (lease: Lease) => void;
}

interface Held {
  readonly seat: MemorySeat;
  readonly term: number;
}

class Room {
  readonly seats = new Set<MemorySeat>();
  readonly candidates = new Set<Candidate>();
  readonly #nextTerm: () => number;
  #held: Held | null = null;

  constructor(nextTerm: () => number) {
    this.#nextTerm = nextTerm;
  }

  get held(): Held | null {
    return this.#held;
  }

  join(listener: PollListener, onLeave: () => void): MemorySeat {
    const seat = new MemorySeat(this, listener, onLeave);
    this.seats.add(seat);
    return seat;
  }

  send(message: PollMessage, from: MemorySeat | null): void {
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

  releaseOf(seat: MemorySeat): void {
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

class MemorySeat implements PollSeat {
  readonly listener: PollListener;
  scope: WatchScope | null = null;
  readonly #room: Room;
  readonly #onLeave: () => void;
  readonly #left = new AbortController();
  #reportedTerm: number | null = null;

  constructor(room: Room, listener: PollListener, onLeave: () => void) {
    this.#room = room;
    this.listener = listener;
    this.#onLeave = onLeave;
  }

  get left(): AbortSignal {
    return this.#left.signal;
  }

  get term(): number | null {
    return this.#room.held?.term ?? null;
  }

  elected(signal: AbortSignal): Promise<Lease> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const onAbort = () => {
        this.#room.candidates.delete(candidate);
        reject(signal.reason);
      };
      const win = (lease: Lease) => {
        signal.removeEventListener('abort', onAbort);
        resolve(lease);
      };
      const candidate: Candidate = { seat: this, win };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#room.candidates.add(candidate);
      this.#room.elect();
      this.reportHolder(this.#room.held);
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

  async announce(scope: WatchScope | null): Promise<void> {
    this.scope = scope;
  }

  async others(): Promise<WatchScope | null> {
    return unionOf([...this.#room.seats].filter((seat) => seat !== this).map(({ scope }) => scope));
  }

  async send(message: PollMessage): Promise<void> {
    this.#room.send(message, this);
  }

  async leave(): Promise<void> {
    this.#left.abort();
    this.#room.seats.delete(this);
    this.#room.releaseOf(this);
    this.#onLeave();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }
}
