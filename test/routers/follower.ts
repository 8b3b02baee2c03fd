import { systemClock } from '../../src/runtime/clock.ts';
import { seenExportJob } from '../chaos/subscriber.ts';
import { WatchExportJobsDocument } from '../e2e/operations.generated.ts';
import { StreamFailure } from '../support/event-stream.ts';
import { connectGateway, type SubscribeOptions } from '../support/gateway.ts';
import {
  everything,
  parseCursor,
  type SeenEvent,
  type WatchHistory,
  type WatchSession,
} from '../support/history/watch-history.ts';

/** Pause before a client subscribes again, in milliseconds. */
const comeBackMs = 250;

type OpenSession = Omit<WatchSession, 'events' | 'end' | 'endedAt'> & {
  readonly events: SeenEvent[];
  end: WatchSession['end'];
  endedAt: Date | null;
};

/** A client behind a router that follows all export jobs, and resumes at its last cursor whenever its stream ends. */
export class Follower implements AsyncDisposable {
  /** How its streams ended: codes of errors, or `completed` or `broken`. */
  readonly ends: string[] = [];
  readonly #after: string | null;
  readonly #name: string;
  readonly #url: string;
  readonly #options: SubscribeOptions;
  readonly #sessions: OpenSession[] = [];
  readonly #running: Promise<void>;
  #close: (() => Promise<void>) | null = null;
  #stopped = false;

  /**
   * @param url address of the router, without `/graphql`
   * @param after cursor after which it begins; null = it begins with a snapshot
   */
  constructor(name: string, url: string, options: SubscribeOptions, after: string | null = null) {
    this.#after = after;
    this.#name = name;
    this.#url = url;
    this.#options = options;
    this.#running = this.#run();
  }

  get history(): WatchHistory {
    return { name: this.#name, scope: everything, sessions: this.#sessions };
  }

  get events(): readonly SeenEvent[] {
    return this.#sessions.flatMap(({ events }) => events);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#close?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await this.#subscribe();
      if (!this.#stopped) await systemClock.sleep(comeBackMs);
    }
  }

  async #subscribe(): Promise<void> {
    const after = this.events.at(-1)?.cursor ?? this.#after;
    let session = this.#begin(after);
    const stream = connectGateway(this.#url).subscribe(WatchExportJobsDocument, { after }, this.#options);
    this.#close = () => stream[Symbol.asyncDispose]();
    try {
      for (let data = await stream.take(); data !== null; data = await stream.take()) {
        session = this.#received(seenExportJob(data), session);
      }
      // A router also completes a stream whose source has ended, so that completion has no meaning of its own.
      this.#ended('completed');
    } catch (error) {
      if (!(error instanceof StreamFailure)) throw error;
      this.#ended(error.errors.map(({ extensions }) => extensions?.['code'] ?? 'no code').join() || 'broken');
    }
    leave(session);
    this.#close = null;
    await stream[Symbol.asyncDispose]();
  }

  #begin(after: string | null): OpenSession {
    const session: OpenSession = { after, openedAt: systemClock.now(), events: [], end: 'open', endedAt: null };
    this.#sessions.push(session);
    return session;
  }

  /**
   * Adds an event. A router that subscribes again by itself sends the first operation, so that another snapshot arrives
   * in the same stream. Clients replace their view with it, as with the snapshot of another subscription.
   * @returns the session of the event
   */
  #received(event: SeenEvent, session: OpenSession): OpenSession {
    const last = session.events.at(-1);
    const isAnotherSnapshot =
      event.kind === 'SNAPSHOT' &&
      last !== undefined &&
      parseCursor(last.cursor)?.epoch !== parseCursor(event.cursor)?.epoch;
    if (!isAnotherSnapshot) {
      session.events.push(event);
      return session;
    }
    leave(session);
    this.ends.push('subscribed again by the router');
    const next = this.#begin(null);
    next.events.push(event);
    return next;
  }

  #ended(how: string): void {
    if (!this.#stopped) this.ends.push(how);
  }
}

function leave(session: OpenSession): void {
  session.end = 'left';
  session.endedAt = systemClock.now();
}
