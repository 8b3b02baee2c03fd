import type { DecodeContext } from './decode-context.ts';

/**
 * A status in the gateway's vocabulary. Case does not count; what the vocabulary does not know is UNKNOWN, and counted.
 * @param aliases other spellings of the platform, in upper case
 */
export function readStatus<Status extends string>(
  raw: string,
  known: readonly Status[],
  context: DecodeContext,
  aliases: Readonly<Record<string, Status>> = {},
): Status | 'UNKNOWN' {
  const upper = raw.trim().toUpperCase();
  const status = aliases[upper] ?? known.find((name) => name === upper);
  if (status !== undefined) return status;
  context.anomaly('unknown-status');
  return 'UNKNOWN';
}
