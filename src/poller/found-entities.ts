import { EventEmitter } from 'node:events';
import { LogConflictError, LogFencedError } from '../events/event-log.ts';
import type { Clock } from '../runtime/clock.ts';
import { eventOrTime } from '../runtime/event-or-time.ts';
import type { FeedPoller } from './feed-poller.ts';
import type { Observed } from './feed-source.ts';
import type { PollLoop } from './poll-loop.ts';

/** When a replica that polls is told again what it has not brought into the log, in milliseconds. */
const repeatAfterMs = 1_000;

export interface FoundEntitiesOptions<Entity extends Observed, Reader, Memory> {
  readonly poller: FeedPoller<Entity, Reader, Memory>;
  readonly clock: Clock;
  readonly loop: Pick<PollLoop<Entity, Reader, Memory>, 'lease' | 'send' | 'drop'>;
}

/**
 * Brings what subscribers read by name into the log. There is one writer, so that all are told the same: a replica that
 * does not poll hands it to the one that does, and to its successor if that one goes away.
 */
export class FoundEntities<Entity extends Observed, Reader, Memory> {
  readonly #options: FoundEntitiesOptions<Entity, Reader, Memory>;
  readonly #news = new EventEmitter().setMaxListeners(0);
  #version = 0;

  constructor(options: FoundEntitiesOptions<Entity, Reader, Memory>) {
    this.#options = options;
  }

  /** The log has been written to, or somebody else polls. */
  somethingNew(): void {
    this.#version += 1;
    this.#news.emit('news');
  }

  /**
   * Resolves when the log shows it here.
   * @param entity null when the platform does not know it
   * @throws {GatewayError} the log or the replica that polls cannot be reached
   * @throws the reason of the signal
   */
  async record(id: string, entity: Entity | null, signal: AbortSignal): Promise<void> {
    const { poller, clock, loop } = this.#options;
    const at = clock.now();
    for (;;) {
      const version = this.#version;
      if (await poller.shows(id, entity)) return;
      signal.throwIfAborted();
      const { lease } = loop;
      if (lease === null) {
        await loop.send({ kind: 'found', id, entity, at });
        if (this.#version === version) await this.#newsOrLater(signal);
        continue;
      }
      try {
        await poller.record(lease, id, entity);
      } catch (error) {
        if (error instanceof LogFencedError) loop.drop(lease);
        else if (error instanceof LogConflictError) await this.#newsOrLater(signal);
        else throw error;
      }
    }
  }

  #newsOrLater(signal: AbortSignal): Promise<void> {
    return eventOrTime(this.#news, 'news', repeatAfterMs, { clock: this.#options.clock, signal });
  }
}
