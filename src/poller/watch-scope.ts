/** Which entities are watched. */
export interface WatchedEntities {
  /** At least one subscriber watches the whole sandbox, by a filter or without one. */
  readonly everything: boolean;
  /** Watched by name. */
  readonly ids: ReadonlySet<string>;
}

export interface WatchScope extends WatchedEntities {
  /** Those of which the results are watched as well (see ResultSource). Absent: none. */
  readonly results?: WatchedEntities;
}

/** What several replicas or subscribers watch together; null when all of them watch nothing. */
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
