import type { DecodeContext } from './decode-context.ts';

/**
 * A status in the gateway's vocabulary. Case does not count, nor whether words are separated, and by what. A status that
 * neither the vocabulary nor the aliases contain is UNKNOWN, and counted.
 * @param aliases other words of the platform, in the form `IN_PROGRESS`
 */
export function readStatus<Status extends string>(
  raw: string,
  known: readonly Status[],
  context: DecodeContext,
  aliases: Readonly<Record<string, Status>> = {},
): Status | 'UNKNOWN' {
  const word = bare(raw.toUpperCase());
  const alias = Object.entries(aliases).find(([name]) => bare(name) === word)?.[1];
  const status = alias ?? known.find((name) => bare(name) === word);
  if (status !== undefined) return status;
  context.anomaly('unknown-status');
  return 'UNKNOWN';
}

/** The letters of a word. */
const bare = (word: string): string => word.replace(/[\s_-]+/g, '');
