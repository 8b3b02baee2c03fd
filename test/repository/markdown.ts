/** The cells of the tables under a heading of the second or third level, without their heads. Empty if there is none. */
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

/** The npm scripts that a text tells its reader to run, each once. What npm does by itself (`npm ci`) is no script. */
export function namedScripts(markdown: string): readonly string[] {
  const commands = markdown.matchAll(
    /\bnpm (?:(?:--?[\w-]+(?:=\S+)?) )*(?:run(?:-script)? (?:--?[\w-]+ )*([\w:.-]+)|(start|test|stop|restart)\b)/g,
  );
  return [...new Set([...commands].map(([, script, lifecycle]) => (script ?? lifecycle ?? '').replace(/[.:]$/, '')))];
}
