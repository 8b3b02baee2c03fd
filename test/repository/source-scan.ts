import { posix } from 'node:path';

/** One import of a module: static, re-exporting, or dynamic. */
export interface Import {
  /** Path in the repository (`src/app.ts`) for a relative import; else the package, without what is after its name. */
  readonly target: string;
  /** `type` only where nothing of it is left at run time. */
  readonly kind: 'value' | 'type';
}

/** What the rules of the repository need to know of a source file. */
export interface Module {
  /** Path in the repository. */
  readonly path: string;
  readonly imports: readonly Import[];
  /** The things of `watchedGlobals` that its code uses. */
  readonly uses: readonly string[];
}

/** The target of a dynamic import whose module is computed, so that nobody can tell what it is. */
export const computedImport = 'import(…)';

/** Globals by which a module could get at time or at the environment behind everybody's back. */
export const watchedGlobals: Readonly<Record<string, RegExp>> = {
  'Date.now': /\bDate\s*\.\s*now\b/,
  'new Date()': /\bnew\s+Date\b\s*(?:\(\s*\)|(?!\s*\())/,
  setTimeout: /(?<![.\w])setTimeout\b|\bglobalThis\s*\.\s*setTimeout\b/,
  setInterval: /(?<![.\w])setInterval\b|\bglobalThis\s*\.\s*setInterval\b/,
  'AbortSignal.timeout': /\bAbortSignal\s*\.\s*timeout\b/,
  'performance.now': /\bperformance\s*\.\s*now\b/,
  'milliseconds of the wall clock': /\.\s*now\(\)\s*\.\s*(?:getTime|valueOf)\b|\bNumber\([\w.#]*\.now\(\)\)/,
  'process.env': /\bprocess\s*(?:\?\.|\.)\s*env\b|\bprocess\s*\[|=\s*process\s*[;,)]/,
};

/** Reads imports and uses out of a TypeScript source. It knows the forms that the formatter leaves, not the whole grammar. */
export function scanModule(path: string, source: string): Module {
  const withoutComments = blank(source, { strings: false });
  const code = blank(source, { strings: true });
  return {
    path,
    imports: importsOf(withoutComments, path),
    uses: Object.entries(watchedGlobals).flatMap(([name, pattern]) => (pattern.test(code) ? [name] : [])),
  };
}

const staticImport = /^[ \t]*(?:import|export)\s+(type\s+)?(?:[\w*{][^'";]*?\sfrom\s+)?'([^']+)'/gm;
const dynamicImport = /(typeof\s+)?\bimport\(\s*('[^']*'|)/g;

function importsOf(source: string, path: string): Import[] {
  const found: Import[] = [];
  for (const [, type, specifier = ''] of source.matchAll(staticImport)) {
    found.push({ target: targetOf(specifier, path), kind: type === undefined ? 'value' : 'type' });
  }
  for (const [, type, quoted = ''] of source.matchAll(dynamicImport)) {
    const target = quoted === '' ? computedImport : targetOf(quoted.slice(1, -1), path);
    found.push({ target, kind: type === undefined ? 'value' : 'type' });
  }
  return found;
}

function targetOf(specifier: string, from: string): string {
  if (specifier.startsWith('.')) return posix.normalize(posix.join(posix.dirname(from), specifier));
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

const comment = String.raw`\/\*[\s\S]*?\*\/|\/\/[^\n]*`;
// A slash begins a pattern only where a value can begin. Patterns hold quotes, which must not be taken for strings.
const pattern = String.raw`(?<=(?:^|[=(,:[!&|?{};\n]|=>|return)\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*`;
const quoted = String.raw`'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"`;
// Kept as it is: what stands in its holes is code.
const template = String.raw`\`(?:\\.|[^\`\\])*\``;
const tokens = new RegExp(`(${comment})|(${pattern}|${quoted})|${template}`, 'g');

function blank(source: string, { strings }: { readonly strings: boolean }): string {
  return source.replaceAll(tokens, (token, isComment?: string, isText?: string) => {
    if (isComment !== undefined) return ' ';
    return strings && isText !== undefined ? "''" : token;
  });
}
