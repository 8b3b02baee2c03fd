import { newRequestId, type RequestId } from '../../runtime/request-id.ts';
import type { CallIdentity, PlatformRequest } from './call.ts';

/** Characters of the part that makes the id of a create unique. */
const uniqueLength = 8;

/**
 * The ids of a new call. It has the id of the request that causes it, so that the logs of the platform contain that id.
 * The platform keeps the id of a create with the created entity. A lost create is found by it, and a client can use one
 * id for several requests, so that such an id has an additional part.
 */
export function identityOf(
  requestId: RequestId | undefined,
  { effect }: Pick<PlatformRequest, 'effect'>,
): CallIdentity {
  return { requestId, sentId: sentIdOf(requestId, effect), attempts: 0 };
}

function sentIdOf(requestId: RequestId | undefined, effect: PlatformRequest['effect']): string {
  if (requestId === undefined) return newRequestId();
  return effect === 'create' ? `${requestId}.${newRequestId().slice(0, uniqueLength)}` : requestId;
}
