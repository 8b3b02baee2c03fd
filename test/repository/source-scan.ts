import { posix } from 'node:path';

/** One import of a module: static, re-exporting, or dynamic. */
export interface Import {
  /**
   * Path in the repository (`src/app.ts`) for a relative import; otherwise the name of the package, without subpath.
   */
  readonly target: string;
  /** `type` only if the import does not exist at run time. */
  readonly kind: 'value' | 'type';
}

/** Facts about a source file that the rules of the repository need. */
export interface Module {
  /** Path in the repository. */
  readonly path: string;
  readonly imports: readonly Import[];
  /** The `watchedGlobals` that its code uses. */
  readonly uses: readonly string[];
}

/** Target of a dynamic import whose module is computed, and therefore unknown. */
export const computedImport = 'import(…)';

/** Globals that give a module access to time or to the environment without an import. */
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

/**
 * Finds imports and uses in a TypeScript source. It supports the forms that the formatter produces, not the whole
 * grammar.
 */
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
// A slash begins a pattern only where a value can begin. Patterns can contain quotes, which must not be read as
// strings.
const pattern = String.raw`(?<=(?:^|[=(,:[!&|?{};\n]|=>|return)\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*`;
const quoted = String.raw`'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"`;
// Templates are kept, because their placeholders contain code.
const template = String.raw`\`(?:\\.|[^\`\\])*\``;
const tokens = new RegExp(`(${comment})|(${pattern}|${quoted})|${template}`, 'g');

function blank(source: string, { strings }: { readonly strings: boolean }): string {
  return source.replaceAll(tokens, (token, isComment?: string, isText?: string) => {
    if (isComment !== undefined) return ' ';
    return strings && isText !== undefined ? "''" : token;
  });
}
