import { Lifecycle } from '../../src/runtime/lifecycle.ts';
import { passthroughTo, startCampaigns, subgraphsAt } from '../federation/graph.ts';
import type { Subgraph } from '../support/compose.ts';
import { type Gateway, type Headers, startGateway } from '../support/gateway.ts';
import { startMovableAddress } from '../support/movable-address.ts';
import { accessToken, closedPort, type Emulator, platformHeaders } from '../support/platform.ts';
import type { RouterKind, RunningRouter, SubgraphTransport } from './router.ts';

/** A router in front of this gateway and the second subgraph. */
export interface RouterGraph extends AsyncDisposable {
  readonly router: RunningRouter;
  /** The gateway that runs now. */
  readonly exports: Gateway;
  /** Headers of a caller of the platform. */
  readonly headers: Headers;
  /** Adds the field `Dataset.owner` to the supergraph, which begins without it. */
  reload(): Promise<void>;
  /** Ends all connections between the router and the gateway. New ones are accepted. */
  cut(): void;
  /** Stops the gateway. Its address refuses connections. */
  lose(): Promise<void>;
  /** Starts another gateway at the same address. */
  comeBack(): Promise<void>;
}

interface GraphOptions {
  readonly platform: Emulator;
  readonly transport: SubgraphTransport;
  /** Environment of the gateway in addition to `passthrough` mode. */
  readonly env?: Readonly<Record<string, string>>;
}

const withoutOwner = (subgraphs: readonly Subgraph[]): readonly Subgraph[] =>
  subgraphs.map((each) => ({ ...each, sdl: each.sdl.replace(/\n {2}"[^"]*"\n {2}owner: String\n/, '\n') }));

/** Starts everything behind a router, and the router. */
export async function startRouterGraph(
  kind: RouterKind,
  { platform, transport, env = {} }: GraphOptions,
): Promise<RouterGraph> {
  const lifecycle = new Lifecycle();
  const started = <Each extends AsyncDisposable>(name: string, each: Each): Each => {
    lifecycle.add(name, () => each[Symbol.asyncDispose]());
    return each;
  };
  try {
    const callbackUrl = `http://127.0.0.1:${await closedPort()}/callback`;
    const start = () =>
      startGateway({
        platform,
        env: { ...passthroughTo(platform), SUBSCRIPTION_CALLBACK_URLS: callbackUrl, ...env },
      });
    let exports = await start();
    lifecycle.add('gateway', () => exports.close());
    const address = started('address', await startMovableAddress(exports.url));
    const marketing = started('marketing', await startCampaigns());
    const url = `http://127.0.0.1:${new URL(address.url).port}/graphql`;
    const subgraphs = subgraphsAt({ exports: url, marketing: marketing.url });
    const setup = { subgraphs: withoutOwner(subgraphs), transport, callbackUrl, jwksUrl: null };
    const router = started('router', await kind.start(setup));
    return {
      router,
      get exports() {
        return exports;
      },
      headers: platformHeaders(await accessToken(platform)),
      reload: async () => await router.reload(subgraphs),
      cut: () => address.cut(),
      lose: async () => {
        address.moveTo(`http://127.0.0.1:${await closedPort()}`);
        address.cut();
        await exports.close();
      },
      comeBack: async () => {
        exports = await start();
        address.moveTo(exports.url);
      },
      [Symbol.asyncDispose]: () => lifecycle.close(),
    };
  } catch (error) {
    await lifecycle.close();
    throw error;
  }
}
