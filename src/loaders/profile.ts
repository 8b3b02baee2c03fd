import DataLoader from 'dataloader';
import type { Profile, ProfileQuery } from '../domain/profile.ts';
import { type ProfilesApi, profileQueryKey } from '../upstream/apis/profiles.ts';

/** Returns null if no person has the identity. */
export type ProfileLoader = (query: ProfileQuery) => Promise<Profile | null>;

/** Profiles that are loaded in the same turn are read together, each query once. */
export function createProfileLoader(api: ProfilesApi): ProfileLoader {
  const loader = new DataLoader<ProfileQuery, Profile | null, string>((queries) => api.getMany(queries), {
    cacheKeyFn: profileQueryKey,
  });
  return (query) => loader.load(query);
}
