import type { IncomingMessage, ServerResponse } from 'node:http';
import { checkHostHeader, type IsAllowedHost } from '../../runtime/host-header.ts';
import { isLoopback } from '../../runtime/loopback.ts';
import { isFromForeignPage } from '../../runtime/origin.ts';
import { type HoldsAdminToken, isAdminPath } from './admin-access.ts';

/** Why a request is rejected before the emulator reads it. */
export interface Rejection {
  readonly status: number;
  readonly message: string;
}

export type Guard = (request: Pick<IncomingMessage, 'headers' | 'url'>) => Rejection | null;

/**
 * Rejects requests that a browser sends on behalf of a page from another origin. The emulator's credential is public.
 * Without the guard, any page could read its data and script its faults: directly, or under a domain of its own that
 * resolves to this machine (DNS rebinding). Pages from this machine, such as those of a development server, are
 * allowed.
 * @param listeningHost on loopback, the Host header must name loopback. On another address, as in a container, the
 *   valid host names are unknown, so only the admin endpoints keep this check. Their callers are on this machine, or
 *   hold the admin token, which no page knows.
 */
export function createGuard(listeningHost: string, holdsAdminToken: HoldsAdminToken): Guard {
  const isLocal = isLoopback(listeningHost);
  const servesLoopback: IsAllowedHost = ({ hostname }) => isLoopback(hostname);
  const servesAll: IsAllowedHost = () => true;
  return ({ headers, url = '/' }) => {
    const isForThisMachine = isAdminPath(pathOf(url)) && !holdsAdminToken(headers.authorization);
    const isAllowedHost = isLocal || isForThisMachine ? servesLoopback : servesAll;
    const rejection = checkHostHeader(headers.host, isAllowedHost);
    if (rejection !== null) {
      const hint = isLocal || !isForThisMachine ? '' : ' Other names than those of this machine need the admin token.';
      return { ...rejection, message: rejection.message + hint };
    }
    if (!isFromForeignPage(headers, isOriginOfThisMachine)) return null;
    return { status: 403, message: 'The origin of this page may not use the emulator.' };
  };
}

/** Ends the connection after the response, because the body of the request is not read. */
export function sendRejection(response: ServerResponse, { status, message }: Rejection): void {
  response
    .writeHead(status, { 'content-type': 'application/json', connection: 'close' })
    .end(JSON.stringify({ status, title: message }));
}

/** Path of a request target, without the query. */
export const pathOf = (target: string): string => target.split('?', 1)[0] ?? '/';

const isOriginOfThisMachine = (origin: string): boolean => URL.canParse(origin) && isLoopback(new URL(origin).hostname);
