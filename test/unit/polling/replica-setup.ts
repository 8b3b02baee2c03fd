import type { ExportJob } from '../../../src/domain/export-job.ts';
import type { EventLog, LogReader } from '../../../src/events/log.ts';
import { createMemoryEventLog } from '../../../src/events/memory-log.ts';
import { type HoldStore, PlatformHolds } from '../../../src/polling/holds.ts';
import type { LeaderElections, Lease, PollMessage } from '../../../src/polling/leader/election.ts';
import { createMemoryElections } from '../../../src/polling/leader/memory.ts';
import { FakePlatform, settle } from './fake-platform.ts';
import { WatchSetup } from './setup.ts';

/** Several replicas with one platform, one log and one clock. They decide which of them polls. */
export class ReplicaSetup implements AsyncDisposable {
  readonly platform = new FakePlatform();
  readonly clock = this.platform.clock;
  readonly log: EventLog<ExportJob> = createMemoryEventLog({ key: ({ id }) => id });
  readonly replicas: readonly [WatchSetup, WatchSetup];
  /** The pauses of the platform that all replicas share. Null: the store cannot be reached. */
  holds: Map<string, number> | null = new Map();
  /** Resolves when the store accepts pauses. */
  storing: Promise<void> = Promise.resolve();
  /** Whether a message between replicas is lost. */
  loses: (message: PollMessage) => boolean = () => false;
  /** Resolves when the other replicas receive scopes. */
  publishing: Promise<void> = Promise.resolve();
  readonly #elections = createMemoryElections();
  #lease: Lease | null = null;
  /** Controllers of leases that expired without notice. */
  readonly #unnoticed = new Set<AbortController>();
  #lost = new AbortController();

  constructor(options: ConstructorParameters<typeof WatchSetup>[0] = {}) {
    const replica = () =>
      new WatchSetup({
        ...options,
        platform: this.platform,
        elections: this.#observed(),
        holds: new PlatformHolds({ clock: this.clock, logger: { debug: () => undefined }, store: this.#holdStore }),
        createLog: () => ownEnd(this.log),
        retentionMs: 0,
      });
    this.replicas = [replica(), replica()];
  }

  /** Lets the lease expire without notice of its holder, as after a long suspension of its process. */
  async expire(): Promise<void> {
    this.#unnoticed.add(this.#lost);
    await this.#lease?.release();
    await settle();
  }

  /** Lets the former holder notice that its lease has expired, as with a failed renewal. */
  async notice(): Promise<void> {
    for (const lost of this.#unnoticed) lost.abort();
    this.#unnoticed.clear();
    await settle();
  }

  async pass(ms: number): Promise<void> {
    await this.replicas[0].pass(ms);
  }

  async nextRound(): Promise<void> {
    await this.replicas[0].nextRound();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const replica of this.replicas) await replica[Symbol.asyncDispose]();
  }

  readonly #holdStore: HoldStore = {
    read: async (name) => Math.max(0, (this.#holds.get(JSON.stringify(name)) ?? 0) - this.clock.monotonicMs()),
    extend: async (name, ms) => {
      await this.storing;
      const key = JSON.stringify(name);
      this.#holds.set(key, Math.max(this.#holds.get(key) ?? 0, this.clock.monotonicMs() + ms));
    },
  };

  get #holds(): Map<string, number> {
    if (this.holds === null) throw new Error('The store cannot be reached.');
    return this.holds;
  }

  #observed(): LeaderElections {
    const elections = this.#elections;
    return {
      join: (feed, listener) => {
        const received = (message: PollMessage) => {
          if (!this.loses(message)) listener.received(message);
        };
        const election = elections.join(feed, { ...listener, received });
        return {
          get term() {
            return election.term;
          },
          acquireLease: async (signal) => {
            const lease = await election.acquireLease(signal);
            const lost = new AbortController();
            this.#lease = lease;
            this.#lost = lost;
            return { term: lease.term, lost: lost.signal, release: () => lease.release() };
          },
          publishScope: async (scope) => {
            await this.publishing;
            await election.publishScope(scope);
          },
          otherScopes: () => election.otherScopes(),
          send: (message) => election.send(message),
          [Symbol.asyncDispose]: () => election[Symbol.asyncDispose](),
        };
      },
      send: (feed, message) => elections.send(feed, message),
      [Symbol.asyncDispose]: () => elections[Symbol.asyncDispose](),
    };
  }
}

/** Wraps a log so that each replica can dispose of it separately. */
function ownEnd(log: EventLog<ExportJob>): EventLog<ExportJob> {
  const closed = new AbortController();
  return {
    write: (write, options) => log.write(write, options),
    snapshot: () => log.snapshot(),
    // All replicas share the log here, but this call concerns the readers of one.
    markUnattended: () => undefined,
    watch: (listener) => log.watch(listener),
    open: async ({ after, onReadable }): Promise<LogReader<ExportJob>> => {
      const { start, tail } = await log.open({ after, onReadable });
      closed.signal.addEventListener('abort', onReadable);
      return {
        start,
        tail: {
          get ended() {
            return closed.signal.aborted || tail.ended;
          },
          get snapshot() {
            return tail.snapshot;
          },
          read: () => (closed.signal.aborted ? null : tail.read()),
          [Symbol.dispose]: () => {
            closed.signal.removeEventListener('abort', onReadable);
            tail[Symbol.dispose]();
          },
        },
      };
    },
    [Symbol.asyncDispose]: async () => closed.abort(),
  };
}
