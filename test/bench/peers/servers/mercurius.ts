/** Mercurius with its compiler (`jit: 1` compiles an operation that comes again) and its loaders. */
import Fastify from 'fastify';
import mercurius from 'mercurius';
import { callerOf, getDatasets, type Job } from './platform.ts';
import { type Context, resolversWith, typeDefs } from './sdl.ts';

declare module 'mercurius' {
  interface MercuriusContext extends Context {}
}

const { _Entity, ...resolvers } = resolversWith<Context>((ids, { caller }) => getDatasets(caller, ids));
const app = Fastify();
await app.register(mercurius, {
  schema: typeDefs,
  resolvers: { ...resolvers, _Entity: { resolveType: _Entity.__resolveType } },
  loaders: {
    ExportDestination: {
      dataset: (queries: readonly { readonly obj: Job['destination'] }[], { caller }: Context) =>
        getDatasets(
          caller,
          queries.map(({ obj }) => obj.datasetId),
        ),
    },
  },
  context: (request) => ({ caller: callerOf(request.headers) }),
  jit: 1,
});
process.stdout.write(`ready ${await app.listen({ port: 0, host: '127.0.0.1' })}/graphql\n`);
