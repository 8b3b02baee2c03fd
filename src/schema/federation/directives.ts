/**
 * Federation directives of types and fields, stored in their `extensions`. subgraph-sdl.ts prints them.
 */

/**
 * The version of the linked specification. It is the lowest that allows subscriptions, so that every composer supports
 * it.
 */
const specification = 'https://specs.apollo.dev/federation/v2.4';

/** Extensions of the schema. */
export const federationLink = {
  directives: {
    link: [{ url: specification, import: ['@key', '@shareable', '@inaccessible', '@tag'] }],
  },
};

/** Extensions of every Node type. Other subgraphs may refer to an entity by either id. */
export const entityKeys = { directives: { key: [{ fields: 'id' }, { fields: 'platformId' }] } };

/** Extensions of types without identity that other subgraphs are likely to have as well. */
export const shareable = { directives: { shareable: {} } };

/** Extensions of fields that every Relay server has. Several subgraphs may have them, and the supergraph hides them. */
export const hidden = { directives: { shareable: {}, inaccessible: {} } };

/** Extensions of fields that only operators need. Contracts of the public graph exclude them. */
export const operational = { directives: { tag: [{ name: 'operations' }] } };
