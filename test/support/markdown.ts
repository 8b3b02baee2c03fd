/** Cells of the tables under a heading, without header rows. Empty if there are none. */
export function rowsUnder(heading: string, markdown: string): readonly (readonly string[])[] {
  const lines = withoutCode(markdown).split('\n');
  const start = lines.findIndex((line) => headingOf(line)?.text === heading);
  const level = headingOf(lines[start])?.level;
  if (level === undefined) return [];
  const section = lines.slice(start + 1);
  const end = section.findIndex((line) => (headingOf(line)?.level ?? Number.POSITIVE_INFINITY) <= level);
  const own = section.slice(0, end < 0 ? undefined : end);
  const isRule = (line: string | undefined) => line !== undefined && /^\s*\|[\s|:-]+$/.test(line);
  return own
    .filter((line, index) => line.trimStart().startsWith('|') && !isRule(line) && !isRule(own[index + 1]))
    .map((line) => line.split('|').slice(1, -1));
}

/** npm scripts that a text recommends, each once. Commands of npm itself (`npm ci`) are not scripts. */
export function namedScripts(markdown: string): readonly string[] {
  const commands = markdown.matchAll(
    /\bnpm (?:(?:--?[\w-]+(?:=\S+)?) )*(?:run(?:-script)? (?:--?[\w-]+ )*([\w:.-]+)|(start|test|stop|restart)\b)/g,
  );
  return [...new Set([...commands].map(([, script, lifecycle]) => (script ?? lifecycle ?? '').replace(/[.:]$/, '')))];
}

/** Links to files of the repository and to headings; `path` is empty for a heading of the same page. */
export const localLinks = (markdown: string): readonly { readonly path: string; readonly heading: string | null }[] =>
  [...withoutCode(markdown).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = '']) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [path = '', heading = null] = target.split('#');
    return [{ path, heading }];
  });

/** The ids that GitHub gives to the headings of a page. */
export const headingIds = (markdown: string): readonly string[] =>
  withoutCode(markdown)
    .split('\n')
    .flatMap((line) => headingOf(line)?.text ?? [])
    .map((text) =>
      text
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    );

function headingOf(line: string | undefined): { readonly level: number; readonly text: string } | null {
  const [, marks, text] = /^(#{1,6}) (.*?)\s*$/.exec(line ?? '') ?? [];
  return marks === undefined || text === undefined ? null : { level: marks.length, text };
}

/** A page without its fenced blocks, in which `#` begins a comment. */
const withoutCode = (markdown: string): string => markdown.replaceAll(/^(`{3,})[^\n]*\n[\s\S]*?^\1`*$/gm, '');

/** A fenced code block. */
export interface CodeBlock {
  /** Heading of level 1 to 3 above the block. */
  readonly section: string;
  /** Empty if the fence names none. */
  readonly language: string;
  readonly content: string;
  /** File name in the line before the block; null if there is none. */
  readonly file: string | null;
}

/** The code blocks of a page, in order. A line with a file name in backticks and a colon names the file of a block. */
export function codeBlocks(markdown: string): readonly CodeBlock[] {
  const pattern = /^#{1,3} ([^\n]+)$|(?:^`([\w./-]+)`:\n\n)?^```(\w*)\n(.*?)^```$/gms;
  let section = '';
  return [...markdown.matchAll(pattern)].flatMap(([, heading, file, language, content]) => {
    if (heading !== undefined) section = heading;
    return language === undefined || content === undefined ? [] : [{ section, language, content, file: file ?? null }];
  });
}
