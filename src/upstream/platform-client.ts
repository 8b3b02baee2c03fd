import type { Tenant } from '../domain/tenant.ts';
import { NotFoundError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { CreateLedger } from './creates/attempts.ts';
import type { BoundCall, UpstreamCall } from './http/call.ts';
import type { Download } from './http/download.ts';
import type { UpstreamMetrics, WireResource } from './http/metrics.ts';
import type { DecodeContext } from './wire/decode-context.ts';

/** Dependencies of the client of one platform API: calls bound to a caller, and the dependencies of decoding. */
export interface PlatformClient {
  readonly call: BoundCall;
  readonly open: (request: Parameters<BoundCall>[0]) => ReturnType<UpstreamCall<Download>>;
  readonly clock: Clock;
  readonly metrics: UpstreamMetrics;
  readonly tenant: Tenant;
  readonly ledger: CreateLedger;
}

export const decodeContextOf = (metrics: UpstreamMetrics, resource: WireResource): DecodeContext => ({
  anomaly: (kind) => metrics.anomaly({ resource, kind }),
});

/** The response; null if the platform does not have the subject of the call. */
export const orNull = <Answer>(answer: Promise<Answer>): Promise<Answer | null> =>
  answer.catch((error: unknown) => {
    if (error instanceof NotFoundError) return null;
    throw error;
  });
