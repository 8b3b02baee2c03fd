import type { DecodeContext } from './decode-context.ts';

/**
 * A status in the gateway's vocabulary. The case and the separators of words are ignored. A status that is in neither
 * the vocabulary nor the aliases is UNKNOWN, and counted as an anomaly.
 * @param aliases other words of the platform, in the form `IN_PROGRESS`
 */
export function readStatus<Status extends string>(
  raw: string,
  known: readonly Status[],
  context: DecodeContext,
  aliases: Readonly<Record<string, Status>> = {},
): Status | 'UNKNOWN' {
  // Fast path for the usual form of the known words.
  for (const name of known) if (name === raw && !Object.hasOwn(aliases, raw)) return name;
  const word = raw.trim().toUpperCase();
  const status = Object.hasOwn(aliases, word) ? aliases[word] : known.find((name) => name === word);
  const found = status ?? sameLetters(word, known, aliases);
  if (found !== undefined) return found;
  context.anomaly('unknown-status');
  return 'UNKNOWN';
}

/** The known status with the same letters, for a text with other separators or without separators. */
function sameLetters<Status extends string>(
  word: string,
  known: readonly Status[],
  aliases: Readonly<Record<string, Status>>,
): Status | undefined {
  const letters = bare(word);
  const alias = Object.entries(aliases).find(([name]) => bare(name) === letters)?.[1];
  return alias ?? known.find((name) => bare(name) === letters);
}

/** A text without its separators. */
const bare = (word: string): string => word.replace(/[\s_-]+/g, '');
