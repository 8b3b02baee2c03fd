import type { Identity, ProfileEntry } from '../wire/profile.ts';

/** An identity as a key. The case of the namespace is ignored, and the case of the value is significant. */
export const identityKey = ({ namespace, value }: Identity): string => JSON.stringify([namespace.toLowerCase(), value]);

type Content = ProfileEntry['content'];

/** The content that was found for an identity; `unsettled` if the response does not determine it. */
type Match = Content | 'unsettled';

/**
 * Finds the entry of each requested identity. The keys of the platform's response are its own ids, so that an entry
 * belongs to an identity by the first of these rules: the entry names it (`requestedIdentity`); the person has this
 * identity; exactly one identity and one entry are left, and the entry names no other identity. Nothing else is
 * guessed, because a repeated request is better than the profile of another person. A response to a request for a
 * single identity always belongs to that identity.
 */
export function matchProfiles(identities: readonly Identity[], entries: readonly ProfileEntry[]): readonly Match[] {
  const keys = identities.map(identityKey);
  const isRequested = new Set(keys);
  const byRequest = new Map<string, Content>();
  const byPerson = new Map<string, Content>();
  const left: ProfileEntry[] = [];
  for (const entry of entries) {
    const requested = (entry.requested === null ? [] : [identityKey(entry.requested)]).filter((key) =>
      isRequested.has(key),
    );
    const owned = entry.identities.map(identityKey).filter((key) => isRequested.has(key));
    for (const key of requested) byRequest.set(key, better(byRequest.get(key), entry.content));
    for (const key of owned) byPerson.set(key, better(byPerson.get(key), entry.content));
    if (requested.length + owned.length === 0 && entry.content.kind !== 'nobody') left.push(entry);
  }

  const missing = keys.filter((key) => !byRequest.has(key) && !byPerson.has(key));
  const isOnlyOne = missing.length === 1 && left.length === 1 && left.every(isAnonymous);
  const isUnambiguous = left.length === 0 || keys.length === 1 || isOnlyOne;
  const rest: Match = isUnambiguous ? left.map(({ content }) => content).reduce<Content>(better, nobody) : 'unsettled';
  return keys.map((key) => byRequest.get(key) ?? byPerson.get(key) ?? rest);
}

const isAnonymous = ({ requested, identities }: ProfileEntry): boolean => requested === null && identities.length === 0;

const nobody: Content = { kind: 'nobody' };
const rank = { nobody: 0, failure: 1, profile: 2 } as const satisfies Record<Content['kind'], number>;

/** The entry with more content of two entries about one identity; the first if they have the same. */
const better = (first: Content | undefined, second: Content): Content =>
  first !== undefined && rank[first.kind] >= rank[second.kind] ? first : second;
