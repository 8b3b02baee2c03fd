import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { UpstreamUnreachableError } from '../errors.ts';
import type { CredentialMetrics } from '../metrics/credentials.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';

export interface KeySetOptions {
  /** URL at which the issuer publishes its keys. */
  readonly url: string;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  readonly metrics: Pick<CredentialMetrics, 'keysRead'>;
}

/** The keys of one issuer. */
export interface KeySet {
  /**
   * Finds the key of a token. If the key is not in memory, the keys are read again.
   * @throws {errors.JWKSNoMatchingKey} no key matches
   * @throws {errors.JWKSMultipleMatchingKeys} several keys match, because the token names none. The error iterates
   *   over them.
   * @throws {UpstreamUnreachableError} the keys cannot be read, and no sufficiently recent ones are in memory
   */
  readonly find: JWTVerifyGetKey;
  /**
   * Reads the keys again, unless they were read a moment ago.
   * @returns whether they were read
   * @throws {UpstreamUnreachableError} the keys cannot be read
   */
  refresh(): Promise<boolean>;
  /**
   * Whether there are keys in memory that may be used. If not, they are read again in the background, because a gateway
   * that is not ready receives no tokens that would cause a reading.
   */
  readonly isReady: boolean;
}

/** Age at which keys are read again, in milliseconds. */
const maxAgeMs = 10 * 60_000;
/**
 * Age up to which keys stay in use while they cannot be read again, in milliseconds. A withdrawn key stops working then
 * at the latest.
 */
const maxStaleMs = 24 * 60 * 60_000;
/**
 * Pause between two readings while there are keys, in milliseconds. It bounds the number of readings, because anyone
 * can send tokens with unknown keys.
 */
const cooldownMs = 30_000;
/**
 * Pause between two readings while there are no keys, in milliseconds. It is shorter, because the gateway rejects all
 * callers in the meantime.
 */
const cooldownWithoutKeysMs = 5_000;
/** Deadline of one reading, in milliseconds. */
const readTimeoutMs = 5_000;
/** Maximum size of a key set, in bytes. Sets of large issuers have about 20 KiB. */
const maxBodyBytes = 512 * 1_024;

/**
 * Reads the issuer's keys on `refresh`, or when they are first needed, and keeps them in memory. The keys are read again
 * when they are old, and when a token names an unknown key, so that the issuer can rotate its keys at any time. All
 * callers share one reading. Only the first failure after a success is logged.
 *
 * `createRemoteJWKSet` of jose is not suitable, because it reads the clock of the machine, drops old keys even if newer
 * ones cannot be read, and does not pause between failing readings.
 */
export function createKeySet({ url, clock, logger, metrics }: KeySetOptions): KeySet {
  let keys: { readonly find: JWTVerifyGetKey; readonly readAtMs: number } | null = null;
  let triedAtMs = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | null = null;
  let failing = false;

  const ageMs = () => (keys === null ? Number.POSITIVE_INFINITY : clock.monotonicMs() - keys.readAtMs);
  /** Remaining pause after the last reading, in milliseconds; 0 or less when it is over. */
  const pauseMs = () => triedAtMs + (ageMs() < maxStaleMs ? cooldownMs : cooldownWithoutKeysMs) - clock.monotonicMs();
  const keysUnavailable = () =>
    new UpstreamUnreachableError({
      message: 'The keys for verifying tokens cannot be read.',
      retryAfterMs: Math.max(0, pauseMs()),
    });

  const read = async (): Promise<void> => {
    using deadline = clock.deadline(readTimeoutMs);
    triedAtMs = clock.monotonicMs();
    const startedAt = clock.now();
    try {
      const found = await readJson(url, deadline.signal);
      // The cast is safe, because jose checks the form of the set and throws JWKSInvalid.
      keys = { find: createLocalJWKSet(found as JSONWebKeySet), readAtMs: triedAtMs };
      // The keys can be as old as the request for them.
      metrics.keysRead(startedAt);
      if (failing) logger.info('the keys for verifying tokens can be read again');
      failing = false;
    } catch (error) {
      if (!failing) logger.warn({ err: error }, 'the keys for verifying tokens cannot be read');
      failing = true;
      throw keysUnavailable();
    }
  };

  const readOnce = (): Promise<void> => {
    reading ??= read().finally(() => {
      reading = null;
    });
    return reading;
  };

  const current = async (): Promise<JWTVerifyGetKey> => {
    const isStale = ageMs() >= maxStaleMs;
    if (keys !== null && (ageMs() < maxAgeMs || (!isStale && pauseMs() > 0))) return keys.find;
    if (isStale && reading === null && pauseMs() > 0) throw keysUnavailable();
    try {
      await readOnce();
    } catch (error) {
      if (isStale) throw error;
    }
    if (keys === null) throw keysUnavailable();
    return keys.find;
  };

  const refresh = async (): Promise<boolean> => {
    if (reading === null && pauseMs() > 0) return false;
    await readOnce();
    return true;
  };

  const find: JWTVerifyGetKey = async (header, token) => {
    const known = await current();
    try {
      return await known(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !(await refresh())) throw error;
      return await (keys?.find ?? known)(header, token);
    }
  };

  return {
    find,
    refresh,
    get isReady() {
      if (ageMs() < maxStaleMs) return true;
      refresh().catch(() => {});
      return false;
    },
  };
}

/** @throws {Error} the response is not JSON of status 200 and of bounded size */
async function readJson(url: string, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(url, {
    headers: { accept: 'application/jwk-set+json, application/json' },
    // A redirect could lead to the keys of another issuer.
    redirect: 'error',
    signal,
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`The response has status ${response.status}.`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    // Exiting the loop cancels the body.
    if (size > maxBodyBytes) throw new Error(`The response has more than ${maxBodyBytes} bytes.`);
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString());
}
