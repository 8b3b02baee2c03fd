import { PqlError, quote } from './pql-error.ts';

export type Token =
  | { readonly kind: 'name' | 'symbol' | 'end'; readonly text: string; readonly position: number }
  | { readonly kind: 'string'; readonly text: string; readonly value: string; readonly position: number }
  | { readonly kind: 'number'; readonly text: string; readonly value: number; readonly position: number }
  /** `@2020-03-14T10:00:00Z`; the text does not include the `@`. */
  | { readonly kind: 'time'; readonly text: string; readonly position: number };

const patterns = {
  space: /\s+/y,
  name: /[A-Za-z_][A-Za-z0-9_]*/y,
  number: /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y,
  time: /@[0-9][0-9TZ:.+-]*/y,
  symbol: /!=|<=|>=|[=<>!()[\],.:+*/%-]/y,
  string: /"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*'/y,
} as const;

/**
 * Splits a text into tokens. The last token has the kind `end`.
 * @throws {PqlError} at a position where no token begins.
 */
export function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let position = match('space', text, 0).length;
  while (position < text.length) {
    const token = tokenAt(text, position);
    tokens.push(token);
    position += token.kind === 'time' ? token.text.length + 1 : token.text.length;
    position += match('space', text, position).length;
  }
  tokens.push({ kind: 'end', text: '', position: text.length });
  return tokens;
}

function match(pattern: keyof typeof patterns, text: string, position: number): string {
  const expression = patterns[pattern];
  expression.lastIndex = position;
  return expression.exec(text)?.[0] ?? '';
}

function tokenAt(text: string, position: number): Token {
  for (const kind of ['name', 'symbol'] as const) {
    const found = match(kind, text, position);
    if (found !== '') return { kind, text: found, position };
  }
  const number = match('number', text, position);
  if (number !== '') return numberToken(number, text, position);
  const string = match('string', text, position);
  if (string !== '') return { kind: 'string', text: string, value: readEscapes(string, text, position), position };
  const time = match('time', text, position);
  if (time !== '') return { kind: 'time', text: time.slice(1), position };
  const character = String.fromCodePoint(text.codePointAt(position) ?? 0);
  const problem =
    character === '"' || character === "'"
      ? 'A string does not end on its line'
      : `${quote(character)} is not expected`;
  throw new PqlError(problem, text, position);
}

function numberToken(digits: string, text: string, position: number): Token {
  const value = Number(digits);
  if (!Number.isFinite(value)) throw new PqlError('The number is too large', text, position);
  return { kind: 'number', text: digits, value, position };
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ["'", "'"],
  ['\\', '\\'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

function readEscapes(quoted: string, text: string, position: number): string {
  return quoted.slice(1, -1).replace(/\\(.)/gsu, (sequence, character: string, offset: number) => {
    const value = escapes.get(character);
    if (value === undefined) throw new PqlError(`${quote(sequence)} is not an escape`, text, position + 1 + offset);
    return value;
  });
}
