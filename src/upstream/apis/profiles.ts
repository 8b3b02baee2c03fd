import type { Profile, ProfileQuery } from '../../domain/profile.ts';
import { NotFoundError } from '../../errors.ts';
import { inChunks } from '../../runtime/in-chunks.ts';
import { errorFromEntry, unreadableResponse } from '../http/errors.ts';
import { decodeProfileEntries } from '../wire/profile.ts';
import { type BulkCollector, readInBulk } from './bulk-read.ts';
import { decodeContextOf, nullIfNotFound, type PlatformClient } from './client.ts';
import { identityKey, matchProfiles } from './match-profiles.ts';

export interface ProfilesApi {
  /**
   * Finds profiles by identity. The results are in the order of the queries; null if no person has the identity.
   * Queries with the same fields and merge policy are sent together, with one upstream call per 100 queries.
   */
  getMany(queries: readonly ProfileQuery[]): Promise<readonly (Profile | Error | null)[]>;
}

const path = '/data/core/ups/access/entities';
const service = 'profiles';
const schemaName = '_xdm.context.profile';

/** Maximum number of identities in one call. The platform does not document its limit. */
const maxIdentitiesPerCall = 100;

/**
 * Profile access: finds the profiles of identities. One call has one list of fields, one merge policy and many
 * identities. If the response cannot be assigned to some identities, each of them is requested separately. A failure is
 * returned as an error instead of the profiles that it affects.
 */
export function createProfilesApi(client: PlatformClient): ProfilesApi {
  const context = decodeContextOf(client.metrics, 'Profile');

  /** @param queries of the same fields and merge policy */
  const call = async (
    queries: readonly ProfileQuery[],
    collector: BulkCollector<ProfileQuery, FoundProfile>,
  ): Promise<void> => {
    const request = {
      service,
      method: 'POST',
      path,
      body: JSON.stringify(encodeLookup(queries)),
      effect: 'read',
      // The identity is not the subject, because personal data must not be part of an error.
      subject: 'profile',
    } as const;
    const response = await nullIfNotFound(client.call(request));
    // No identity is known.
    if (response === null) return;
    const entries = decodeProfileEntries(response.json, context);
    if (entries === null) throw unreadableResponse(request, response, 'It is neither a map of profiles nor a list.');
    const matches = matchProfiles(queries, entries);
    for (const [index, query] of queries.entries()) {
      const match = matches[index];
      if (match === 'unsettled') collector.readAlone([query]);
      else if (match?.kind === 'profile') collector.found.push({ query, profile: match.profile });
      else if (match?.kind === 'failure') {
        const error = errorFromEntry(request, response, match.error, client.clock.now());
        if (!(error instanceof NotFoundError)) collector.fail(query, error);
      }
    }
  };

  return {
    getMany: async (queries) => {
      const chunks = groupsOf(queries).flatMap((group) => inChunks(group, maxIdentitiesPerCall));
      const { found, failed } = await readInBulk(chunks, call);
      const outcomes = new Map<string, Profile | Error>();
      for (const { query, profile } of found) outcomes.set(profileQueryKey(query), profile);
      for (const { id, error } of failed) outcomes.set(profileQueryKey(id), error);
      return queries.map((query) => outcomes.get(profileQueryKey(query)) ?? null);
    },
  };
}

interface FoundProfile {
  readonly query: ProfileQuery;
  readonly profile: Profile;
}

/** Groups queries that one call can contain: distinct identities with the same fields and the same merge policy. */
function groupsOf(queries: readonly ProfileQuery[]): readonly (readonly ProfileQuery[])[] {
  const groups = new Map<string, Map<string, ProfileQuery>>();
  for (const query of queries) {
    const group = groups.get(selectionKey(query)) ?? new Map<string, ProfileQuery>();
    groups.set(selectionKey(query), group.set(identityKey(query), query));
  }
  return [...groups.values()].map((group) => [...group.values()]);
}

const selectionKey = ({ fields, mergePolicyId }: ProfileQuery): string => JSON.stringify([fields, mergePolicyId]);

/** Queries with the same key have the same result. */
export const profileQueryKey = (query: ProfileQuery): string => selectionKey(query) + identityKey(query);

/** The request body of a lookup. The fields are a list in this API, not a string. */
function encodeLookup(queries: readonly ProfileQuery[]): object {
  const [{ fields = null, mergePolicyId = null } = {}] = queries;
  return {
    schema: { name: schemaName },
    ...(fields === null ? {} : { fields }),
    ...(mergePolicyId === null ? {} : { mergePolicyId }),
    identities: queries.map(({ namespace, value }) => ({ entityId: value, entityIdNS: { code: namespace } })),
  };
}
