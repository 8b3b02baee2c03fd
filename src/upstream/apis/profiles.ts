import type { Profile, ProfileQuery } from '../../domain/profile.ts';
import { GatewayError, NotFoundError } from '../../errors.ts';
import { inChunks } from '../../runtime/in-chunks.ts';
import { mapBounded } from '../../runtime/map-bounded.ts';
import { errorFromEntry, unreadableResponse } from '../http/errors.ts';
import { decodeProfileEntries } from '../wire/profile.ts';
import { decodeContextOf, type PlatformClient } from './client.ts';
import { identityKey, type Match, matchProfiles } from './match-profiles.ts';

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
/** Maximum number of concurrent calls of one read that needs several. */
const concurrency = 4;
/** Status of a call that names a person with more identities than the platform follows. The whole call fails. */
const tooManyIdentities = 422;

type Outcome = Profile | Error | null;

/**
 * Profile access: finds the profiles of identities. One call has one list of fields, one merge policy and many
 * identities. If the response cannot be assigned to some identities, or if one person fails the whole call, each open
 * identity is requested separately. A failure is returned as an error instead of the profiles that it affects.
 */
export function createProfilesApi(client: PlatformClient): ProfilesApi {
  const context = decodeContextOf(client.metrics, 'Profile');

  /** @param queries of the same fields and merge policy */
  const read = async (queries: readonly ProfileQuery[]): Promise<readonly (Outcome | 'unsettled')[]> => {
    const request = {
      service,
      method: 'POST',
      path,
      body: JSON.stringify(encodeLookup(queries)),
      effect: 'read',
      // The identity is not the subject, because personal data must not be part of an error.
      subject: 'profile',
    } as const;
    try {
      const response = await client.call(request);
      const entries = decodeProfileEntries(response.json, context);
      if (entries === null) throw unreadableResponse(request, response, 'It is neither a map of profiles nor a list.');
      const outcomeOf = (match: Match): Outcome | 'unsettled' => {
        if (match === 'unsettled') return match;
        switch (match.kind) {
          case 'profile':
            return match.profile;
          case 'nobody':
            return null;
          case 'failure': {
            const error = errorFromEntry(request, response, match.error, client.clock.now());
            return error instanceof NotFoundError ? null : error;
          }
        }
      };
      return matchProfiles(queries, entries).map(outcomeOf);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      // No identity is known.
      if (error instanceof NotFoundError) return queries.map(() => null);
      const failsForOne = queries.length > 1 && error.upstream?.status === tooManyIdentities;
      return queries.map(() => (failsForOne ? 'unsettled' : error));
    }
  };

  return {
    getMany: async (queries) => {
      const outcomes = new Map<string, Outcome>();
      const settle = (sent: readonly ProfileQuery[], results: readonly (Outcome | 'unsettled')[]) => {
        for (const [index, query] of sent.entries()) {
          const outcome = results[index] ?? null;
          if (outcome === 'unsettled') unsettled.push(query);
          else outcomes.set(profileQueryKey(query), outcome);
        }
      };
      const unsettled: ProfileQuery[] = [];
      const chunks = groupsOf(queries).flatMap((group) => inChunks(group, maxIdentitiesPerCall));
      await mapBounded(chunks, concurrency, async (chunk) => settle(chunk, await read(chunk)));
      await mapBounded([...unsettled], concurrency, async (query) => settle([query], await read([query])));
      return queries.map((query) => outcomes.get(profileQueryKey(query)) ?? null);
    },
  };
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
