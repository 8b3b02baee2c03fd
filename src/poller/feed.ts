import type { Tenant } from '../domain/tenant.ts';
import { GatewayError, ShuttingDownError } from '../errors.ts';
import type { EventLog } from '../events/event-log.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { EntityFinder } from './entity-finder.ts';
import { type FeedMember, FeedMembers } from './feed-members.ts';
import type { FeedSource, Observed, RoundResult, WatchScope } from './feed-source.ts';
import { FeedState } from './feed-state.ts';
import { Pace, type PaceOptions } from './pace.ts';
import { isRefusal } from './refusal.ts';

export interface FeedOptions<Entity extends Observed, Reader, Memory> extends PaceOptions {
  readonly tenant: Tenant;
  readonly source: FeedSource<Entity, Reader, Memory>;
  readonly log: EventLog<Entity>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'debug' | 'warn'>;
  /** How long a feed without subscribers stays ready. It makes no round in that time: there is nobody to read for. */
  readonly lingerMs: number;
  /** Called when the last subscriber has left and the linger is over. The feed can be joined again. */
  readonly onIdle: () => void;
}

/** Failed rounds in a row after which subscribers are told that what they see may be out of date. */
const failuresUntilStale = 2;
/** How many other readers are tried in one round when the platform refuses a credential. */
const maxHandOversPerRound = 3;

interface Waiter {
  readonly ids: FeedMember<unknown>['ids'];
  resolve(): void;
  reject(error: unknown): void;
}

/** Reads one kind of entity of one tenant for everybody who watches it, and writes what changed into the log. */
export class Feed<Entity extends Observed, Reader, Memory> {
  readonly #options: FeedOptions<Entity, Reader, Memory>;
  readonly #state: FeedState<Entity>;
  readonly #finder: EntityFinder<Entity, Reader, Memory>;
  readonly #pace: Pace;
  readonly #members = new FeedMembers<Reader>();
  readonly #waiters = new Map<FeedMember<Reader>, Waiter>();
  readonly #closed = new AbortController();
  #memory: Memory | null = null;
  #loop: Promise<void> | null = null;
  #sleep: AbortController | null = null;
  #inFlight: { readonly member: FeedMember<Reader>; readonly controller: AbortController } | null = null;
  /** A good round has been made since the feed started. */
  #ready = false;
  /** What may interest a watcher of the whole sandbox has been looked for, and followed since. */
  #discovered = false;
  #rounds = 0;
  #lastRoundAt: Date | null = null;

  constructor(options: FeedOptions<Entity, Reader, Memory>) {
    const { source, log, clock } = options;
    this.#options = options;
    this.#pace = new Pace(options);
    this.#state = new FeedState({ log, source });
    this.#finder = new EntityFinder({ source, state: this.#state, clock, memory: () => this.#memory });
  }

  get log(): EventLog<Entity> {
    return this.#options.log;
  }

  get running(): boolean {
    return this.#loop !== null;
  }

  get subscribers(): number {
    return this.#members.size;
  }

  /** Good rounds so far. */
  get rounds(): number {
    return this.#rounds;
  }

  /** When the last good round ended. */
  get lastRoundAt(): Date | null {
    return this.#lastRoundAt;
  }

  join(member: FeedMember<Reader>): void {
    this.#members.add(member);
    if (this.#loop === null) this.#start();
    else this.#wake();
  }

  /** From now on the member's reader is not used, not even to end a round that has begun with it. */
  leave(member: FeedMember<Reader>): void {
    if (!this.#members.delete(member)) return;
    this.#waiters.delete(member);
    if (this.#inFlight?.member === member) this.#inFlight.controller.abort();
    if (this.#members.size === 0) this.#wake();
  }

  /**
   * Resolves when there is a state that this member can begin with; never when it leaves before.
   * @throws {GatewayError} the round that should have brought it failed.
   */
  ready(member: FeedMember<Reader>): Promise<void> {
    if (this.#closed.signal.aborted) return Promise.reject(this.#closed.signal.reason);
    if (this.#suffices(member.ids)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.set(member, { ids: member.ids, resolve, reject });
      this.#wake();
    });
  }

  /**
   * Brings the entities that this member watches by name up to date, as far as no round has.
   * @returns the ids that the platform does not know
   * @throws {GatewayError} the platform could not be read
   */
  find(member: FeedMember<Reader>, signal: AbortSignal): Promise<readonly string[]> {
    return this.#finder.find(member.ids ?? [], member.reader, signal);
  }

  /** A round at once, or one more right after the one under way. Does nothing when nobody watches. */
  nudge(): void {
    if (this.#members.size === 0) return;
    this.#pace.nudge(this.#nowMs());
    this.#wake();
  }

  /** Ends the rounds and the log. Resolves when nothing runs any more. */
  async close(): Promise<void> {
    if (!this.#closed.signal.aborted) {
      this.#closed.abort(new ShuttingDownError({ message: 'The gateway is going down.' }));
      this.#rejectWaiters(this.#closed.signal.reason);
      this.#inFlight?.controller.abort();
      this.#wake();
    }
    await this.#loop;
    await this.log[Symbol.asyncDispose]();
  }

  #start(): void {
    if (this.#closed.signal.aborted) return;
    this.#pace.start();
    this.#loop = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#closed.signal.aborted) {
      if (this.#members.size === 0) {
        // A feed whose first round did not come to its end has nothing to stay ready with.
        if (!this.#ready) break;
        const elapsed = await this.#pause(this.#options.lingerMs);
        if (elapsed && this.#members.size === 0) break;
      } else {
        const waitMs = this.#pace.dueMs(this.#waiters.size > 0) - this.#nowMs();
        if (waitMs > 0) await this.#pause(waitMs);
        else await this.#round();
      }
    }
    this.#ready = false;
    this.#discovered = false;
    this.#loop = null;
    if (!this.#closed.signal.aborted) this.#options.onIdle();
  }

  /** @returns false when it was woken before the time had passed */
  async #pause(ms: number): Promise<boolean> {
    const sleep = new AbortController();
    this.#sleep = sleep;
    try {
      await this.#options.clock.sleep(ms, sleep.signal);
      return true;
    } catch (error) {
      if (!sleep.signal.aborted) throw error;
      return false;
    } finally {
      this.#sleep = null;
    }
  }

  #wake(): void {
    this.#sleep?.abort();
  }

  async #round(): Promise<void> {
    this.#pace.begin();
    const { scope } = this.#members;
    const discover = scope.everything && !this.#discovered;
    try {
      const result = await this.#read(scope, discover);
      if (result === null) this.#pace.interrupted(this.#nowMs());
      else await this.#succeeded(result, { everything: scope.everything, discover });
    } catch (error) {
      await this.#failed(error);
    }
  }

  /** @returns null when the owner of the reader left in the middle of it */
  async #read(scope: WatchScope, discover: boolean): Promise<RoundResult<Entity, Memory> | null> {
    const { source } = this.#options;
    const known = await this.#state.known();
    for (let handOvers = 0; ; handOvers += 1) {
      const member = this.#members.poller();
      if (member === null || this.#closed.signal.aborted) return null;
      const controller = new AbortController();
      const { signal } = controller;
      this.#inFlight = { member, controller };
      try {
        return await source.read(member.reader, { known, scope, discover, memory: this.#memory, signal });
      } catch (error) {
        if (signal.aborted) return null;
        if (!isRefusal(error)) throw error;
        member.onRefused();
        if (!this.#members.refuse(member) || handOvers === maxHandOversPerRound) throw error;
      } finally {
        this.#inFlight = null;
      }
    }
  }

  async #succeeded(
    result: RoundResult<Entity, Memory>,
    { everything, discover }: { readonly everything: boolean; readonly discover: boolean },
  ): Promise<void> {
    const { source, clock, logger } = this.#options;
    const at = clock.now();
    const before = this.#memory;
    const changes = await this.#state.apply(
      { ...result, hasAppeared: (entity) => source.hasAppeared(entity, before) },
      { recovered: true, at },
    );
    this.#memory = result.memory;
    this.#ready = true;
    this.#discovered = everything && (discover || this.#discovered);
    this.#finder.refreshed(result.read);
    this.#rounds += 1;
    this.#lastRoundAt = at;
    const running = await this.#watchesSomethingRunning();
    const limited = result.incomplete?.code === 'RATE_LIMITED';
    const retryAfterMs = result.incomplete?.retryAfterMs ?? null;
    const nextInMs = this.#pace.succeeded({ changed: changes > 0, running, limited, retryAfterMs }, this.#nowMs());
    for (const [member, waiter] of this.#waiters) {
      if (!this.#suffices(waiter.ids)) continue;
      this.#waiters.delete(member);
      waiter.resolve();
    }
    const summary = { ...this.#where(), ...result.calls, discover, changes, running, nextInMs };
    logger.debug({ ...summary, incomplete: result.incomplete?.code }, 'poll round');
    if (result.cutShort) logger.warn(summary, 'more came into being since the last round than one round reads');
  }

  async #failed(error: unknown): Promise<void> {
    const { logger, clock } = this.#options;
    const retryAfterMs = error instanceof GatewayError ? error.retryAfterMs : null;
    const nextInMs = this.#pace.failed(retryAfterMs, this.#nowMs());
    const { failures } = this.#pace;
    // The platform's failures are expected and told to subscribers; anything else is a defect here.
    if (error instanceof GatewayError)
      logger.debug({ ...this.#where(), failures, code: error.code, nextInMs }, 'poll round failed');
    else logger.warn({ ...this.#where(), failures, err: error, nextInMs }, 'poll round failed');
    this.#rejectWaiters(error);
    if (!this.#ready || failures < failuresUntilStale) return;
    try {
      await this.#state.stale(clock.now());
    } catch (err) {
      logger.warn({ ...this.#where(), err }, 'event log not written');
    }
  }

  async #watchesSomethingRunning(): Promise<boolean> {
    const { everything, ids } = this.#members.scope;
    for (const [key, entity] of await this.#state.known()) {
      if ((everything || ids.has(key)) && !this.#options.source.isTerminal(entity)) return true;
    }
    return false;
  }

  #suffices(ids: FeedMember<unknown>['ids']): boolean {
    return this.#ready && (ids !== null || this.#discovered);
  }

  #rejectWaiters(error: unknown): void {
    for (const [member, waiter] of this.#waiters) {
      this.#waiters.delete(member);
      waiter.reject(error);
    }
  }

  #where(): { readonly kind: string } & Tenant {
    return { kind: this.#options.source.kind, ...this.#options.tenant };
  }

  #nowMs(): number {
    return this.#options.clock.now().getTime();
  }
}
