import type { DecodeContext } from './decode-context.ts';

/**
 * A status in the gateway's vocabulary. Case does not count, and words may be separated by hyphens or blanks. A status
 * that neither the vocabulary nor the aliases contain is UNKNOWN, and counted.
 * @param aliases other words of the platform, in the form `IN_PROGRESS`
 */
export function readStatus<Status extends string>(
  raw: string,
  known: readonly Status[],
  context: DecodeContext,
  aliases: Readonly<Record<string, Status>> = {},
): Status | 'UNKNOWN' {
  const word = raw
    .trim()
    .toUpperCase()
    .replace(/[\s-]+/g, '_');
  const status = Object.hasOwn(aliases, word) ? aliases[word] : known.find((name) => name === word);
  if (status !== undefined) return status;
  context.anomaly('unknown-status');
  return 'UNKNOWN';
}
