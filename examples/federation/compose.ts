import { readFile } from 'node:fs/promises';
import { composeServices } from '@theguild/federation-composition';
import { parse } from 'graphql';
import { parse as parseYaml } from 'yaml';

/** The form of supergraph.yaml. */
interface Supergraph {
  readonly subgraphs: Readonly<Record<string, { readonly schema: { readonly file: string } }>>;
}

/**
 * Composes the subgraphs of supergraph.yaml.
 *
 * @param urls addresses of the subgraphs, by name
 * @returns the SDL of the supergraph
 * @throws with the errors of the composition
 */
export async function composeSupergraph(urls: Readonly<Record<string, string>>): Promise<string> {
  const file = new URL('supergraph.yaml', import.meta.url);
  // The file is a part of this example and has this form.
  const { subgraphs } = parseYaml(await readFile(file, 'utf8')) as Supergraph;
  const services = await Promise.all(
    Object.entries(subgraphs).map(async ([name, { schema }]) => {
      const url = urls[name];
      if (url === undefined) throw new Error(`The subgraph ${name} has no address.`);
      return { name, url, typeDefs: parse(await readFile(new URL(schema.file, file), 'utf8')) };
    }),
  );
  const { supergraphSdl, errors = [] } = composeServices(services);
  if (supergraphSdl === undefined) throw new Error(errors.map(({ message }) => message).join('; '));
  return supergraphSdl;
}
