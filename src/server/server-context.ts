import type { IncomingMessage, ServerResponse } from 'node:http';
import type { YogaServerInstance } from 'graphql-yoga';
import type { Session } from '../context/authenticate.ts';
import type { GatewayContext } from '../context/context.ts';
import type { OperationRequest } from '../context/create-context.ts';
import { type AcceptedTypes, parseAccept } from './accept.ts';
import type { DirectResults } from './direct-results.ts';

export const graphqlPath = '/graphql';

/** An HTTP request in the pipeline. */
export interface HttpContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Set by `useHttp` before any other plugin of the gateway runs. */
  session?: Session;
  /** Set by `acceptedBy`. */
  accepted?: AcceptedTypes;
  readonly operation?: never;
}

/** The media types that the client of an HTTP request accepts. Its header is parsed once for each request. */
export function acceptedBy(context: HttpContext): AcceptedTypes {
  context.accepted ??= parseAccept(context.req.headers.accept ?? null);
  return context.accepted;
}

/** Input of Yoga: Node's request, or one operation. */
export type ServerContext =
  | HttpContext
  | { readonly operation: OperationRequest; readonly direct?: DirectResults | undefined };

/** Session of an HTTP request. @throws {Error} the request passed no authentication, which is a fault of the gateway */
export function sessionOf(context: ServerContext): Session {
  if (context.operation === undefined && context.session !== undefined) return context.session;
  throw new Error('An HTTP request reached the pipeline without authentication.');
}

export type Yoga = YogaServerInstance<ServerContext, GatewayContext>;
