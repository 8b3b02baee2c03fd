import { tenantKey } from '../../domain/tenant.ts';
import { unionOf, type WatchScope } from '../scope.ts';
import type { FeedName, LeaderElection, LeaderElections, Lease, PollListener, PollMessage } from './election.ts';

/** Decides within this process. The first candidate polls, then the one that has waited longest. */
export function createMemoryElections(): LeaderElections {
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
        if (group.joined.size === 0) groups.delete(key);
      });
    },
    async send(feed, message) {
      groups.get(groupKey(feed))?.send(message, null);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...groups.values()].flatMap(({ joined }) => [...joined]).map((election) => election.leave()));
    },
  };
}

const groupKey = ({ tenant, kind }: FeedName): string => JSON.stringify([tenantKey(tenant), kind]);

interface Campaign {
  readonly election: MemoryLeaderElection;
  readonly win: (lease: Lease) => void;
}

interface Held {
  readonly election: MemoryLeaderElection;
  readonly term: number;
}

class Group {
  readonly joined = new Set<MemoryLeaderElection>();
  readonly campaigns = new Set<Campaign>();
  readonly #nextTerm: () => number;
  #held: Held | null = null;

  constructor(nextTerm: () => number) {
    this.#nextTerm = nextTerm;
  }

  get held(): Held | null {
    return this.#held;
  }

  join(listener: PollListener, onLeave: () => void): MemoryLeaderElection {
    const election = new MemoryLeaderElection(this, listener, onLeave);
    this.joined.add(election);
    return election;
  }

  send(message: PollMessage, from: MemoryLeaderElection | null): void {
    for (const election of this.joined) if (election !== from) election.listener.received(message);
  }

  elect(): void {
    const [next] = this.campaigns;
    if (this.#held !== null || next === undefined) return;
    this.campaigns.delete(next);
    const held = { election: next.election, term: this.#nextTerm() };
    this.#hold(held);
    next.win({ term: held.term, lost: held.election.left, release: async () => this.#release(held) });
  }

  releaseOf(election: MemoryLeaderElection): void {
    if (this.#held?.election === election) this.#release(this.#held);
  }

  #release(held: Held): void {
    if (this.#held !== held) return;
    this.#hold(null);
    this.elect();
  }

  #hold(held: Held | null): void {
    this.#held = held;
    for (const election of this.joined) election.reportHolder(held);
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
        this.#group.campaigns.delete(campaign);
        reject(signal.reason);
      };
      const win = (lease: Lease) => {
        signal.removeEventListener('abort', onAbort);
        resolve(lease);
      };
      const campaign: Campaign = { election: this, win };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#group.campaigns.add(campaign);
      this.#group.elect();
      this.reportHolder(this.#group.held);
    });
  }

  /** Reports each term once. */
  reportHolder(held: Held | null): void {
    const term = held?.term ?? null;
    if (this.#reportedTerm === term) return;
    this.#reportedTerm = term;
    if (held === null) this.listener.termChanged('none');
    else this.listener.termChanged(held.election === this ? 'here' : 'elsewhere');
  }

  async publishScope(scope: WatchScope | null): Promise<void> {
    this.scope = scope;
  }

  async otherScopes(): Promise<WatchScope | null> {
    return unionOf([...this.#group.joined].filter((election) => election !== this).map(({ scope }) => scope));
  }

  async send(message: PollMessage): Promise<void> {
    this.#group.send(message, this);
  }

  async leave(): Promise<void> {
    this.#left.abort();
    this.#group.joined.delete(this);
    this.#group.releaseOf(this);
    this.#onLeave();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }
}
