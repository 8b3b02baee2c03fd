import { label, type MetricDefinitions } from './definitions.ts';

/** Reason for which the token of a caller was rejected. */
export type TokenRejection =
  | 'algorithm'
  | 'audience'
  | 'expired'
  | 'issuer'
  | 'malformed'
  | 'no expiry'
  | 'not valid yet'
  | 'organization'
  | 'other claim'
  | 'sandbox'
  | 'signature'
  | 'too long'
  | 'unknown key';

/** Reports of the gateway's own credential, and of the tokens of callers. */
export type CredentialMetrics = ReturnType<typeof defineCredentialMetrics>;

export function defineCredentialMetrics(define: MetricDefinitions) {
  const failures = define.counter({
    name: 'aep_credential_failures_total',
    help: 'Failures of the own platform credential: token requests that failed, and calls that the platform rejected.',
    labels: {},
  });
  let remainingMs: () => number | null = () => null;
  let keysReadAt: Date | null = null;
  define.readGauge(
    {
      name: 'aep_credential_token_remaining_seconds',
      help: 'Time until the own platform token expires; negative after its expiry. Absent without a token.',
      labels: {},
    },
    () => {
      const ms = remainingMs();
      return ms === null ? [] : [{ labels: {}, value: ms / 1_000 }];
    },
  );
  define.readGauge(
    {
      name: 'aep_issuer_keys_read_timestamp_seconds',
      help: 'Last successful reading of the keys of the token issuer, in seconds since 1970. Absent before the first.',
      labels: {},
    },
    () => (keysReadAt === null ? [] : [{ labels: {}, value: keysReadAt.getTime() / 1_000 }]),
  );
  return {
    failed: (): void => failures({}),
    tokenRejected: define.counter({
      name: 'aep_caller_tokens_rejected_total',
      help: 'Tokens of callers that were rejected, by reason.',
      labels: { reason: label<TokenRejection>() },
    }),
    /** The keys of the token issuer were read. */
    keysRead: (at: Date): void => {
      keysReadAt = at;
    },
    /** Reports the time until the own token expires, in milliseconds; null: there is none. It is read at each request. */
    watchToken: (remaining: () => number | null): void => {
      remainingMs = remaining;
    },
  };
}
