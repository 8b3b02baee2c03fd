import type { AuthConfig } from '../config/config.ts';
import type { AuthMode } from '../domain/auth-mode.ts';
import type { CredentialMetrics } from '../metrics/credentials.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Credential } from '../upstream/caller.ts';
import type { Authenticate } from './authenticator.ts';
import { embeddedAuthenticator } from './modes/embedded.ts';
import type { PassthroughOptions } from './modes/passthrough.ts';

/** The configured way to authenticate callers, and the credential for calls to the platform. */
export interface Authenticator {
  readonly mode: AuthMode;
  /** The gateway's own credential; null: callers bring their own. */
  readonly ownCredential: Credential | null;
  readonly authenticate: Authenticate;
  /** Whether tokens of callers can be verified; null: the mode verifies none. */
  readonly hasKeys: (() => boolean) | null;
  /** Resolves when the first reading of the keys has ended. Never rejects. */
  readonly keysRead: Promise<void>;
}

export interface AuthenticatorOptions {
  readonly auth: AuthConfig;
  /** Creates the gateway's own credential. Called once, in the modes that have one. */
  readonly createOwnCredential: (client: ClientIdentity) => Credential;
  /** Creates the credential of a caller, in the mode in which callers bring their own. */
  readonly createCallerCredential: PassthroughOptions['createCredential'];
  readonly isAccepted: PassthroughOptions['isAccepted'];
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  readonly metrics: CredentialMetrics;
}

/** The OAuth client for which the gateway requests tokens. */
export interface ClientIdentity {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scopes: readonly string[];
}

const withoutKeys = { hasKeys: null, keysRead: Promise.resolve() };

/** Creates the authentication of the configured mode. */
export async function createAuthenticator(options: AuthenticatorOptions): Promise<Authenticator> {
  const { auth, createOwnCredential, createCallerCredential: createCredential, isAccepted } = options;
  const { clock, logger, metrics } = options;
  switch (auth.mode) {
    case 'embedded': {
      const { clientId, clientSecret, defaultTenant } = auth;
      const credential = createOwnCredential({ clientId, clientSecret, scopes: ['openid'] });
      const authenticate = embeddedAuthenticator(credential, defaultTenant);
      return { mode: auth.mode, ownCredential: credential, authenticate, ...withoutKeys };
    }
    case 'passthrough': {
      // Loaded only here, because no other mode reads the tokens of the platform.
      const { passthroughAuthenticator } = await import('./modes/passthrough.ts');
      const authenticate = passthroughAuthenticator({ ...auth, createCredential, isAccepted });
      return { mode: auth.mode, ownCredential: null, authenticate, ...withoutKeys };
    }
    case 'service': {
      // Loaded only here, because no other mode checks tokens.
      const [{ createKeySet }, { serviceAuthenticator }, { createTokenRejections }] = await Promise.all([
        import('./jwks.ts'),
        import('./modes/service.ts'),
        import('./token-rejections.ts'),
      ]);
      const { clientId, clientSecret, scopes, jwt, onlyOrg, defaultSandbox } = auth;
      const { jwksUrl, issuer, audience, claims } = jwt;
      const credential = createOwnCredential({ clientId, clientSecret, scopes });
      const keys = createKeySet({ url: jwksUrl, clock, logger, metrics });
      const trusted = { keys, issuer, audience };
      const rejections = createTokenRejections({ clock, logger, metrics });
      const rights = { claims, onlyOrg, defaultSandbox };
      const authenticate = serviceAuthenticator({ ...rights, trusted, credential, clock, rejections });
      // The keys are read at the start, so that an operator notices a wrong URL before the first caller does.
      const keysRead = keys.refresh().then(
        () => {},
        () => {},
      );
      return { mode: auth.mode, ownCredential: credential, authenticate, hasKeys: () => keys.isReady, keysRead };
    }
  }
}
