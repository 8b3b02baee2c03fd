/** Yoga with a Pothos schema and a DataLoader for each request, everything else as it comes. */
import { createYoga } from 'graphql-yoga';
import { listen } from './listen.ts';
import { contextOf, schema } from './pothos-schema.ts';

const yoga = createYoga({ schema, context: contextOf });
listen(yoga, yoga.graphqlEndpoint);
