import type { Identity, ProfileEntry } from './wire/profile.ts';

/** An identity as a key. The case of namespaces does not count; that of values does. */
export const identityKey = ({ namespace, value }: Identity): string => JSON.stringify([namespace.toLowerCase(), value]);

type Content = ProfileEntry['content'];

/** Whose entry it is: what was found for an identity, or `unsettled` when the answer does not tell. */
export type Match = Content | 'unsettled';

/**
 * Finds the entry of each identity that was asked for. The platform keys its answer by ids of its own, so an entry is
 * about an identity when it says so (`requestedIdentity`), else when the person has that identity, else when just one
 * identity and one entry are left over, and the entry does not say that it is about another. Nothing is guessed beyond
 * that: to show the wrong person would be worse than to ask again. An answer about a single identity is about that one,
 * whatever it holds.
 */
export function matchProfiles(asked: readonly Identity[], entries: readonly ProfileEntry[]): readonly Match[] {
  const keys = asked.map(identityKey);
  const isAsked = new Set(keys);
  const byRequest = new Map<string, Content>();
  const byPerson = new Map<string, Content>();
  const left: ProfileEntry[] = [];
  for (const entry of entries) {
    const requested = (entry.requested === null ? [] : [identityKey(entry.requested)]).filter((key) =>
      isAsked.has(key),
    );
    const owned = entry.identities.map(identityKey).filter((key) => isAsked.has(key));
    for (const key of requested) byRequest.set(key, better(byRequest.get(key), entry.content));
    for (const key of owned) byPerson.set(key, better(byPerson.get(key), entry.content));
    if (requested.length + owned.length === 0 && entry.content.kind !== 'nobody') left.push(entry);
  }

  const missing = keys.filter((key) => !byRequest.has(key) && !byPerson.has(key));
  const isOnlyOne = missing.length === 1 && left.length === 1 && left.every(isAnonymous);
  const canTell = left.length === 0 || keys.length === 1 || isOnlyOne;
  const rest: Match = canTell ? left.map(({ content }) => content).reduce<Content>(better, nobody) : 'unsettled';
  return keys.map((key) => byRequest.get(key) ?? byPerson.get(key) ?? rest);
}

const isAnonymous = ({ requested, identities }: ProfileEntry): boolean => requested === null && identities.length === 0;

const nobody: Content = { kind: 'nobody' };
const rank = { nobody: 0, failure: 1, profile: 2 } as const satisfies Record<Content['kind'], number>;

/** Of two entries about one identity the one that says more; the first where they say as much. */
const better = (first: Content | undefined, second: Content): Content =>
  first !== undefined && rank[first.kind] >= rank[second.kind] ? first : second;
