import type { Client } from 'urql';
import type { Clock } from '../app/clock.ts';
import { ValueStore } from '../app/value-store.ts';
import { NamesDocument, type NamesQuery } from '../operations.generated.ts';
import { Batches } from './batches.ts';

type NamedType = 'Dataset' | 'SegmentDefinition' | 'Schedule';

/** Maximum number of ids of `Query.nodes`. */
const maxIds = 100;

/** Pause before names that could not be read are read again, in milliseconds. */
const retryMs = 5_000;

/** Names of datasets, segments and schedules, by global id. Null: it has no name, or no longer exists. */
export class NameStore extends ValueStore<ReadonlyMap<string, string | null>> {
  readonly #wanted = new Set<string>();
  readonly #batches: Batches<string>;
  readonly #clock: Pick<Clock, 'after'>;
  #cancelRetry = () => {};

  /** @param read reads the names of at most `maxIds` entities; null for ids that it does not know */
  constructor(
    clock: Pick<Clock, 'after'>,
    read: (ids: readonly string[]) => Promise<ReadonlyMap<string, string | null> | null>,
  ) {
    super(new Map());
    this.#clock = clock;
    this.#batches = new Batches(clock, (ids) => {
      for (let start = 0; start < ids.length; start += maxIds) void this.#read(ids.slice(start, start + maxIds), read);
    });
  }

  /** Reads a name, unless it is known or being read. Names that are wanted at about the same time are read together. */
  want(id: string): void {
    if (this.#wanted.has(id)) return;
    this.#wanted.add(id);
    this.#batches.add(id);
  }

  close(): void {
    this.#cancelRetry();
    this.#batches.close();
  }

  async #read(
    ids: readonly string[],
    read: (ids: readonly string[]) => Promise<ReadonlyMap<string, string | null> | null>,
  ): Promise<void> {
    const found = await read(ids);
    if (found === null) {
      this.#cancelRetry = this.#clock.after(retryMs, () => {
        for (const id of ids) this.#batches.add(id);
      });
      return;
    }
    this.set(new Map([...this.get(), ...found]));
  }
}

/**
 * Events name datasets and segments only by id, because a name would cost a call to the platform for each event. The names
 * are read once for all rows that are visible.
 */
export const createNameStore = (client: Client, clock: Pick<Clock, 'after'>): NameStore =>
  new NameStore(clock, async (ids) => {
    const { data } = await client.query(NamesDocument, { ids: [...ids] }).toPromise();
    if (data === undefined) return null;
    return new Map(
      ids.map((id, index) => {
        const node = data.nodes[index] ?? null;
        return [id, nameOf(node)];
      }),
    );
  });

function nameOf(node: NamesQuery['nodes'][number]): string | null {
  switch (node?.__typename) {
    case 'Dataset':
    case 'SegmentDefinition':
    case 'Schedule':
      return node.name;
    default:
      return null;
  }
}

/** Returns the global id for the id that an entity has at the platform. */
export const globalId = (type: NamedType, platformId: string): string => `${type}:${platformId}`;
