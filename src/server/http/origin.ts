import type { IncomingMessage } from 'node:http';
import { isFromForeignPage as isForeign } from '../../runtime/origin.ts';

/** Whether a browser sent the request for a page whose origin is neither the gateway's own nor configured. */
export const isFromForeignPage = (
  { headers }: Pick<IncomingMessage, 'headers'>,
  corsOrigins: readonly string[],
): boolean => isForeign(headers, (origin) => corsOrigins.includes(origin));

/** The response to such a page. */
export const foreignPage = { status: 403, text: 'The origin of this page may not use the gateway.' } as const;
