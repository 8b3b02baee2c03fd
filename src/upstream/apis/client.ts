import type { Tenant } from '../../domain/tenant.ts';
import { NotFoundError } from '../../errors.ts';
import type { PlatformMetrics } from '../../metrics/platform.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { CreateClient } from '../creates/with-recovery.ts';
import type { ReadRequest } from '../http/call.ts';
import type { Download } from '../http/download.ts';
import type { WireResource } from '../types.ts';
import type { DecodeContext } from '../wire/decode-context.ts';

/** The platform for one caller, as the clients of its APIs use it. */
export interface PlatformClient extends CreateClient {
  readonly clock: Clock;
  readonly metrics: PlatformMetrics;
  readonly tenant: Tenant;
  /** Sends a request whose response is a file. Resolves when the headers have arrived. */
  open(request: ReadRequest): Promise<Download>;
}

export const decodeContextOf = (metrics: PlatformMetrics, resource: WireResource): DecodeContext => ({
  anomaly: (kind) => metrics.anomaly({ resource, kind }),
});

/** The response; null if the platform does not have the subject of the call. */
export const nullIfNotFound = <Response>(response: Promise<Response>): Promise<Response | null> =>
  response.catch(nullForNotFound);

/** Handles the failure of a call: null if the platform does not have its subject; any other error is thrown. */
export function nullForNotFound(error: unknown): null {
  if (error instanceof NotFoundError) return null;
  throw error;
}
