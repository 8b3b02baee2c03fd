import type { Profile, ProfileQuery } from '../domain/profile.ts';
import type { ProfilesApi } from '../upstream/segmentation-api.ts';
import { createLoader, LoadFailure } from './create-loader.ts';

/** A profile has no id that a query names it by: the question itself is the key. */
interface Answer {
  readonly question: string;
  readonly profile: Profile;
}

/** Null when the platform does not know anybody of that identity. */
export type ProfileLoader = (query: ProfileQuery) => Promise<Profile | null>;

/** People looked up in the same turn are asked for together. */
export function createProfileLoader(api: ProfilesApi): ProfileLoader {
  const questions = new Map<string, ProfileQuery>();
  const loader = createLoader<string, Answer>({
    idOf: ({ question }) => question,
    loadMany: async (keys) => {
      const asked = keys.flatMap((question) => {
        const query = questions.get(question);
        return query === undefined ? [] : [{ question, query }];
      });
      const answers = await api.getMany(asked.map(({ query }) => query));
      return asked.flatMap(({ question }, index): readonly (Answer | LoadFailure<string>)[] => {
        const answer = answers[index] ?? null;
        if (answer === null) return [];
        return answer instanceof Error ? [new LoadFailure(question, answer)] : [{ question, profile: answer }];
      });
    },
  });
  return async (query) => {
    const question = JSON.stringify([query.namespace.toLowerCase(), query.value, query.fields, query.mergePolicyId]);
    questions.set(question, query);
    return (await loader.load(question))?.profile ?? null;
  };
}
