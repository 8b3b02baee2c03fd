import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import { createYoga, type Plugin } from 'graphql-yoga';

/**
 * The subgraph of another team, written against the published SDL. Its campaigns go to the members of a segment, after
 * an export. It references entities of this gateway by either key, and extends them with its own fields. It also has
 * the usual Relay definitions (`node`, `viewer`, `PageInfo`, `Error`, scalars).
 */
export const marketingSdl = `
extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key", "@shareable"])

interface Node { id: ID! }
interface Error { message: String! code: String! }
scalar DateTime
type PageInfo @shareable { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }

type ForbiddenError implements Error @shareable { message: String! code: String! }

"A message to the members of a segment."
type Campaign implements Node @key(fields: "id") {
  id: ID!
  name: String!
  startsAt: DateTime
  exportJob: ExportJob
  segment: SegmentDefinition
}

type CampaignConnection { nodes: [Campaign!]! pageInfo: PageInfo! }

type ExportJob @key(fields: "id") {
  id: ID!
  "The campaign that waits for it."
  campaign: Campaign
}

type SegmentDefinition @key(fields: "platformId", resolvable: false) { platformId: ID! }

type Dataset @key(fields: "platformId") {
  platformId: ID!
  "The team that answers for it."
  owner: String
}

type Viewer { campaignQuota: Int! }

union RenameCampaignResult = Campaign | ForbiddenError

type Query {
  campaigns: CampaignConnection!
  node(id: ID!): Node @shareable
  nodes(ids: [ID!]!): [Node]! @shareable
  viewer: Viewer! @shareable
}

type Mutation {
  renameCampaign(id: ID!, name: String!): RenameCampaignResult!
}
`;

export interface Campaign {
  readonly id: string;
  readonly name: string;
  /** A global id of this gateway. */
  readonly exportJobId: string;
  /** A platform id. */
  readonly segmentId: string;
}

export interface MarketingOptions {
  readonly campaigns: readonly Campaign[];
  /** Team names by platform id of the dataset. */
  readonly owners: Readonly<Record<string, string>>;
}

export interface Marketing extends AsyncDisposable {
  readonly url: string;
  /** Headers of each request, in order. */
  readonly requests: readonly Readonly<Record<string, string>>[];
}

export const campaignQuota = 12;

/** Serves the subgraph on a free port. */
export async function startMarketing({ campaigns, owners }: MarketingOptions): Promise<Marketing> {
  const names = new Map(campaigns.map(({ id, name }) => [id, name]));
  const requests: Readonly<Record<string, string>>[] = [];
  const find = (id: string) => campaigns.find((campaign) => campaign.id === id) ?? null;

  const resolvers = {
    Node: { __resolveType: () => 'Campaign' },
    RenameCampaignResult: { __resolveType: (value: object) => ('code' in value ? 'ForbiddenError' : 'Campaign') },
    Campaign: {
      __resolveReference: ({ id }: { id: string }) => find(id),
      name: ({ id }: Campaign) => names.get(id),
      exportJob: ({ exportJobId }: Campaign) => ({ id: exportJobId }),
      segment: ({ segmentId }: Campaign) => ({ platformId: segmentId }),
    },
    ExportJob: {
      campaign: (job: { id: string }) => campaigns.find(({ exportJobId }) => exportJobId === job.id) ?? null,
    },
    Dataset: { owner: ({ platformId }: { platformId: string }) => owners[platformId] ?? null },
    Query: {
      campaigns: () => ({ nodes: campaigns, pageInfo: { hasNextPage: false, hasPreviousPage: false } }),
      node: (_: unknown, { id }: { id: string }) => find(id),
      nodes: (_: unknown, { ids }: { ids: readonly string[] }) => ids.map(find),
      viewer: () => ({ campaignQuota }),
    },
    Mutation: {
      renameCampaign: (_: unknown, { id, name }: { id: string; name: string }) => {
        const campaign = find(id);
        if (campaign === null) return { code: 'FORBIDDEN', message: 'There is no such campaign of yours.' };
        names.set(id, name);
        return campaign;
      },
    },
  };

  const recordHeaders: Plugin = {
    onRequest: ({ request }) => void requests.push(Object.fromEntries(request.headers)),
  };
  const yoga = createYoga({
    schema: buildSubgraphSchema({ typeDefs: parse(marketingSdl), resolvers }),
    logging: false,
    plugins: [recordHeaders],
  });
  const server = createServer(yoga);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // The assertion holds because a server that listens on a port has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/graphql`,
    requests,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
