import type { Field } from './syntax.ts';
import type { TokenReader } from './token-reader.ts';

/** Parses a dotted path, up to the name of a function that is called on it. */
export function parseField(reader: TokenReader): Field {
  const { text: first, position } = reader.expectName('a field');
  const path = [first];
  while (reader.isSymbol('.') && reader.peek(1).kind === 'name' && !reader.isSymbol('(', 2)) {
    reader.next();
    path.push(reader.next().text);
  }
  return { kind: 'field', path, position };
}
