import DataLoader from 'dataloader';
import type { Profile, ProfileQuery } from '../domain/profile.ts';
import { profileQueryKey } from '../upstream/profiles.ts';
import type { ProfilesApi } from '../upstream/segmentation-api.ts';

/** Null when the platform does not know anybody of that identity. */
export type ProfileLoader = (query: ProfileQuery) => Promise<Profile | null>;

/** People looked up in the same turn are asked for together, each once. A profile has no id that a query names it by. */
export function createProfileLoader(api: ProfilesApi): ProfileLoader {
  const loader = new DataLoader<ProfileQuery, Profile | null, string>((queries) => api.getMany(queries), {
    cacheKeyFn: profileQueryKey,
  });
  return (query) => loader.load(query);
}
