import { readFileSync } from 'node:fs';
import { type Marketing, marketingSdl, startMarketing } from '../../examples/federation/marketing.ts';
import { Lifecycle } from '../../src/runtime/lifecycle.ts';
import { composers, type Subgraph } from '../support/compose.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import {
  accessToken,
  goldTier,
  platformHeaders,
  profileDataset,
  startSteppedPlatform,
  webEventsDataset,
} from '../support/platform.ts';

/** A past job of the emulator that failed. */
export const pastJob = 'ExportJob:24050';
/** The first job that is started in a new emulator. */
export const nextJob = 'ExportJob:24073';

/** Owner of the test dataset in the second subgraph. */
export const owner = 'Customer data team';

/** Both subgraphs, and the supergraph composed of them. */
export interface Graph extends AsyncDisposable {
  readonly platform: Awaited<ReturnType<typeof startSteppedPlatform>>;
  readonly exports: Gateway;
  readonly marketing: Marketing;
  readonly supergraph: string;
  /** Headers of a caller of the platform. */
  readonly headers: Readonly<Record<string, string>>;
}

const sdl = readFileSync(new URL('../../schema/schema.graphql', import.meta.url), 'utf8');

/** Environment of a gateway in `passthrough` mode in front of this platform. */
export const passthroughTo = ({ url }: { readonly url: string }): Readonly<Record<string, string>> => ({
  AUTH_MODE: 'passthrough',
  AEP_BASE_URL: url,
  AEP_IMS_URL: url,
});

/** Starts the second subgraph, whose campaigns refer to the two jobs. */
export const startCampaigns = (): Promise<Marketing> =>
  startMarketing({
    campaigns: [
      { id: 'spring', name: 'Spring sale', exportJobId: pastJob, segmentId: goldTier },
      { id: 'autumn', name: 'Autumn sale', exportJobId: nextJob, segmentId: goldTier },
    ],
    owners: { [profileDataset]: owner, [webEventsDataset]: 'Web team' },
  });

/** Both subgraphs at these addresses. */
export const subgraphsAt = (urls: { readonly exports: string; readonly marketing: string }): readonly Subgraph[] => [
  { name: 'exports', sdl, url: urls.exports },
  { name: 'marketing', sdl: marketingSdl, url: urls.marketing },
];

/** @throws when the subgraphs do not compose */
export function composed(subgraphs: readonly Subgraph[]): string {
  const { supergraph, errors } = composers.Apollo(subgraphs);
  if (supergraph === null) throw new Error(`The subgraphs do not compose: ${errors.join('; ')}`);
  return supergraph;
}

/**
 * Starts an emulator, this gateway in `passthrough` mode in front of it, and the second subgraph; composes them.
 * @param clock clock of the emulator, whose jobs stay in each stage until it is moved
 */
export async function startGraph({ clock }: Pick<Parameters<typeof startSteppedPlatform>[0], 'clock'>): Promise<Graph> {
  const lifecycle = new Lifecycle();
  const started = <Each extends AsyncDisposable>(name: string, each: Each): Each => {
    lifecycle.add(name, () => each[Symbol.asyncDispose]());
    return each;
  };
  const platform = started('platform', await startSteppedPlatform({ clock }));
  const exports = started('gateway', await startGateway({ platform, env: passthroughTo(platform) }));
  const marketing = started('marketing', await startCampaigns());
  const supergraph = composed(subgraphsAt({ exports: exports.graphqlUrl, marketing: marketing.url }));
  const headers = platformHeaders(await accessToken(platform));
  return { platform, exports, marketing, supergraph, headers, [Symbol.asyncDispose]: () => lifecycle.close() };
}
