import { readFileSync } from 'node:fs';
import { fieldsOf } from './fields.ts';
import { type Caller, type CreateInput, createJob, type Dataset, getJob, listJobs, platformIdOf } from './platform.ts';

/** The contract of the gateway, and what a subgraph adds to it. npm runs its scripts in the folder of the repository. */
export const typeDefs = `${readFileSync('schema/schema.graphql', 'utf8')}
scalar _Any
union _Entity = Dataset | ExportJob
extend type Query { _entities(representations: [_Any!]!): [_Entity]! }
`;

export interface Context {
  readonly caller: Caller;
}

export interface Representation {
  readonly __typename: 'Dataset';
  readonly id: string;
}

export const pageOf = async (caller: Caller, first: number) => {
  const { nodes, hasNextPage } = await listJobs(caller, first);
  return { nodes, pageInfo: { hasNextPage, hasPreviousPage: false }, totalCount: null };
};

/**
 * Resolvers of what the scenarios ask for, for servers that take the SDL and resolvers apart from it.
 * @param datasets the datasets of several ids, by the batching of the server
 */
export const resolversWith = <Of extends Context>(
  datasets: (ids: readonly string[], context: Of) => Promise<readonly unknown[]>,
) => ({
  ...fieldsOf,
  Query: {
    exportJobs: (_: unknown, { first }: { first: number }, { caller }: Of) => pageOf(caller, first),
    exportJob: (_: unknown, { id }: { id: string }, { caller }: Of) => getJob(caller, platformIdOf(id)),
    _entities: (_: unknown, { representations }: { representations: readonly Representation[] }, context: Of) =>
      datasets(
        representations.map(({ id }) => platformIdOf(id)),
        context,
      ),
  },
  Mutation: {
    createExportJob: async (_: unknown, { input }: { input: CreateInput }, { caller }: Of) => ({
      __typename: 'CreateExportJobPayload',
      exportJob: await createJob(caller, input),
      replayed: false,
    }),
  },
  _Entity: { __resolveType: (value: Dataset | object) => ('schemaRef' in value ? 'Dataset' : 'ExportJob') },
});
