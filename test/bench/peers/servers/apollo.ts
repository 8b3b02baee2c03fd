/** Apollo Server with its standalone server and a DataLoader for each request. */
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import DataLoader from 'dataloader';
import { type Caller, callerOf, type Dataset, getDatasets, type Job } from './platform.ts';
import { type Context, resolversWith, typeDefs } from './sdl.ts';

interface ApolloContext extends Context {
  readonly datasets: DataLoader<string, Dataset | null>;
}

const contextOf = (caller: Caller): ApolloContext => ({
  caller,
  datasets: new DataLoader((ids) => getDatasets(caller, ids)),
});

const resolvers = resolversWith<ApolloContext>((ids, { datasets }) => datasets.loadMany(ids));

const server = new ApolloServer<ApolloContext>({
  typeDefs,
  resolvers: {
    ...resolvers,
    ExportDestination: {
      ...resolvers.ExportDestination,
      dataset: ({ datasetId }: Job['destination'], _: unknown, { datasets }: ApolloContext) => datasets.load(datasetId),
    },
  },
});
const { url } = await startStandaloneServer(server, {
  listen: { port: 0, host: '127.0.0.1' },
  context: async ({ req }) => contextOf(callerOf(req.headers)),
});
process.stdout.write(`ready ${url}\n`);
