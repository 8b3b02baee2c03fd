import DataLoader from 'dataloader';

export interface Loader<Id extends string, Entity> {
  /** Null if the platform does not have the id. */
  load(id: Id): Promise<Entity | null>;
  /**
   * Adds an entity that was read in another way, so that it is not read again. An entity that was added before stays.
   */
  prime(entity: Entity): void;
  /** Adds several entities. */
  primeAll(entities: readonly Entity[]): void;
}

export interface LoaderOptions<Id extends string, Entity> {
  readonly idOf: (entity: Entity) => Id;
  /**
   * Reads the entities of distinct `ids`, in any order. The result omits an id that the platform does not have, and
   * contains a `LoadFailure` for an id that could not be read.
   */
  readonly loadMany: (ids: readonly Id[]) => Promise<readonly (Entity | LoadFailure<Id>)[]>;
}

/** One id of a batch could not be read. Its load throws `error`; the loads of other ids are not affected. */
export class LoadFailure<Id extends string> {
  readonly id: Id;
  readonly error: Error;

  constructor(id: Id, error: Error) {
    this.id = id;
    this.error = error;
  }
}

/**
 * Creates a loader by id. Ids that are loaded in the same turn are read together, each once, and results are matched by
 * id.
 */
export function createLoader<Id extends string, Entity>({
  idOf,
  loadMany,
}: LoaderOptions<Id, Entity>): Loader<Id, Entity> {
  let loader: DataLoader<Id, Entity | null> | undefined;
  /**
   * Pages of entities that were added. Most operations with a list load nothing by id, so that they are indexed on
   * demand.
   */
  let primed: (readonly Entity[])[] = [];
  /**
   * Loads of the current turn; null if there are none. Many entities refer to one entity, and DataLoader creates a
   * promise for each reference.
   */
  let loading: Map<Id, Promise<Entity | null>> | null = null;
  const schedule = (dispatch: () => void): void =>
    afterPromises(() => {
      loading = null;
      dispatch();
    });
  const begun = (): DataLoader<Id, Entity | null> => {
    loader ??= new DataLoader<Id, Entity | null>((ids) => loadMany(ids).then((results) => byId(ids, results, idOf)), {
      batchScheduleFn: schedule,
    });
    for (const entities of primed) for (const entity of entities) loader.prime(idOf(entity), entity);
    primed = [];
    return loader;
  };
  return {
    load: (id) => {
      const known = loading?.get(id);
      if (known !== undefined) return known;
      const loaded = begun().load(id);
      loading ??= new Map();
      loading.set(id, loaded);
      return loaded;
    },
    prime: (entity) => void primed.push([entity]),
    primeAll: (entities) => void primed.push(entities),
  };
}

/** The result of each id, in the order of the ids; null if there is none. */
function byId<Id extends string, Entity>(
  ids: readonly Id[],
  results: readonly (Entity | LoadFailure<Id>)[],
  idOf: (entity: Entity) => Id,
): (Entity | Error | null)[] {
  const found = new Map<Id, Entity | Error>();
  for (const result of results) {
    if (result instanceof LoadFailure) found.set(result.id, result.error);
    else found.set(idOf(result), result);
  }
  return ids.map((id) => found.get(id) ?? null);
}

/** Calls a function after all pending promise callbacks have run, as DataLoader does by default. */
const afterPromises = (then: () => void): void => void Promise.resolve().then(() => process.nextTick(then));

/** Reads each id by a separate call, for entities that the platform cannot read in bulk. */
export const loadEach =
  <Id extends string, Entity>(loadOne: (id: Id) => Promise<Entity | null>) =>
  (ids: readonly Id[]): Promise<readonly (Entity | LoadFailure<Id>)[]> => {
    const load = (id: Id): Promise<readonly (Entity | LoadFailure<Id>)[]> =>
      loadOne(id).then(
        (entity) => (entity === null ? [] : [entity]),
        (error: unknown) => [new LoadFailure(id, error instanceof Error ? error : new Error(String(error)))],
      );
    const [only] = ids;
    // Most operations read one entity, for which the list of promises would cost more than the promise.
    if (ids.length === 1 && only !== undefined) return load(only);
    return Promise.all(ids.map(load)).then((results) => results.flat());
  };
