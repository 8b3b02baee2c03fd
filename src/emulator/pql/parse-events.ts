import { parseOccurrence } from './parse-time.ts';
import type { Chain, Events, PqlExpression } from './syntax.ts';
import type { TokenReader } from './token-reader.ts';

/** Parses a condition, which is a complete expression. */
type Parse = (reader: TokenReader) => PqlExpression;

/** Reserved word for the events of a profile. */
const eventArray = 'xEvent';

/** Whether `xEvent` comes next. A path below `xEvent` does not count, because PQL has none. */
export const isEventSource = (reader: TokenReader): boolean => reader.isWord(eventArray);

/** `xEvent`, and `xEvent[condition]` */
export function parseEventSource(reader: TokenReader, parse: Parse): Events {
  const position = expectEventArray(reader);
  if (!reader.acceptSymbol('[')) return { kind: 'events', variable: null, condition: null, position };
  const condition = parse(reader);
  reader.expectSymbol(']');
  return { kind: 'events', variable: null, condition, position };
}

/** `select E from xEvent where condition` */
export function parseSelect(reader: TokenReader, parse: Parse): Events {
  const { position } = reader.next();
  return parseBinding(reader, position, parse);
}

/** `exists E from xEvent where condition`, `forall …`. A colon is accepted instead of `where`. */
export function parseQuantifier(reader: TokenReader, kind: 'exists' | 'forall', parse: Parse): PqlExpression {
  const { position } = reader.next();
  return { kind, events: parseBinding(reader, position, parse), position };
}

function parseBinding(reader: TokenReader, position: number, parse: Parse): Events {
  const { text: variable } = reader.expectName('a variable');
  reader.expectWord('from');
  expectEventArray(reader);
  const condition = reader.acceptWord('where') || reader.acceptSymbol(':') ? parse(reader) : null;
  return { kind: 'events', variable, condition, position };
}

function expectEventArray(reader: TokenReader): number {
  const { position } = reader.peek();
  reader.expectWord(eventArray);
  return position;
}

/** `chain(xEvent, timestamp, [A: WHAT(condition) WHEN(< 8 days before now) COUNT(5)])`, with one event in the chain. */
export function parseChain(reader: TokenReader, parse: Parse): Chain {
  const { position } = reader.next();
  reader.expectSymbol('(');
  expectEventArray(reader);
  reader.expectSymbol(',');
  reader.expectWord('timestamp');
  reader.expectSymbol(',');
  reader.expectSymbol('[');
  const { text: label } = reader.expectName('the label of an event');
  reader.expectSymbol(':');
  reader.expectWord('what');
  const what = parenthesized(reader, () => parse(reader));
  const when = reader.acceptWord('when') ? parenthesized(reader, () => parseOccurrence(reader)) : null;
  const isCounted = reader.acceptWord('count') || reader.acceptWord('counts');
  const count = isCounted ? parenthesized(reader, () => parseCount(reader)) : atLeastOne;
  if (reader.isSymbol(',')) {
    reader.fail('Sequences of several events in a chain are not supported', reader.peek().position);
  }
  reader.expectSymbol(']');
  reader.expectSymbol(')');
  return { kind: 'chain', label, what, when, count, position };
}

const atLeastOne = { comparison: '>=', number: 1 } as const;

/** Parses `COUNT(5)`, which is documented as at least five times. */
function parseCount(reader: TokenReader): Chain['count'] {
  const comparison = reader.acceptComparison() ?? '>=';
  return { comparison, number: reader.expectInteger() };
}

function parenthesized<T>(reader: TokenReader, read: () => T): T {
  reader.expectSymbol('(');
  const result = read();
  reader.expectSymbol(')');
  return result;
}
