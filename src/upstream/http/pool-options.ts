import type { Pool } from 'undici';

/** Time to set up a connection, TLS included, in milliseconds. */
const connectTimeoutMs = 10_000;
/** Maximum time between two chunks of a body that is being read, in milliseconds. */
const bodySilenceMs = 60_000;

/**
 * Options for the connections to every host. Calls enforce their own deadlines; undici only limits silence within a
 * body.
 */
export const poolOptions = {
  connect: { timeout: connectTimeoutMs },
  headersTimeout: 0,
  bodyTimeout: bodySilenceMs,
  pipelining: 1,
} as const satisfies Pool.Options;
