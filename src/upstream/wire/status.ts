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
  // The usual form of the usual words.
  for (const name of known) if (name === raw && !Object.hasOwn(aliases, raw)) return name;
  const word = raw.trim().toUpperCase();
  const status = Object.hasOwn(aliases, word) ? aliases[word] : known.find((name) => name === word);
  const found = status ?? sameLetters(word, known, aliases);
  if (found !== undefined) return found;
  context.anomaly('unknown-status');
  return 'UNKNOWN';
}

/** The rare word that separates its words in another way, or not at all. */
function sameLetters<Status extends string>(
  word: string,
  known: readonly Status[],
  aliases: Readonly<Record<string, Status>>,
): Status | undefined {
  const letters = bare(word);
  const alias = Object.entries(aliases).find(([name]) => bare(name) === letters)?.[1];
  return alias ?? known.find((name) => bare(name) === letters);
}

/** The letters of a word. */
const bare = (word: string): string => word.replace(/[\s_-]+/g, '');
