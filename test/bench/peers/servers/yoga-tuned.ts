/** Yoga with the same Pothos schema, compiled operations, and every feature off that can be. */
import { useGraphQlJit } from '@envelop/graphql-jit';
import { createYoga } from 'graphql-yoga';
import { listen } from './listen.ts';
import { contextOf, schema } from './pothos-schema.ts';

const yoga = createYoga({
  schema,
  context: contextOf,
  plugins: [useGraphQlJit()],
  logging: false,
  graphiql: false,
  landingPage: false,
  cors: false,
  maskedErrors: false,
  multipart: false,
});
listen(yoga, yoga.graphqlEndpoint);
