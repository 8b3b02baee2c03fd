import DataLoader from 'dataloader';

export interface Loader<Id extends string, Entity> {
  /** Null when the platform does not know the id. */
  load(id: Id): Promise<Entity | null>;
  /** Takes an entity that came by another way, so that it need not be read again. What is there already stays. */
  prime(entity: Entity): void;
}

export interface LoaderOptions<Id extends string, Entity> {
  readonly idOf: (entity: Entity) => Id;
  /**
   * Reads what the platform knows of `ids` (each named once), in any order; a missing one is simply not in the answer,
   * and one that could not be read stands there as its id and error.
   */
  readonly loadMany: (ids: readonly Id[]) => Promise<readonly (Entity | LoadFailure<Id>)[]>;
}

/** One id of many could not be read: its load throws `error`, the others are not touched by it. */
export class LoadFailure<Id extends string> {
  readonly id: Id;
  readonly error: Error;

  constructor(id: Id, error: Error) {
    this.id = id;
    this.error = error;
  }
}

/** The one way to load by id: ids asked for in the same turn are read together and each only once, matched by id. */
export function createLoader<Id extends string, Entity>({
  idOf,
  loadMany,
}: LoaderOptions<Id, Entity>): Loader<Id, Entity> {
  const loader = new DataLoader<Id, Entity | null>(async (ids) => {
    const found = new Map<Id, Entity | Error>();
    for (const result of await loadMany(ids)) {
      if (result instanceof LoadFailure) found.set(result.id, result.error);
      else found.set(idOf(result), result);
    }
    return ids.map((id) => found.get(id) ?? null);
  });
  return {
    load: (id) => loader.load(id),
    prime: (entity) => void loader.prime(idOf(entity), entity),
  };
}

/** Reads each id by a call of its own, for what the platform cannot read many of at once. */
export const loadEach =
  <Id extends string, Entity>(loadOne: (id: Id) => Promise<Entity | null>) =>
  async (ids: readonly Id[]): Promise<readonly (Entity | LoadFailure<Id>)[]> => {
    const results = await Promise.all(
      ids.map(async (id) => {
        try {
          return await loadOne(id);
        } catch (error) {
          return new LoadFailure(id, error instanceof Error ? error : new Error(String(error)));
        }
      }),
    );
    return results.filter((result) => result !== null);
  };
