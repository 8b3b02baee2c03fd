import { readFileSync, writeFileSync } from 'node:fs';
import { printSchemaWithDirectives } from '@graphql-tools/utils';
import { federateSubgraphs, ROUTER_COMPATIBILITY_VERSION_ONE } from '@wundergraph/composition';
import { buildRouterConfig, SubgraphKind, type SubscriptionProtocol } from '@wundergraph/cosmo-shared';
import { parse, printSchema } from 'graphql';

/**
 * Composes subgraphs for the Cosmo router: `compose.ts INPUT OUTPUT PROTOCOL`. It is a program of its own, because the
 * composition has its own graphql package.
 */
const [, , input = '', output = '', protocol = ''] = process.argv;

interface Subgraph {
  readonly name: string;
  readonly sdl: string;
  readonly url: string;
}

// The caller writes both the file and the name of the protocol.
const subgraphs = JSON.parse(readFileSync(input, 'utf8')) as readonly Subgraph[];
const subscriptionProtocol = protocol as SubscriptionProtocol;

const result = federateSubgraphs({
  subgraphs: subgraphs.map(({ name, sdl, url }) => ({ name, url, definitions: parse(sdl) })),
  version: ROUTER_COMPATIBILITY_VERSION_ONE,
});
if (!result.success) throw new AggregateError(result.errors, 'The subgraphs do not compose.');

const config = buildRouterConfig({
  federatedClientSDL: result.shouldIncludeClientSchema ? printSchema(result.federatedGraphClientSchema) : '',
  federatedSDL: printSchemaWithDirectives(result.federatedGraphSchema),
  fieldConfigurations: result.fieldConfigurations,
  routerCompatibilityVersion: ROUTER_COMPATIBILITY_VERSION_ONE,
  schemaVersionId: 'static',
  subgraphs: subgraphs.map(({ name, sdl, url }, index) => {
    const composed = result.subgraphConfigBySubgraphName.get(name);
    if (composed === undefined) throw new Error(`The composition lacks the subgraph ${name}.`);
    return {
      kind: SubgraphKind.Standard,
      id: String(index),
      name,
      sdl,
      url,
      subscriptionUrl: url,
      subscriptionProtocol,
      websocketSubprotocol: 'graphql-transport-ws',
      schema: composed.schema,
      configurationDataByTypeName: composed.configurationDataByTypeName,
    };
  }),
});
// The router reads a configuration again when its version changes.
config.version = String(Date.now());
writeFileSync(output, config.toJsonString());
