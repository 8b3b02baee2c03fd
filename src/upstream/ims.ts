import { Pool } from 'undici';
import {
  ForbiddenError,
  GatewayCredentialError,
  InvalidInputError,
  ShuttingDownError,
  UnauthenticatedError,
} from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import type { PlatformRequest } from './call.ts';
import { openCallScope } from './call-scope.ts';
import { fingerprintOf, isHeaderValue } from './credential.ts';
import { unreadable } from './errors.ts';
import type { UpstreamMetrics } from './metrics.ts';
import type { Credential } from './platform-api.ts';
import { poolOptions } from './pool-options.ts';
import { sendOnce } from './send-once.ts';
import { decodeToken } from './wire/token.ts';

export interface ClientCredentialOptions {
  /** Where tokens are given out: `https://ims-na1.adobelogin.com`, or the address of an emulator. */
  readonly imsUrl: string | URL;
  /** Also sent as `x-api-key`. */
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scopes: readonly string[];
  readonly clock: Clock;
  readonly metrics: UpstreamMetrics;
  /** How long the token service may take. @default 10_000 // 10 seconds */
  readonly timeoutMs?: number;
  /** How long before its end a token is renewed, at most half of its life. @default 300_000 // 5 minutes */
  readonly renewalMarginMs?: number;
}

/** A credential with a token of its own. Dispose it to give up a renewal under way and close its connections. */
export interface ClientCredential extends Credential, AsyncDisposable {}

/** The pause after a failed early renewal, in milliseconds, during which the present token is used on. */
const renewalPauseMs = 10_000;
const maxConnections = 2;

interface Token {
  /** The whole header value. */
  readonly authorization: string;
  readonly renewAtMs: number;
  readonly expiresAtMs: number;
}

/**
 * An OAuth server-to-server credential. Its token is kept in memory and shared by all calls; it is asked for by the
 * first call that needs it, renewed in the background a while before it ends, and replaced when the platform refuses it.
 * However many calls wait, one request for a token is under way at most.
 *
 * `headers` throws GatewayCredentialError when the token service rejects the client, and the errors of any other call
 * (RATE_LIMITED, PLATFORM_ERROR, UPSTREAM_…) when it fails; nothing is remembered of a failure.
 */
export function createClientCredential(options: ClientCredentialOptions): ClientCredential {
  const { clientId, clientSecret, scopes, clock, metrics, timeoutMs = 10_000, renewalMarginMs = 300_000 } = options;
  const { origin, pathname } = new URL(options.imsUrl);
  const dispatcher = new Pool(origin, { ...poolOptions, connections: maxConnections });
  const basePath = pathname.replace(/\/+$/, '');
  const closing = new AbortController();
  const scope = scopes.join(',');

  let token: Token | null = null;
  let renewal: Promise<Token> | null = null;
  let renewNotBeforeMs = 0;

  const requestToken = async (): Promise<Token> => {
    using callScope = openCallScope(clock, timeoutMs, 'ims', closing.signal);
    const request = tokenRequest({ clientId, clientSecret, scope });
    const askedAtMs = clock.now().getTime();
    const answer = await sendOnce({ dispatcher, basePath, clock, metrics }, { ...request, signal: callScope.signal });
    const decoded = decodeToken(answer.json);
    if (decoded === null || !isHeaderValue(decoded.accessToken)) {
      throw unreadable(request, answer, 'It holds no access token.');
    }
    // Counted from the question, so that a slow answer never makes a token look younger than it is.
    const expiresAtMs = askedAtMs + decoded.lifetimeMs;
    const renewAtMs = expiresAtMs - Math.min(renewalMarginMs, decoded.lifetimeMs / 2);
    return { authorization: `Bearer ${decoded.accessToken}`, renewAtMs, expiresAtMs };
  };

  /** The renewal under way, or a new one. It belongs to everybody, so no caller's signal ends it. */
  const renew = (): Promise<Token> => {
    renewal ??= requestToken()
      .then(
        (renewed) => {
          token = renewed;
          return renewed;
        },
        (error: unknown) => {
          renewNotBeforeMs = clock.now().getTime() + renewalPauseMs;
          throw asRejection(error);
        },
      )
      .finally(() => {
        renewal = null;
      });
    return renewal;
  };

  const current = async (signal: AbortSignal): Promise<Token> => {
    const nowMs = clock.now().getTime();
    if (token === null || nowMs >= token.expiresAtMs) return await untilAborted(renew(), signal);
    // Whoever comes during the margin gets the present token; if this renewal fails, a later one will do.
    if (nowMs >= token.renewAtMs && nowMs >= renewNotBeforeMs) renew().catch(() => {});
    return token;
  };

  return {
    owner: 'gateway',
    fingerprint: fingerprintOf('client', origin + basePath, clientId, scope, clientSecret),
    headers: async (signal, rejected) => {
      signal.throwIfAborted();
      // When another call has already replaced the refused token, its replacement is the answer.
      if (rejected !== undefined && token?.authorization === rejected) token = null;
      const { authorization } = await current(signal);
      return { authorization, 'x-api-key': clientId };
    },
    [Symbol.asyncDispose]: async () => {
      closing.abort(new ShuttingDownError());
      await renewal?.catch(() => {});
      await dispatcher.destroy();
    },
  };
}

function tokenRequest(client: { readonly clientId: string; readonly clientSecret: string; readonly scope: string }) {
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: client.clientId,
    client_secret: client.clientSecret,
    scope: client.scope,
  });
  return {
    service: 'ims',
    method: 'POST',
    path: '/ims/token/v3',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
    // Asking for a token changes nothing: it may be asked for again.
    effect: 'read',
    input: 'client',
  } as const satisfies PlatformRequest;
}

/** The token service rejects a client with 400 (`invalid_client`), 401 or 403. Each means that the credential is wrong. */
function asRejection(error: unknown): unknown {
  const isRejection =
    error instanceof InvalidInputError || error instanceof UnauthenticatedError || error instanceof ForbiddenError;
  if (!isRejection) return error;
  return new GatewayCredentialError({
    message: 'The token service rejects the credential of the gateway. Its operator must correct this.',
    upstream: error.upstream ?? undefined,
    cause: error,
  });
}
