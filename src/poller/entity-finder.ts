import { GatewayError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import type { FeedSource, Observed } from './feed-source.ts';
import type { FeedState } from './feed-state.ts';
import { isRefusal } from './refusal.ts';

/** Entities read by name at the same time for one subscriber. */
const concurrency = 5;

export interface EntityFinderOptions<Entity extends Observed, Reader, Memory> {
  readonly source: FeedSource<Entity, Reader, Memory>;
  readonly state: FeedState<Entity>;
  readonly clock: Pick<Clock, 'now'>;
  /** What the last good round left. */
  readonly memory: () => Memory | null;
}

/** Reads entities by name that a subscriber asks for and no round has read. Many who ask for the same share one call. */
export class EntityFinder<Entity extends Observed, Reader, Memory> {
  readonly #options: EntityFinderOptions<Entity, Reader, Memory>;
  readonly #underWay = new Map<string, Promise<boolean>>();
  /** Read in the last round or since. */
  #fresh = new Set<string>();

  constructor(options: EntityFinderOptions<Entity, Reader, Memory>) {
    this.#options = options;
  }

  /** A round has just read these. */
  refreshed(entities: readonly Entity[]): void {
    this.#fresh = new Set(entities.map((entity) => this.#options.source.key(entity)));
  }

  /**
   * Brings the named entities up to date.
   * @returns the ids that the platform does not know
   * @throws {GatewayError} the platform could not be read
   * @throws the reason of the signal
   */
  async find(ids: Iterable<string>, reader: Reader, signal: AbortSignal): Promise<readonly string[]> {
    const { source, state } = this.#options;
    const known = await state.known();
    const open = [...ids].filter((id) => {
      const entity = known.get(id);
      return entity === undefined || !(this.#fresh.has(id) || source.isTerminal(entity));
    });
    const unknown: string[] = [];
    for (let from = 0; from < open.length; from += concurrency) {
      const chunk = open.slice(from, from + concurrency);
      const found = await Promise.all(chunk.map((id) => this.#shared(id, reader, signal)));
      unknown.push(...chunk.filter((_, index) => found[index] === false));
    }
    return unknown;
  }

  async #shared(id: string, reader: Reader, signal: AbortSignal): Promise<boolean> {
    for (;;) {
      const others = this.#underWay.get(id);
      if (others === undefined) break;
      try {
        return await untilAborted(others, signal);
      } catch (error) {
        signal.throwIfAborted();
        // That somebody else left, or may not read it, says nothing about this subscriber.
        if (error instanceof GatewayError && !isRefusal(error)) throw error;
      }
    }
    const own = this.#read(id, reader, signal).finally(() => this.#underWay.delete(id));
    this.#underWay.set(id, own);
    return untilAborted(own, signal);
  }

  async #read(id: string, reader: Reader, signal: AbortSignal): Promise<boolean> {
    const { source, state, clock, memory } = this.#options;
    const entity = await source.find(reader, id, signal);
    const reading = {
      read: entity === null ? [] : [entity],
      gone: entity === null ? [id] : [],
      forgotten: [],
      // What another subscriber asks for by name may be news to those who watch everything.
      hasAppeared: (one: Entity) => source.hasAppeared(one, memory()),
    };
    await state.apply(reading, { recovered: false, at: clock.now() });
    if (entity !== null) this.#fresh.add(id);
    return entity !== null;
  }
}
