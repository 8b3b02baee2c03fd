import type { ExportJob } from '../../../src/domain/export-job.ts';
import type { EventLog, LogReader } from '../../../src/events/event-log.ts';
import { createMemoryEventLog } from '../../../src/events/memory-event-log.ts';
import { createMemoryCoordinator } from '../../../src/poller/memory-coordinator.ts';
import type { Lease, PollCoordinator, PollMessage } from '../../../src/poller/poll-coordinator.ts';
import { FakePlatform, settle } from './fake-platform.ts';
import { WatchSetup } from './watch-setup.ts';

/** Several replicas on one platform, one log and one clock; which of them polls is settled between them. */
export class ReplicaSetup implements AsyncDisposable {
  readonly platform = new FakePlatform();
  readonly clock = this.platform.clock;
  readonly log: EventLog<ExportJob> = createMemoryEventLog({ key: ({ id }) => id });
  readonly replicas: readonly [WatchSetup, WatchSetup];
  /** Messages between replicas that are lost. */
  loses: (message: PollMessage) => boolean = () => false;
  readonly #coordinator = createMemoryCoordinator();
  #lease: Lease | null = null;

  constructor(retentionMs = 0) {
    const replica = () =>
      new WatchSetup({
        platform: this.platform,
        coordinator: this.#observed(),
        createLog: () => ownEnd(this.log),
        retentionMs,
      });
    this.replicas = [replica(), replica()];
  }

  get term(): number | null {
    return this.#lease?.term ?? null;
  }

  /** The lease runs out without its holder noticing, as after a long standstill of its process. */
  async expire(): Promise<void> {
    await this.#lease?.release();
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

  #observed(): PollCoordinator {
    const coordinator = this.#coordinator;
    return {
      join: (feed, listener) => {
        const received = (message: PollMessage) => {
          if (!this.loses(message)) listener.received(message);
        };
        const seat = coordinator.join(feed, { ...listener, received });
        return {
          get term() {
            return seat.term;
          },
          elected: async (signal) => {
            const lease = await seat.elected(signal);
            this.#lease = lease;
            return lease;
          },
          announce: (scope) => seat.announce(scope),
          others: () => seat.others(),
          send: (message) => seat.send(message),
          [Symbol.asyncDispose]: () => seat[Symbol.asyncDispose](),
        };
      },
      send: (feed, message) => coordinator.send(feed, message),
      [Symbol.asyncDispose]: () => coordinator[Symbol.asyncDispose](),
    };
  }
}

/** A log of which each replica may dispose for itself. */
function ownEnd(log: EventLog<ExportJob>): EventLog<ExportJob> {
  const closed = new AbortController();
  return {
    write: (write, options) => log.write(write, options),
    snapshot: () => log.snapshot(),
    watch: (listener) => log.watch(listener),
    open: ({ after, signal }): Promise<LogReader<ExportJob>> =>
      log.open({ after, signal: AbortSignal.any([signal, closed.signal]) }),
    [Symbol.asyncDispose]: async () => closed.abort(),
  };
}
