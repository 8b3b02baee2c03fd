import type { YogaServerInstance } from 'graphql-yoga';
import type { GatewayContext } from '../context/context.ts';
import type { OperationRequest } from '../context/create-context.ts';
import type { DirectResults } from './direct-results.ts';

export const graphqlPath = '/graphql';

/** Where clients reserve and open event streams for several operations. */
export const eventStreamPath = '/graphql/stream';

/** Input of Yoga: one operation, or a browser's request for the page of GraphiQL. */
export interface ServerContext {
  readonly operation?: OperationRequest;
  readonly direct?: DirectResults | undefined;
}

export type Yoga = YogaServerInstance<ServerContext, GatewayContext>;
