import { GatewayError } from '../errors.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import type { FeedSource, Observed } from './feed-source.ts';
import type { FeedView, LoadedView } from './feed-view.ts';
import { isRefusal } from './refusal.ts';

/** Entities read by name at the same time for one subscriber. */
const concurrency = 5;

export interface EntityFinderOptions<Entity extends Observed, Reader, Memory> {
  readonly source: FeedSource<Entity, Reader, Memory>;
  readonly view: FeedView<Entity, Memory>;
  /** Brings what was found into the log; null: the platform does not know it. Resolves when the log shows it here. */
  readonly record: (id: string, entity: Entity | null, signal: AbortSignal) => Promise<void>;
}

/** Reads entities by name that a subscriber asks for and no round has read. Many who ask for the same share one call. */
export class EntityFinder<Entity extends Observed, Reader, Memory> {
  readonly #options: EntityFinderOptions<Entity, Reader, Memory>;
  readonly #underWay = new Map<string, Promise<boolean>>();
  /** Found here since a round. */
  readonly #found = new Set<string>();
  #foundSince: string | null = null;

  constructor(options: EntityFinderOptions<Entity, Reader, Memory>) {
    this.#options = options;
  }

  /**
   * Brings the named entities up to date.
   * @returns the ids that the platform does not know
   * @throws {GatewayError} the platform could not be read
   * @throws the reason of the signal
   */
  async find(ids: Iterable<string>, reader: Reader, signal: AbortSignal): Promise<readonly string[]> {
    const view = await this.#options.view.load();
    const open = [...ids].filter((id) => !this.#isUpToDate(id, view));
    const unknown: string[] = [];
    for (let from = 0; from < open.length; from += concurrency) {
      const chunk = open.slice(from, from + concurrency);
      const found = await Promise.all(chunk.map((id) => this.#shared(id, reader, signal)));
      unknown.push(...chunk.filter((_, index) => found[index] === false));
    }
    return unknown;
  }

  /** It has ended, or was read in the last round or since. */
  #isUpToDate(id: string, view: LoadedView<Entity, Memory>): boolean {
    const entity = view.known.get(id);
    if (entity === undefined) return false;
    return this.#options.source.isTerminal(entity) || view.note?.read.has(id) || this.#foundAfter(view).has(id);
  }

  #foundAfter({ note }: LoadedView<Entity, Memory>): Set<string> {
    const round = `${note?.term} ${note?.round}`;
    if (this.#foundSince !== round) this.#found.clear();
    this.#foundSince = round;
    return this.#found;
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
    const { source, view, record } = this.#options;
    const entity = await source.find(reader, id, signal);
    await record(id, entity, signal);
    if (entity !== null) this.#foundAfter(await view.load()).add(id);
    return entity !== null;
  }
}
