import DataLoader from 'dataloader';

export interface Loader<Id extends string, Entity> {
  /** Null when the platform does not know the id. */
  load(id: Id): Promise<Entity | null>;
  /** Takes an entity that came by another way, so that it need not be read again. What is there already stays. */
  prime(entity: Entity): void;
  /** Takes several at once. */
  primeAll(entities: readonly Entity[]): void;
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
  let loader: DataLoader<Id, Entity | null> | undefined;
  /** Most operations that read a list load nothing by id, so entities are looked at only when something is. */
  let primed: (readonly Entity[])[] = [];
  /** Loads of the present turn: many entities refer to one, and DataLoader makes a promise of its own for each of them. */
  let asked = new Map<Id, Promise<Entity | null>>();
  const schedule = (dispatch: () => void): void =>
    afterPromises(() => {
      asked = new Map();
      dispatch();
    });
  const begun = (): DataLoader<Id, Entity | null> => {
    loader ??= new DataLoader<Id, Entity | null>(
      async (ids) => {
        const found = new Map<Id, Entity | Error>();
        for (const result of await loadMany(ids)) {
          if (result instanceof LoadFailure) found.set(result.id, result.error);
          else found.set(idOf(result), result);
        }
        return ids.map((id) => found.get(id) ?? null);
      },
      { batchScheduleFn: schedule },
    );
    for (const entities of primed) for (const entity of entities) loader.prime(idOf(entity), entity);
    primed = [];
    return loader;
  };
  return {
    load: (id) => {
      const known = asked.get(id);
      if (known !== undefined) return known;
      const loaded = begun().load(id);
      asked.set(id, loaded);
      return loaded;
    },
    prime: (entity) => void primed.push([entity]),
    primeAll: (entities) => void primed.push(entities),
  };
}

/** Calls a function when no promise can be continued any more, as DataLoader does by default. */
const afterPromises = (then: () => void): void => void Promise.resolve().then(() => process.nextTick(then));

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
