import type { Subgraph } from '../support/compose.ts';
import type { AnyTransport } from '../support/transports.ts';

/** Transport of a router's subscriptions at the gateway, as named in the table of routers. */
export type SubgraphTransport = 'WebSocket' | 'event stream' | 'callback';

export interface RouterSetup {
  readonly subgraphs: readonly Subgraph[];
  readonly transport: SubgraphTransport;
  /** Address to which the gateway may send callbacks. Its port is free. */
  readonly callbackUrl: string;
  /** Address of the keys with which the router verifies the tokens of callers; null = it verifies none. */
  readonly jwksUrl: string | null;
}

/** Address in the settings of the documentation in place of `jwksUrl`. */
export const documentedJwksUrl = 'https://login.example.com/jwks';

/** A router in front of the subgraphs, at `url`/graphql. */
export interface RunningRouter extends AsyncDisposable {
  readonly url: string;
  /** Replaces the supergraph. */
  reload(subgraphs: readonly Subgraph[]): void | Promise<void>;
}

/** A router of the table in `docs/federation.md`. */
export interface RouterKind {
  readonly name: string;
  /** Transports of its subscriptions at the gateway; empty when it has no subscriptions. */
  readonly transports: readonly SubgraphTransport[];
  /** Transport of its clients' subscriptions. */
  readonly clients: Exclude<AnyTransport, 'callback'>;
  /** Whether the settings of the documentation let it verify tokens. */
  readonly verifiesTokens: boolean;
  /**
   * Cases that fail because of the router, each with `docs/federation.md` as its explanation. Their tests fail when such
   * a case passes.
   */
  readonly faults: readonly { readonly case: string; readonly transport: SubgraphTransport | null }[];
  /**
   * Makes the router ready to start.
   * @returns its version
   * @throws when it cannot be built; the message is the reason
   */
  prepare(): string | Promise<string>;
  start(setup: RouterSetup): Promise<RunningRouter>;
}
