import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import { createYoga } from 'graphql-yoga';

/** The SDL of the second subgraph. */
export const marketingSdl: string = await readFile(new URL('marketing.graphql', import.meta.url), 'utf8');

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
}

export const campaignQuota = 12;

/** Serves the subgraph on a free port. */
export async function startMarketing({ campaigns, owners }: MarketingOptions): Promise<Marketing> {
  const names = new Map(campaigns.map(({ id, name }) => [id, name]));
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

  const yoga = createYoga({
    schema: buildSubgraphSchema({ typeDefs: parse(marketingSdl), resolvers }),
    logging: false,
  });
  const server = createServer(yoga);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // The assertion holds because a server that listens on a port has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/graphql`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
