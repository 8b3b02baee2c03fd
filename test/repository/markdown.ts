/** Cells of the tables under a heading of the second or third level, without header rows. Empty if there are none. */
export function rowsUnder(heading: string, markdown: string): readonly (readonly string[])[] {
  const lines = markdown.split('\n');
  const start = lines.findIndex((line) => line === `## ${heading}` || line === `### ${heading}`);
  if (start < 0) return [];
  const section = lines.slice(start + 1);
  const end = section.findIndex(
    (line) => line.startsWith('## ') || (lines[start]?.startsWith('###') && /^### /.test(line)),
  );
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
