/** Which entities somebody waits for. */
export interface WatchScope {
  /** Somebody watches the whole sandbox, by a filter or without one. */
  readonly everything: boolean;
  /** Watched by name. */
  readonly ids: ReadonlySet<string>;
}

/** What several replicas or subscribers watch together; null when all of them watch nothing. */
export function unionOf(scopes: readonly (WatchScope | null)[]): WatchScope | null {
  const present = scopes.filter((scope) => scope !== null);
  const [only, ...more] = present;
  if (only === undefined || more.length === 0) return only ?? null;
  return {
    everything: present.some(({ everything }) => everything),
    ids: new Set(present.flatMap(({ ids }) => [...ids])),
  };
}
