/** Habits of wording that make a sentence hard to read for a reader who has never seen the code. */
const habits: readonly { readonly name: string; readonly pattern: RegExp }[] = [
  {
    name: 'a clause in place of a noun ("What is left is closed.")',
    pattern: /(?:^|[.;:,] )(?:[Ww]ho(?:ever|m)?|[Ww]hat(?:ever)?|Where|Those (?:who|that)) (?!if\b)[a-z]/,
  },
  {
    name: 'an actor without a name',
    pattern: /\b(?:nobody|somebody|everybody|whoever|one that|of wh(?:ich|om))\b/i,
  },
  { name: 'data that speaks', pattern: /\b(?:told|tells?|says?|said|asks|(?:is|are) asked|asked for)\b/i },
  { name: 'a fragment that needs the sentence before it', pattern: /^(?:Of (?:the|those|a)|That of|Those of)\b/ },
  {
    name: 'an old word',
    pattern:
      /\b(?:anew|any more|for ever|shall|all the same|letter by letter|beside|hastens?|under way|as far as|in vain|has come|so many)\b/i,
  },
];

export interface Sentence {
  readonly text: string;
  /** Name of the habit; null: the sentence has none. */
  readonly habit: string | null;
}

/** The sentences of a file that readers read: comments of TypeScript and JavaScript, descriptions of an SDL, prose of Markdown. */
export function sentencesOf(path: string, source: string): readonly Sentence[] {
  return blocksOf(path, source)
    .map((block) => block.replaceAll(/\s+/g, ' ').trim())
    .filter((block) => !isDirective.test(block))
    .flatMap((block) => block.split(/(?<=[.;]) (?=[A-Z@])/))
    .filter((text) => text.split(' ').length >= shortestSentence)
    .map((text) => ({ text, habit: habits.find(({ pattern }) => pattern.test(text))?.name ?? null }));
}

/** In words. Shorter texts are labels. */
const shortestSentence = 3;
/** Comments for tools. */
const isDirective = /biome-ignore|@ts-expect-error|@vitest-environment/;
const comment = /\/\*\*[\s\S]*?\*\/|(?:^[ \t]*\/\/[^\n]*\n)+/gm;
const description = /"""([\s\S]*?)"""/g;
const codeBlock = /^(`{3,})[\s\S]*?^\1/gm;

function blocksOf(path: string, source: string): readonly string[] {
  if (/\.(?:js|tsx?)$/.test(path)) {
    return (source.match(comment) ?? []).map((text) =>
      text.replaceAll(/^\s*(?:\/\*\*|\*\/|\*|\/\/)/gm, ' ').replaceAll('*/', ''),
    );
  }
  if (path.endsWith('.graphql')) return [...source.matchAll(description)].map(([, text = '']) => text);
  if (path.endsWith('.md')) return source.replaceAll(codeBlock, '').split(/\n\s*\n|^\||^- /m);
  return [];
}
