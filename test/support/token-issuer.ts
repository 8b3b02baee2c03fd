import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import type { Clock } from '../../src/runtime/clock.ts';
import { clientSecret, organization } from './platform.ts';

/** Claims of a token. A claim with value undefined is omitted. */
export type Claims = Readonly<Record<string, unknown>>;

export interface SignOptions {
  /** @default 3_600 // an hour */
  readonly expiresInSeconds?: number | null;
  /** The issuer's key that signs. @default the newest key */
  readonly keyId?: string;
  /** Whether the token names its key in `kid`. @default true */
  readonly namesKey?: boolean;
}

/** An issuer of tokens with its own keys, which are published at `jwksUrl`. */
export interface TokenIssuer extends AsyncDisposable {
  readonly jwksUrl: string;
  readonly issuer: string;
  readonly audience: string;
  /** Number of requests for the keys. */
  readonly reads: number;
  /** All tokens that were signed. */
  readonly tokens: readonly string[];
  /** Signs a token of a caller with all permissions in the sandboxes `prod` and `dev`; `claims` override its claims. */
  sign(claims?: Claims, options?: SignOptions): Promise<string>;
  /** Creates and publishes a new key, which signs from now on. @returns its id */
  addKey(): Promise<string>;
  /** Stops publishing a key. */
  withdrawKey(keyId: string): void;
  /** Makes the keys unavailable, or available again. */
  setAvailable(available: boolean): void;
  /** Variables of a gateway that trusts this issuer, in front of the emulator. */
  env(platform: { readonly url: string }): Readonly<Record<string, string>>;
}

/** Starts an issuer on a free port of loopback. The default clock is the machine's. */
export async function startTokenIssuer({ clock }: { readonly clock?: Pick<Clock, 'now'> } = {}): Promise<TokenIssuer> {
  const keys = new Map<string, { readonly privateKey: CryptoKey; readonly publicJwk: JWK }>();
  const published = new Set<string>();
  const tokens: string[] = [];
  let reads = 0;
  let available = true;
  let newest = '';
  const server = createServer((_, response) => {
    reads += 1;
    if (!available) {
      response.writeHead(503).end();
      return;
    }
    const found = [...published].map((id) => keys.get(id)?.publicJwk);
    response.writeHead(200, { 'content-type': 'application/jwk-set+json' }).end(JSON.stringify({ keys: found }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // The assertion holds because a server that listens on a port has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${port}`;
  const audience = 'aep-export-gateway';

  const addKey = async (): Promise<string> => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    newest = `key-${keys.size + 1}`;
    keys.set(newest, {
      privateKey,
      publicJwk: { ...(await exportJWK(publicKey)), kid: newest, alg: 'ES256', use: 'sig' },
    });
    published.add(newest);
    return newest;
  };
  await addKey();

  return {
    jwksUrl: `${issuer}/jwks`,
    issuer,
    audience,
    tokens,
    get reads() {
      return reads;
    },
    sign: async (claims = {}, { expiresInSeconds = 3_600, keyId = newest, namesKey = true } = {}) => {
      const key = keys.get(keyId);
      if (key === undefined) throw new Error(`There is no key ${keyId}.`);
      const nowSeconds = Math.floor((clock?.now() ?? new Date()).getTime() / 1_000);
      const payload = {
        iss: issuer,
        aud: audience,
        sub: 'somebody',
        iat: nowSeconds,
        ...(expiresInSeconds === null ? {} : { exp: nowSeconds + expiresInSeconds }),
        organization,
        sandboxes: ['prod', 'dev'],
        scope: 'exports:read exports:write exports:data',
        ...claims,
      };
      const header = { alg: 'ES256', ...(namesKey && { kid: keyId }) };
      const token = await new SignJWT(payload).setProtectedHeader(header).sign(key.privateKey);
      tokens.push(token);
      return token;
    },
    addKey,
    withdrawKey: (keyId) => void published.delete(keyId),
    setAvailable: (value) => {
      available = value;
    },
    env: (platform) => ({
      AUTH_MODE: 'service',
      AEP_BASE_URL: platform.url,
      AEP_IMS_URL: platform.url,
      AEP_CLIENT_ID: 'emulator',
      AEP_CLIENT_SECRET: clientSecret,
      JWT_JWKS_URL: `${issuer}/jwks`,
      JWT_ISSUER: issuer,
      JWT_AUDIENCE: audience,
    }),
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The header with a caller's token. */
export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
