import { composeServices as composeByApollo } from '@apollo/composition';
import { composeServices as composeByGuild } from '@theguild/federation-composition';
import { type DocumentNode, parse } from 'graphql';

export interface Subgraph {
  readonly name: string;
  readonly sdl: string;
  readonly url: string;
}

/** Result of composing subgraphs. */
export type Composition =
  | { readonly supergraph: string; readonly errors: readonly [] }
  | { readonly supergraph: null; readonly errors: readonly string[] };

const parsed = (subgraphs: readonly Subgraph[]): { name: string; url: string; typeDefs: DocumentNode }[] =>
  subgraphs.map(({ name, sdl, url }) => ({ name, url, typeDefs: parse(sdl) }));

interface ComposerAnswer {
  readonly supergraphSdl?: string | undefined;
  readonly errors?: readonly { readonly message: string }[] | undefined;
}

function compositionOf({ supergraphSdl, errors = [] }: ComposerAnswer): Composition {
  return supergraphSdl === undefined
    ? { supergraph: null, errors: errors.map(({ message }) => message) }
    : { supergraph: supergraphSdl, errors: [] };
}

/** The public composers: Apollo's, and the one used by Hive and Cosmo. */
export const composers: Readonly<Record<'Apollo' | 'Hive', (subgraphs: readonly Subgraph[]) => Composition>> = {
  Apollo: (subgraphs) => compositionOf(composeByApollo(parsed(subgraphs))),
  Hive: (subgraphs) => compositionOf(composeByGuild(parsed(subgraphs))),
};
