import type { Tenant } from '../domain/tenant.ts';
import { ShuttingDownError } from '../errors.ts';
import { type EventLog, LogConflictError, LogFencedError } from '../events/event-log.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { EntityFinder } from './entity-finder.ts';
import { type FeedMember, FeedMembers } from './feed-members.ts';
import { FeedPoller } from './feed-poller.ts';
import { FeedRounds } from './feed-rounds.ts';
import type { FeedSource, Observed } from './feed-source.ts';
import { FeedView, type LoadedView } from './feed-view.ts';
import { FeedWaiters } from './feed-waiters.ts';
import { FoundEntities } from './found-entities.ts';
import type { PaceOptions } from './pace.ts';
import type { PollCoordinator, PollMessage } from './poll-coordinator.ts';
import { FailedElsewhereError } from './poll-failure.ts';
import { PollLoop } from './poll-loop.ts';
import type { PollMetrics } from './poll-metrics.ts';

export interface FeedOptions<Entity extends Observed, Reader, Memory> extends PaceOptions {
  readonly tenant: Tenant;
  readonly source: FeedSource<Entity, Reader, Memory>;
  readonly log: EventLog<Entity>;
  readonly coordinator: PollCoordinator;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'debug' | 'warn'>;
  readonly metrics: PollMetrics;
  /** How long a feed without subscribers stays ready. It makes no round in that time: there is nobody to read for. */
  readonly lingerMs: number;
  /** Called when the last subscriber has left and the linger is over. The feed can be joined again. */
  readonly onIdle: () => void;
}

/**
 * One kind of entity of one tenant, for everybody here who watches it. One of the replicas in which somebody does polls
 * the platform and writes the log; each serves its subscribers from the log.
 */
export class Feed<Entity extends Observed, Reader, Memory> {
  readonly #options: FeedOptions<Entity, Reader, Memory>;
  readonly #view: FeedView<Entity, Memory>;
  readonly #poller: FeedPoller<Entity, Reader, Memory>;
  readonly #rounds: FeedRounds<Entity, Reader, Memory>;
  readonly #loop: PollLoop<Entity, Reader, Memory>;
  readonly #found: FoundEntities<Entity, Reader, Memory>;
  readonly #finder: EntityFinder<Entity, Reader, Memory>;
  readonly #members = new FeedMembers<Reader>();
  readonly #waiters = new FeedWaiters<Reader>();
  readonly #closed = new AbortController();

  constructor(options: FeedOptions<Entity, Reader, Memory>) {
    const { source, log, clock } = options;
    const { kind } = source;
    this.#options = options;
    this.#view = new FeedView({ log, key: source.key }, () => this.#somethingNew());
    this.#poller = new FeedPoller({ source, log, clock, view: this.#view, members: this.#members });
    this.#rounds = new FeedRounds({
      ...options,
      kind,
      poller: this.#poller,
      waiters: this.#waiters,
      tell: (message) => void this.#loop.tell(message),
    });
    this.#loop = new PollLoop({
      ...options,
      kind,
      members: this.#members,
      rounds: this.#rounds,
      isReady: (term) => this.#isReady(term),
      interrupt: () => this.#poller.interrupt(),
      listener: {
        received: (message) => this.#received(message),
        unreachable: (error) => this.#waiters.reject(error),
      },
      onHolder: () => this.#somethingNew(),
    });
    this.#found = new FoundEntities({ poller: this.#poller, clock, loop: this.#loop });
    this.#finder = new EntityFinder({
      source,
      view: this.#view,
      record: (id, entity, signal) => this.#found.record(id, entity, signal),
    });
  }

  get log(): EventLog<Entity> {
    return this.#options.log;
  }

  get running(): boolean {
    return this.#loop.runs;
  }

  /** Whether this replica polls the platform for all. */
  get polls(): boolean {
    return this.#loop.lease !== null;
  }

  get subscribers(): number {
    return this.#members.size;
  }

  /** Good rounds made here so far. */
  get rounds(): number {
    return this.#rounds.made;
  }

  /** When the last good round made here ended. */
  get lastRoundAt(): Date | null {
    return this.#rounds.lastAt;
  }

  join(member: FeedMember<Reader>): void {
    this.#members.add(member);
    this.#loop.membersChanged();
  }

  /** From now on the member's reader is not used, not even to end a round that has begun with it. */
  leave(member: FeedMember<Reader>): void {
    if (!this.#members.delete(member)) return;
    this.#waiters.delete(member);
    this.#poller.interrupt(member);
    this.#loop.membersChanged();
  }

  /**
   * Resolves when there is a state that this member can begin with; never when it leaves before.
   * @throws {GatewayError} the round that should have brought it failed.
   */
  async ready(member: FeedMember<Reader>): Promise<void> {
    let view: LoadedView<Entity, Memory>;
    do {
      view = await this.#view.load();
      this.#closed.signal.throwIfAborted();
      if (this.#suffices(member, view)) return;
    } while (!this.#view.isCurrent(view));
    const waiting = this.#waiters.wait(member);
    if (!this.#members.has(member)) this.#waiters.delete(member);
    else if (this.#loop.lease === null) void this.#loop.tell({ kind: 'awaited' });
    this.#loop.wake();
    await waiting;
  }

  /**
   * Brings the entities that this member watches by name up to date, as far as no round has.
   * @returns the ids that the platform does not know
   * @throws {GatewayError} the platform could not be read
   */
  async find(member: FeedMember<Reader>, signal: AbortSignal): Promise<readonly string[]> {
    // Whoever polls must not forget what is found before it knows that somebody watches it.
    await this.#loop.announced;
    return this.#finder.find(member.ids ?? [], member.reader, signal);
  }

  /** A round at once, or one more right after the one under way, by whoever polls. Does nothing when nobody watches. */
  nudge(): void {
    if (this.#loop.lease === null) void this.#loop.tell({ kind: 'nudge' });
    else this.#hurry();
  }

  /** Ends the rounds and the log. Resolves when nothing runs any more. */
  async close(): Promise<void> {
    if (!this.#closed.signal.aborted) {
      this.#closed.abort(new ShuttingDownError());
      this.#waiters.reject(this.#closed.signal.reason);
    }
    await this.#loop.close();
    this.#view[Symbol.dispose]();
    await this.log[Symbol.asyncDispose]();
  }

  #hurry(): void {
    if (this.#members.size === 0) return;
    this.#rounds.nudge();
    this.#loop.wake();
  }

  #received(message: PollMessage): void {
    const { lease } = this.#loop;
    switch (message.kind) {
      case 'nudge':
        if (lease !== null) this.#hurry();
        return;
      case 'joined':
        this.#loop.wake();
        return;
      case 'awaited':
        if (lease === null) return;
        this.#rounds.await();
        this.#loop.wake();
        return;
      case 'found':
        // Replicas of one version share a log, so it is an entity of this feed's kind.
        if (lease !== null) void this.#recordForAnother(message.id, message.entity as Entity | null);
        return;
      case 'failed':
        if (lease === null) this.#waiters.reject(new FailedElsewhereError(message.failure));
        return;
    }
  }

  /** The other replica says it again as long as the log does not show it. */
  async #recordForAnother(id: string, entity: Entity | null): Promise<void> {
    const { logger, source, tenant } = this.#options;
    const { lease } = this.#loop;
    if (lease === null) return;
    try {
      await this.#poller.record(lease, id, entity);
    } catch (err) {
      if (err instanceof LogFencedError) this.#loop.drop(lease);
      else if (!(err instanceof LogConflictError))
        logger.warn({ kind: source.kind, ...tenant, err }, 'event log not written');
    }
  }

  /** The log has been written to, or somebody else polls. */
  #somethingNew(): void {
    this.#found.somethingNew();
    if (this.#waiters.size > 0) void this.#letBegin();
  }

  async #letBegin(): Promise<void> {
    try {
      const view = await this.#view.load();
      this.#waiters.settle((member) => this.#suffices(member, view));
    } catch (error) {
      this.#waiters.reject(error);
    }
  }

  async #isReady(term: number | null): Promise<boolean> {
    try {
      const { note } = await this.#view.load();
      return note !== null && note.term === term;
    } catch {
      // Whatever keeps the log from being read is told to those who ask for it.
      return false;
    }
  }

  /** Whether it is a round of those who poll now that made what the log shows, and enough for this member. */
  #suffices({ ids }: FeedMember<Reader>, { note }: LoadedView<Entity, Memory>): boolean {
    return note !== null && note.term === this.#loop.term && (ids !== null || note.discovered);
  }
}
