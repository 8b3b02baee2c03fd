import { parseTenant } from '../../../src/domain/tenant.ts';
import {
  PlatformError,
  RateLimitedError,
  type UpstreamFailure,
  UpstreamTimeoutError,
  UpstreamUnreachableError,
} from '../../../src/errors.ts';
import type { UpstreamRequest } from '../../../src/upstream/http/call.ts';
import { ExchangeFailure } from '../../../src/upstream/http/exchange.ts';
import { caller, passthrough } from './platform-stub.ts';

/** A read of nothing in particular. */
export function readRequest(changes: Partial<UpstreamRequest> = {}): UpstreamRequest {
  const { signal } = new AbortController();
  const call = { requestId: undefined, sentId: 'sent', attempts: 0 };
  const what = { service: 'export', method: 'GET', path: '/jobs', effect: 'read' } as const;
  return { ...what, caller: caller(), priority: 'interactive', call, signal, lifetime: signal, ...changes };
}

/** Another sandbox of the same organization. */
export function callerOf(sandbox: string) {
  const tenant = parseTenant('0123456789ABCDEF01234567@AdobeOrg', sandbox);
  if (tenant === null) throw new Error('This is no sandbox.');
  return { tenant, credential: passthrough };
}

const upstream = (status: number | null): UpstreamFailure => ({
  service: 'export',
  status,
  requestId: null,
  code: null,
  title: null,
});

export const failedWith = (status: number, retryAfterMs?: number) =>
  new PlatformError({
    message: `The platform responded with ${status}.`,
    status,
    upstream: upstream(status),
    retryAfterMs,
  });
export const limited = (retryAfterMs?: number) =>
  new RateLimitedError({ message: 'Too many calls.', upstream: upstream(429), retryAfterMs });
export const timedOut = () => new UpstreamTimeoutError({ message: 'Too late.', upstream: upstream(null) });
/** @param sent whether a part of the request may have left */
export const unreachable = (sent: boolean) =>
  new UpstreamUnreachableError({
    message: 'No connection.',
    upstream: upstream(null),
    cause: new ExchangeFailure('broken', sent, new Error('ECONNRESET')),
  });

/** Lets everything run that waits for nothing but its turn. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
