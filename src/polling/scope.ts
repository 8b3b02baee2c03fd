/** The entities that are watched. */
export interface WatchedEntities {
  /** Whether at least one subscriber watches the whole sandbox, with or without a filter. */
  readonly everything: boolean;
  /** Ids that subscribers name. */
  readonly ids: ReadonlySet<string>;
}

export interface WatchScope extends WatchedEntities {
  /** The entities whose results are also watched (see ResultSource). Absent: none. */
  readonly results?: WatchedEntities;
}

/** Combines the scopes of several replicas or subscribers; null when all of them are null. */
export function unionOf(scopes: readonly (WatchScope | null)[]): WatchScope | null {
  const present = scopes.filter((scope) => scope !== null);
  const [only, ...more] = present;
  if (only === undefined || more.length === 0) return only ?? null;
  const results = present.flatMap((scope) => scope.results ?? []);
  return { ...allOf(present), ...(results.length === 0 ? {} : { results: allOf(results) }) };
}

export function isWatched(id: string, watched: WatchedEntities | undefined): boolean {
  return watched !== undefined && (watched.everything || watched.ids.has(id));
}

const allOf = (parts: readonly WatchedEntities[]): WatchedEntities => ({
  everything: parts.some(({ everything }) => everything),
  ids: new Set(parts.flatMap(({ ids }) => [...ids])),
});
