import type { ExportJob } from '../../../src/domain/export-job.ts';
import type { EventLog } from '../../../src/events/log.ts';
import { createMemoryEventLog } from '../../../src/events/memory-log.ts';
import type { LeaderElections, Lease, PollListener, PollMessage } from '../../../src/polling/leader/election.ts';
import type { FeedNote } from '../../../src/polling/state.ts';
import { settle } from './fake-platform.ts';
import { WatchSetup } from './setup.ts';

/** The other replicas of a feed and its log, as controlled by the test. Another replica polls under term 1. */
export class OtherReplicas {
  term: number | null = 1;
  readonly sent: PollMessage[] = [];
  readonly #listeners: PollListener[] = [];
  #elect: ((lease: Lease) => void) | null = null;
  readonly #memory = createMemoryEventLog<ExportJob>({ key: ({ id }) => id });
  /** Errors of the calls to the other replicas. */
  readonly failures: Partial<Record<'send' | 'publishScope' | 'others' | 'leave', Error>> = {};
  /** Whether a lease was released. */
  released = false;
  /** Error of every write to the log; null: writes succeed. */
  writeFailure: Error | null = null;
  /** Error of every read of the log; null: reads succeed. */
  logFailure: Error | null = null;
  /** Resolves when reads of the log may complete. */
  reading: Promise<void> = Promise.resolve();
  #round = 0;

  readonly elections: LeaderElections = {
    join: (_, listener) => {
      this.#listeners.push(listener);
      const others = this;
      return {
        get term() {
          return others.term;
        },
        acquireLease: (signal) =>
          new Promise((resolve, reject) => {
            this.#elect = resolve;
            signal.addEventListener('abort', () => reject(signal.reason), { once: true });
          }),
        publishScope: async () => this.#reach('publishScope'),
        otherScopes: async () => {
          this.#reach('others');
          return null;
        },
        send: async (message) => {
          this.#reach('send');
          this.sent.push(message);
        },
        [Symbol.asyncDispose]: async () => this.#reach('leave'),
      };
    },
    send: async (_, message) => {
      this.#reach('send');
      this.sent.push(message);
    },
    [Symbol.asyncDispose]: async () => undefined,
  };

  readonly createLog = (): EventLog<ExportJob> => ({
    write: async (...write) => {
      if (this.writeFailure !== null) throw this.writeFailure;
      return await this.#memory.write(...write);
    },
    snapshot: async () => {
      await this.reading;
      if (this.logFailure !== null) throw this.logFailure;
      return await this.#memory.snapshot();
    },
    markUnattended: () => undefined,
    watch: (listener) => this.#memory.watch(listener),
    open: (options) => this.#memory.open(options),
    [Symbol.asyncDispose]: () => this.#memory[Symbol.asyncDispose](),
  });

  /** Creates a replica of this group. */
  setup(options: ConstructorParameters<typeof WatchSetup>[0] = {}): WatchSetup {
    return new WatchSetup({ ownRights: false, ...options, elections: this.elections, createLog: this.createLog });
  }

  /** Number of requests for a round. */
  get asked(): number {
    return this.sent.filter(({ kind }) => kind === 'awaited').length;
  }

  /** Makes this replica the lease holder. */
  async elect(term: number, lost = new AbortController().signal): Promise<void> {
    this.term = term;
    const release = async () => {
      this.released = true;
    };
    this.#elect?.({ term, lost, release });
    await settle();
  }

  /** Makes another replica the lease holder; null: there is none. */
  async moveTo(term: number | null): Promise<void> {
    this.term = term;
    for (const listener of this.#listeners) listener.termChanged(term === null ? 'none' : 'elsewhere');
    await settle();
  }

  async say(message: PollMessage): Promise<void> {
    for (const listener of this.#listeners) listener.received(message);
    await settle();
  }

  async cut(error: unknown): Promise<void> {
    for (const listener of this.#listeners) listener.unreachable(error);
    await settle();
  }

  /**
   * Writes a round of the other replica.
   * @param missing ids that the platform does not have, with the round that read them last
   */
  async write(jobs: readonly ExportJob[], missing: Readonly<Record<string, number>> = {}, term = 1): Promise<void> {
    this.#round += 1;
    const note: FeedNote<null> = {
      term,
      round: this.#round,
      discovered: true,
      missing: new Map(Object.entries(missing)),
      unfollowed: new Set(),
      endedSeen: new Map(),
      results: { everything: false, failing: false },
      checkpoint: null,
    };
    const changes = jobs.map((entity) => ({ kind: 'CREATED' as const, entity }));
    await this.#memory.write({ changes, note }, { observedAt: new Date(0), term });
    await settle();
  }

  #reach(what: keyof OtherReplicas['failures']): void {
    const failure = this.failures[what];
    if (failure !== undefined) throw failure;
  }
}

/** The outcome of a subscription. */
class Attempt {
  outcome: unknown = 'waits';

  constructor(subscription: Promise<unknown>) {
    subscription.then(
      () => {
        this.outcome = 'has begun';
      },
      (error: unknown) => {
        this.outcome = error;
      },
    );
  }
}

export async function attempt(subscription: Promise<unknown>): Promise<Attempt> {
  const made = new Attempt(subscription);
  await settle();
  return made;
}
