import type { Tenant } from '../domain/tenant.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { FeedMembers } from './feed-members.ts';
import type { FeedRounds } from './feed-rounds.ts';
import type { Observed } from './feed-source.ts';
import type { Lease, PollCoordinator, PollListener, PollMessage, PollSeat } from './poll-coordinator.ts';
import type { PollMetrics } from './poll-metrics.ts';

export interface PollLoopOptions<Entity extends Observed, Reader, Memory> {
  readonly kind: string;
  readonly tenant: Tenant;
  readonly coordinator: PollCoordinator;
  readonly members: Pick<FeedMembers<Reader>, 'size' | 'scope'>;
  readonly rounds: FeedRounds<Entity, Reader, Memory>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'debug' | 'warn'>;
  readonly metrics: PollMetrics;
  readonly lingerMs: number;
  /** Whether there is a state under this term that a subscriber who comes now could begin with. */
  readonly isReady: (term: number | null) => Promise<boolean>;
  /** Stops the round that is being read. */
  readonly interrupt: () => void;
  readonly listener: Pick<PollListener, 'received' | 'unreachable'>;
  /** Called when another replica polls, this one or none. */
  readonly onHolder: () => void;
  readonly onIdle: () => void;
}

/**
 * The life of a feed in this replica: it runs while somebody here watches, and a little longer. In that time it makes the
 * rounds whenever it holds the lease, and stands for it when it does not.
 */
export class PollLoop<Entity extends Observed, Reader, Memory> {
  readonly #options: PollLoopOptions<Entity, Reader, Memory>;
  #running: Promise<void> | null = null;
  /** Seats that are being given back. */
  readonly #leaving = new Set<Promise<void>>();
  #seat: PollSeat | null = null;
  #lease: Lease | null = null;
  #candidacy: AbortController | null = null;
  #announced: Promise<void> = Promise.resolve();
  /** The next announcement has not been made yet: it will tell of every change until then. */
  /** Whether there were members when it was last looked at. */
  #watched = false;
  #announces = false;
  #sleep: AbortController | null = null;
  /** Something happened since the step under way began. */
  #woken = false;
  #emptySinceMs: number | null = null;
  /** Others go first until then. */
  #standsBackUntilMs = 0;
  #closed = false;

  constructor(options: PollLoopOptions<Entity, Reader, Memory>) {
    this.#options = options;
  }

  get runs(): boolean {
    return this.#running !== null;
  }

  /** That under which this replica polls. Null while another one does, or none. */
  get lease(): Lease | null {
    return this.#lease;
  }

  /** That under which this or another replica polls, as far as is known. */
  get term(): number | null {
    return this.#seat?.term ?? null;
  }

  /** Resolves when the other replicas know what is watched here; does not fail. */
  get announced(): Promise<void> {
    return this.#announced;
  }

  /** To be called when members come and go: begins or ends what that asks for. */
  membersChanged(): void {
    if (this.#closed) return;
    const watched = this.#options.members.size > 0;
    if (this.#seat === null && watched) this.#start();
    // Only who comes first, or leaves last, changes what is to be done next: the others need not pay for a look at it.
    else if (watched !== this.#watched) this.wake();
    this.#watched = watched;
    if (this.#announces) return;
    this.#announces = true;
    this.#announced = this.#announce();
  }

  /** Looks anew at what is to be done next. */
  wake(): void {
    this.#woken = true;
    this.#sleep?.abort();
    if (this.#closed || this.#options.members.size === 0) this.#candidacy?.abort();
  }

  /** To the other replicas; a message that does not reach them is missed by nobody for long. */
  async tell(message: PollMessage): Promise<void> {
    const { coordinator, tenant, kind, logger } = this.#options;
    try {
      await (this.#seat?.send(message) ?? coordinator.send({ tenant, kind }, message));
    } catch (err) {
      logger.debug({ ...this.#where(), message: message.kind, err }, 'other replicas not reached');
    }
  }

  /** @throws {GatewayError} the others cannot be reached */
  async send(message: PollMessage): Promise<void> {
    await this.#seat?.send(message);
  }

  /** The log refuses what is written under this lease: somebody else has one. */
  drop(lease: Lease): void {
    this.#lost(lease);
    // It may be held all the same where the log's memory of it is gone.
    void lease.release();
  }

  /** Resolves when nothing runs any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#options.interrupt();
    this.wake();
    await this.#running;
    await Promise.all(this.#leaving);
  }

  #start(): void {
    const { coordinator, tenant, kind, listener, rounds } = this.#options;
    const seat = coordinator.join({ tenant, kind }, { ...listener, termChanged: (holder) => this.#explain(holder) });
    this.#seat = seat;
    rounds.start();
    this.#running = this.#run(seat);
    void this.tell({ kind: 'joined' });
  }

  async #run(seat: PollSeat): Promise<void> {
    const { members, onIdle } = this.#options;
    while (!this.#closed) {
      this.#woken = false;
      if (members.size > 0) await this.#serve(seat);
      else if (!(await this.#linger(seat)) && members.size === 0) break;
    }
    this.#running = null;
    this.#seat = null;
    if (this.#lease !== null) this.#leaseChanged('released', { term: this.#lease.term, why: 'watched by nobody' });
    this.#lease = null;
    const leaving = this.#leave(seat).finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
    if (!this.#closed) onIdle();
  }

  /** One step of a feed that somebody watches: a round, the pause before it, or the wait for the right to make one. */
  async #serve(seat: PollSeat): Promise<void> {
    this.#emptySinceMs = null;
    const { rounds } = this.#options;
    const lease = this.#lease;
    const waitMs = lease === null ? this.#standsBackUntilMs - this.#nowMs() : rounds.dueInMs;
    if (waitMs > 0) await this.#pause(waitMs);
    else if (lease === null) await this.#stand(seat);
    else await this.#round(lease, seat);
  }

  /**
   * One step of a feed that nobody watches any more.
   * @returns whether it is to stay
   */
  async #linger(seat: PollSeat): Promise<boolean> {
    const { isReady, lingerMs } = this.#options;
    this.#emptySinceMs ??= this.#nowMs();
    // A feed whose first round did not come to its end has nothing to stay ready with.
    if (!(await isReady(seat.term))) return false;
    const lease = this.#lease;
    if (lease !== null && (await this.#isWatchedElsewhere(seat))) await this.#giveBack(lease, 'watched elsewhere only');
    const leftMs = this.#emptySinceMs + lingerMs - this.#nowMs();
    if (leftMs <= 0) return false;
    await this.#pause(leftMs);
    return true;
  }

  /** Waits until this replica polls, or nobody here wants it to. */
  async #stand(seat: PollSeat): Promise<void> {
    const candidacy = new AbortController();
    this.#candidacy = candidacy;
    try {
      const lease = await seat.elected(candidacy.signal);
      this.#lease = lease;
      this.#options.rounds.takeOver();
      this.#leaseChanged('gained', { term: lease.term });
      lease.lost.addEventListener('abort', () => this.#lost(lease), { once: true });
      if (lease.lost.aborted) this.#lost(lease);
      this.#options.onHolder();
    } catch (error) {
      if (!candidacy.signal.aborted) throw error;
    } finally {
      this.#candidacy = null;
    }
  }

  async #round(lease: Lease, seat: PollSeat): Promise<void> {
    const conclusion = await this.#options.rounds.make(lease, seat);
    switch (conclusion.kind) {
      case 'go on':
        return;
      case 'lost':
        this.drop(lease);
        return;
      case 'refused':
        this.#standsBackUntilMs = this.#nowMs() + conclusion.pauseMs;
        await this.#giveBack(lease, 'refused by the platform');
        return;
    }
  }

  async #giveBack(lease: Lease, why: string): Promise<void> {
    if (this.#lease !== lease) return;
    this.#lease = null;
    this.#leaseChanged('released', { term: lease.term, why });
    await lease.release();
  }

  #lost(lease: Lease): void {
    if (this.#lease !== lease) return;
    this.#lease = null;
    this.#leaseChanged('lost', { term: lease.term });
    this.#options.interrupt();
    this.#options.onHolder();
    this.wake();
  }

  #leaseChanged(
    change: 'gained' | 'lost' | 'released',
    details: { readonly term: number; readonly why?: string },
  ): void {
    const { logger, metrics, kind } = this.#options;
    metrics.leaseChanged({ kind, change });
    logger.debug({ ...this.#where(), ...details }, `poll lease ${change}`);
  }

  #explain(holder: Parameters<PollListener['termChanged']>[0]): void {
    const { logger, onHolder } = this.#options;
    if (holder === 'elsewhere') logger.debug({ ...this.#where(), term: this.term }, 'polled by another replica');
    onHolder();
  }

  async #isWatchedElsewhere(seat: PollSeat): Promise<boolean> {
    try {
      return (await seat.others()) !== null;
    } catch (err) {
      this.#options.logger.debug({ ...this.#where(), err }, 'other replicas not reached');
      return false;
    }
  }

  /** Many changes of the members in one turn of the event loop are told once. */
  async #announce(): Promise<void> {
    await Promise.resolve();
    this.#announces = false;
    const { members, logger } = this.#options;
    try {
      await this.#seat?.announce(members.size === 0 ? null : members.scope);
    } catch (err) {
      logger.debug({ ...this.#where(), err }, 'other replicas not reached');
    }
  }

  async #leave(seat: PollSeat): Promise<void> {
    try {
      await seat[Symbol.asyncDispose]();
    } catch (err) {
      this.#options.logger.warn({ ...this.#where(), err }, 'poll seat not given back');
    }
  }

  /** Until the time has passed, or something happens. */
  async #pause(ms: number): Promise<void> {
    if (this.#woken) return;
    const sleep = new AbortController();
    this.#sleep = sleep;
    try {
      await this.#options.clock.sleep(ms, sleep.signal);
    } catch (error) {
      if (!sleep.signal.aborted) throw error;
    } finally {
      this.#sleep = null;
    }
  }

  #where(): { readonly kind: string } & Tenant {
    return { kind: this.#options.kind, ...this.#options.tenant };
  }

  #nowMs(): number {
    return this.#options.clock.now().getTime();
  }
}
