import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { UpstreamUnreachableError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';

export interface KeySetOptions {
  /** Where the issuer publishes its keys. */
  readonly url: string;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'warn'>;
}

/** How old keys may become before they are read again. */
const maxAgeMs = 10 * 60_000;
/** For how long keys are used on that cannot be read again; a key that was withdrawn stops working at the latest then. */
const maxStaleMs = 24 * 60 * 60_000;
/** Pause after a reading before a token that names an unknown key leads to another: anybody can send such tokens. */
const cooldownMs = 30_000;
/** Deadline of one reading. */
const readTimeoutMs = 5_000;

/**
 * The issuer's keys, read when the first token comes and kept in memory. They are read again when a token names a key
 * that is not among them, so that the issuer can rotate its keys at any time, and when they are old. One reading is
 * under way at most, whoever waits for it.
 *
 * The returned function throws what `createLocalJWKSet` of jose throws when no key fits, and UpstreamUnreachableError
 * while there are no keys because they could not be read.
 */
export function createKeySet({ url, clock, logger }: KeySetOptions): JWTVerifyGetKey {
  let keys: { readonly find: JWTVerifyGetKey; readonly readAtMs: number } | null = null;
  let triedAtMs = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | null = null;

  const read = async (): Promise<void> => {
    using deadline = clock.deadline(readTimeoutMs);
    triedAtMs = clock.now().getTime();
    try {
      const answer = await fetch(url, {
        headers: { accept: 'application/jwk-set+json, application/json' },
        // A redirect could lead to keys of anybody.
        redirect: 'error',
        signal: deadline.signal,
      });
      if (!answer.ok) throw new Error(`the answer has status ${answer.status}`);
      const found: unknown = await answer.json();
      // jose checks the form of the set itself, and throws JWKSInvalid.
      keys = { find: createLocalJWKSet(found as JSONWebKeySet), readAtMs: triedAtMs };
    } catch (error) {
      logger.warn({ err: error }, 'the keys that tokens are checked with could not be read');
      throw unreadable();
    }
  };

  const readOnce = (): Promise<void> => {
    reading ??= read().finally(() => {
      reading = null;
    });
    return reading;
  };

  const cooledDown = () => clock.now().getTime() - triedAtMs >= cooldownMs;

  const current = async (): Promise<JWTVerifyGetKey> => {
    const ageMs = keys === null ? Number.POSITIVE_INFINITY : clock.now().getTime() - keys.readAtMs;
    if (keys !== null && (ageMs < maxAgeMs || (ageMs < maxStaleMs && !cooledDown()))) return keys.find;
    try {
      await readOnce();
    } catch (error) {
      if (ageMs >= maxStaleMs) throw error;
    }
    if (keys === null) throw unreadable();
    return keys.find;
  };

  return async (header, token) => {
    const find = await current();
    try {
      return await find(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      if (reading === null && !cooledDown()) throw error;
      await readOnce();
      return await (keys?.find ?? find)(header, token);
    }
  };
}

const unreadable = () =>
  new UpstreamUnreachableError({ message: 'The keys that tokens are checked with cannot be read.' });
