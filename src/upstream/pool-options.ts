import type { Pool } from 'undici';

/** Time to set up a connection, TLS included, in milliseconds. */
const connectTimeoutMs = 10_000;
/** The longest silence within a body that somebody is waiting for, in milliseconds. */
const bodySilenceMs = 60_000;

/** How the gateway talks to every host. Deadlines are the calls' own affair: only silence within a body is undici's. */
export const poolOptions = {
  connect: { timeout: connectTimeoutMs },
  headersTimeout: 0,
  bodyTimeout: bodySilenceMs,
  pipelining: 1,
} as const satisfies Pool.Options;
