import { Pool } from 'undici';
import {
  GatewayCredentialError,
  GatewayError,
  UpstreamUnreachableError,
  UpstreamUnreadableError,
} from '../../errors.ts';
import type { PlatformMetrics } from '../../metrics/platform.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Tracing } from '../../tracing/trace.ts';
import type { Credential, CredentialHeaders, CredentialReport } from '../caller.ts';
import type { PlatformRequest } from '../http/call.ts';
import { unreadableResponse } from '../http/errors.ts';
import { startDeadline } from '../http/layers/deadline.ts';
import { poolOptions } from '../http/pool-options.ts';
import { sendOnce } from '../http/send.ts';
import { decodeToken } from '../wire/token.ts';
import { fingerprintOf, isHeaderValue } from './credential.ts';
import { type Token, TokenKeeper } from './token-keeper.ts';

export interface ClientCredentialOptions {
  /** Address of the token service: `https://ims-na1.adobelogin.com`, or the address of an emulator. */
  readonly imsUrl: string | URL;
  /** Also sent as `x-api-key`. */
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scopes: readonly string[];
  readonly clock: Clock;
  readonly metrics: PlatformMetrics;
  /** Called for each failure to obtain a token. */
  readonly failed: CredentialReport;
  /** Creates the spans of token requests. @default token requests are not traced */
  readonly tracing?: Tracing | null;
  /** Deadline of a token request in milliseconds. @default 10_000 // 10 seconds */
  readonly timeoutMs?: number;
  /**
   * Time before the expiry at which a token is renewed, in milliseconds; at most half of its lifetime. @default 300_000
   * // 5 minutes
   */
  readonly renewalMarginMs?: number;
}

/** A credential that obtains its own token. Dispose it to cancel a request in flight and to close its connections. */
export interface ClientCredential extends Credential, AsyncDisposable {
  headers(...request: Parameters<Credential['headers']>): Promise<CredentialHeaders | null>;
  /**
   * Requests the first token. `isReady` is false until it has arrived. Resolves when the request has succeeded or
   * failed. If `start` is not called, the first call requests the token.
   */
  start(): Promise<void>;
  /** False while the gateway cannot obtain a token. A read that returns false starts the repetition of the request. */
  readonly isReady: boolean;
  /** Time until the current token expires, in milliseconds; null: there is none. */
  readonly remainingMs: number | null;
}

const maxConnections = 2;

/**
 * An OAuth server-to-server credential, whose token TokenKeeper keeps.
 *
 * `headers` throws GatewayCredentialError if the token service rejects the client, and the errors of any call
 * (RATE_LIMITED, PLATFORM_ERROR, UPSTREAM_…) if it fails. All calls share the pause after a failure.
 */
export function createClientCredential(options: ClientCredentialOptions): ClientCredential {
  const {
    clientId,
    clientSecret,
    scopes,
    clock,
    metrics,
    tracing,
    timeoutMs = 10_000,
    renewalMarginMs = 300_000,
  } = options;
  const { origin, pathname } = new URL(options.imsUrl);
  const dispatcher = new Pool(origin, { ...poolOptions, connections: maxConnections });
  const basePath = pathname.replace(/\/+$/, '');
  const scope = scopes.join(',');

  const requestToken = async (): Promise<Token> => {
    using deadline = startDeadline(clock, timeoutMs, 'ims', keeper.closing);
    const request = tokenRequest({ clientId, clientSecret, scope });
    // All requests of clients share the token, so that its trace belongs to none of them.
    const trace = tracing?.root.call(request);
    const requestedAtMs = clock.monotonicMs();
    const response = await sendOnce(
      { dispatcher, basePath, clock, metrics },
      { ...request, trace, signal: deadline.signal },
    );
    const decoded = decodeToken(response.json);
    if (decoded === null || !isHeaderValue(decoded.accessToken)) {
      // The error omits the body, which may contain the token in another form.
      const { status, requestId } = response;
      throw unreadableResponse(request, { status, requestId }, 'It contains no access token.');
    }
    // The lifetime is counted from the request, so that a slow response does not extend it.
    const expiresAtMs = requestedAtMs + decoded.lifetimeMs;
    const renewAtMs = expiresAtMs - Math.min(renewalMarginMs, decoded.lifetimeMs / 2);
    return { authorization: `Bearer ${decoded.accessToken}`, renewAtMs, expiresAtMs };
  };

  const request = () =>
    requestToken().catch((error: unknown) => {
      throw asTokenFailure(error);
    });
  const keeper: TokenKeeper = new TokenKeeper({ clock, request, failed: options.failed });

  return {
    fingerprint: fingerprintOf('client', origin + basePath, clientId, scope, clientSecret),
    owner: 'gateway',
    start: () => keeper.start(),
    get isReady() {
      return keeper.isReady;
    },
    get remainingMs() {
      const { expiresAtMs } = keeper;
      return expiresAtMs === null ? null : expiresAtMs - clock.monotonicMs();
    },
    headers: async (signal, rejected) => {
      signal.throwIfAborted();
      const token = rejected === undefined ? await keeper.current(signal) : await keeper.replace(rejected, signal);
      return token === null ? null : { authorization: token.authorization, 'x-api-key': clientId };
    },
    [Symbol.asyncDispose]: async () => {
      await keeper.close();
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
    // A token request changes nothing, so that it may be repeated.
    effect: 'read',
  } as const satisfies PlatformRequest;
}

/** Statuses with which the token service rejects a client. */
const rejectingStatuses: ReadonlySet<number> = new Set([400, 401, 403]);
/**
 * OAuth error codes of such a rejection. They can also come with a success status (RFC 6749, sections 4.1.2.1 and 5.2).
 */
const rejectingCodes: ReadonlySet<string> = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'invalid_scope',
  'unauthorized_client',
  'unsupported_grant_type',
  'access_denied',
]);

/**
 * The failure of a token request, for the call that needs the token. A rejection means that the credential of the gateway
 * is wrong. An unreadable token response is no response to the call itself, whose status would show that it was done.
 */
function asTokenFailure(error: unknown): unknown {
  const { status = null, code = null } = (error instanceof GatewayError ? error.upstream : null) ?? {};
  const isRejection = rejectingStatuses.has(status ?? 0) || rejectingCodes.has(code ?? '');
  if (!isRejection) {
    const isUnreadable = error instanceof UpstreamUnreadableError;
    return isUnreadable ? new UpstreamUnreachableError({ message: error.message, cause: error }) : error;
  }
  return new GatewayCredentialError({
    message: 'The token service rejects the credential of the gateway. Its operator must correct this.',
    cause: error,
  });
}
