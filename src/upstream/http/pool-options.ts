import type { Pool } from 'undici';

/** Time to set up a connection, TLS included, in milliseconds. */
const connectTimeoutMs = 10_000;
/** Maximum time between two chunks of the body of a download, in milliseconds. */
const bodySilenceMs = 60_000;

/**
 * Options for the connections to every host. The deadline of a call includes its whole response, so that undici limits
 * nothing. Its own limits would set a timer for each response, which it keeps for half a second.
 */
export const poolOptions = {
  connect: { timeout: connectTimeoutMs },
  headersTimeout: 0,
  bodyTimeout: 0,
  pipelining: 1,
} as const satisfies Pool.Options;

/** Options for the connections of downloads, whose deadline ends with the headers. */
export const downloadPoolOptions = { ...poolOptions, bodyTimeout: bodySilenceMs } as const satisfies Pool.Options;
