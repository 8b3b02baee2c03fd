/**
 * What types and fields say about themselves to a federated graph, as `extensions`: the directives under which
 * subgraph-sdl.ts prints them.
 */

/** The version of the specification that is linked: the lowest that allows subscriptions, so every composer knows it. */
const specification = 'https://specs.apollo.dev/federation/v2.4';

/** Of the schema. */
export const federationLink = {
  directives: {
    link: [{ url: specification, import: ['@key', '@shareable', '@inaccessible', '@tag'] }],
  },
};

/** Of every Node type: other subgraphs may refer to it by either id. */
export const entityKeys = { directives: { key: [{ fields: 'id' }, { fields: 'platformId' }] } };

/** Of types without identity that other subgraphs are likely to have as well. */
export const shareable = { directives: { shareable: {} } };

/** Of fields that every Relay server has: they may be there twice, and are no part of the supergraph's own schema. */
export const hidden = { directives: { shareable: {}, inaccessible: {} } };

/** Of what only those who run exports need: contracts of the public graph exclude it. */
export const operational = { directives: { tag: [{ name: 'operations' }] } };
