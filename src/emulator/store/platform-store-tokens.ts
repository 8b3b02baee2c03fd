import { createHash } from 'node:crypto';
import type { Clock } from '../../runtime/clock.ts';
import { newAccessToken } from './access-token.ts';
import type { Database } from './connection.ts';

const millisecondsPerSecond = 1_000;

/** Expiry times of tokens in Unix epoch milliseconds, by the digest of the token. */
export type IssuedTokens = ReadonlyMap<string, number>;

/** The issued access tokens. They survive a restart, because the database stores their digests. */
export class AccessTokens {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #expiryByDigest: Map<string, number>;

  private constructor(database: Database, clock: Clock, expiryByDigest: Map<string, number>) {
    this.#database = database;
    this.#clock = clock;
    this.#expiryByDigest = expiryByDigest;
  }

  /** Reads the tokens of earlier runs. @param more additional valid tokens */
  static async open(database: Database, clock: Clock, more: IssuedTokens = new Map()): Promise<AccessTokens> {
    for (const [digest, expiresAt] of more) await insert(database, digest, expiresAt);
    const rows = await database.all<{ digest: string; expires_at: number }>(
      'SELECT digest, expires_at FROM access_tokens',
    );
    return new AccessTokens(database, clock, new Map(rows.map((row) => [row.digest, row.expires_at])));
  }

  /** @param scope scope of the request, which the token repeats */
  async issue(lifetimeSeconds: number, scope: string): Promise<string> {
    await this.#forgetExpired();
    const createdAt = this.#clock.now().getTime();
    const lifetimeMs = lifetimeSeconds * millisecondsPerSecond;
    const token = newAccessToken({ createdAt, lifetimeMs, scope });
    const digest = digestOf(token);
    const expiresAt = createdAt + lifetimeMs;
    await insert(this.#database, digest, expiresAt);
    this.#expiryByDigest.set(digest, expiresAt);
    return token;
  }

  async #forgetExpired(): Promise<void> {
    const now = this.#clock.now().getTime();
    await this.#database.run('DELETE FROM access_tokens WHERE expires_at <= ?', [now]);
    for (const [digest, expiresAt] of this.#expiryByDigest) {
      if (expiresAt <= now) this.#expiryByDigest.delete(digest);
    }
  }

  /** Invalidates one token. */
  async revoke(token: string): Promise<void> {
    const digest = digestOf(token);
    this.#expiryByDigest.delete(digest);
    await this.#database.run('DELETE FROM access_tokens WHERE digest = ?', [digest]);
  }

  /** Invalidates all tokens issued so far. */
  async revokeAll(): Promise<void> {
    this.#expiryByDigest.clear();
    await this.#database.run('DELETE FROM access_tokens');
  }

  /** All tokens that have not expired. */
  issued(): IssuedTokens {
    const now = this.#clock.now().getTime();
    return new Map([...this.#expiryByDigest].filter(([, expiresAt]) => expiresAt > now));
  }

  isValid(token: string): boolean {
    const expiresAt = this.#expiryByDigest.get(digestOf(token));
    return expiresAt !== undefined && this.#clock.now().getTime() < expiresAt;
  }
}

function insert(database: Database, digest: string, expiresAt: number): Promise<void> {
  return database.run('INSERT INTO access_tokens (digest, expires_at) VALUES (?, ?)', [digest, expiresAt]);
}

function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
