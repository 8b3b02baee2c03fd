import { isEventSource, parseChain, parseEventSource, parseQuantifier, parseSelect } from './parse-events.ts';
import { parseField } from './parse-field.ts';
import { isTime, parseOccurrence, parseTime } from './parse-time.ts';
import type { ArithmeticOperator, PqlExpression } from './syntax.ts';
import { TokenReader } from './token-reader.ts';

/**
 * Parses a PQL text. The compiler checks whether its fields exist and its types match.
 * @throws {PqlError} at the position where the text violates the grammar or exceeds a limit.
 */
export function parsePql(text: string): PqlExpression {
  const reader = new TokenReader(text);
  const expression = parseExpression(reader);
  if (reader.peek().kind !== 'end') reader.unexpected('"and", "or" or the end');
  return expression;
}

/** Parses a complete expression. It ends before the first token that cannot continue it. */
function parseExpression(reader: TokenReader): PqlExpression {
  return reader.nested(() => parseJunction(reader, 'or', () => parseJunction(reader, 'and', () => parseNot(reader))));
}

/** Collects operands in one list, so that a long list of conditions is not deep. */
function parseJunction(reader: TokenReader, kind: 'and' | 'or', parseOperand: () => PqlExpression): PqlExpression {
  const first = parseOperand();
  const operands = [first];
  while (reader.acceptWord(kind)) operands.push(parseOperand());
  return operands.length === 1 ? first : { kind, operands, position: first.position };
}

function parseNot(reader: TokenReader): PqlExpression {
  const { position } = reader.peek();
  if (!reader.acceptWord('not') && !reader.acceptSymbol('!')) return parseCondition(reader);
  return { kind: 'not', operand: reader.nested(() => parseNot(reader)), position };
}

/** String functions that can also be written as infix operators. Only `like` is documented that way. */
const infixFunctions = ['like', 'contains', 'startsWith', 'endsWith'] as const;

function parseCondition(reader: TokenReader): PqlExpression {
  const left = parseSum(reader);
  const { position } = left;
  const comparison = reader.acceptComparison();
  if (comparison !== undefined) return { kind: 'compare', comparison, left, right: parseSum(reader), position };
  const list = (['in', 'notIn'] as const).find((each) => reader.acceptWord(each));
  if (list !== undefined) return { kind: list, value: left, items: parseItems(reader), position };
  if (reader.acceptWord('occurs'))
    return { kind: 'occurs', value: left, occurrence: parseOccurrence(reader), position };
  const operator = reader.peek().position;
  const name = infixFunctions.find((each) => reader.acceptWord(each));
  if (name === undefined) return left;
  return { kind: 'method', name, value: left, parameters: [parseSum(reader)], position: operator };
}

function parseItems(reader: TokenReader): readonly PqlExpression[] {
  reader.expectSymbol('[');
  const items = [parseSum(reader)];
  while (reader.acceptSymbol(',')) items.push(parseSum(reader));
  reader.expectSymbol(']');
  return items;
}

const parseSum = (reader: TokenReader) => parseArithmetic(reader, ['+', '-'], parseProduct);
const parseProduct = (reader: TokenReader) => parseArithmetic(reader, ['*', '/', '%'], parseSigned);

function parseArithmetic(
  reader: TokenReader,
  operators: readonly ArithmeticOperator[],
  parseOperand: (reader: TokenReader) => PqlExpression,
): PqlExpression {
  let left = parseOperand(reader);
  for (;;) {
    const { position } = reader.peek();
    const operator = operators.find((each) => reader.acceptSymbol(each));
    if (operator === undefined) return left;
    reader.countOperation(position);
    left = { kind: 'arithmetic', operator, left, right: parseOperand(reader), position: left.position };
  }
}

function parseSigned(reader: TokenReader): PqlExpression {
  const { position } = reader.peek();
  if (!reader.acceptSymbol('-')) return parseMethods(reader, parsePrimary(reader));
  return { kind: 'negative', operand: reader.nested(() => parseSigned(reader)), position };
}

/** Parses the method calls that follow a value: `.name(…)`. */
function parseMethods(reader: TokenReader, value: PqlExpression): PqlExpression {
  let result = value;
  while (reader.acceptSymbol('.')) {
    const { text: name, position } = reader.expectName('the name of a function');
    reader.countOperation(position);
    result = { kind: 'method', name, value: result, parameters: parseParameters(reader), position };
  }
  return result;
}

function parseParameters(reader: TokenReader): readonly PqlExpression[] {
  reader.expectSymbol('(');
  if (reader.acceptSymbol(')')) return [];
  const parameters = [parseExpression(reader)];
  while (reader.acceptSymbol(',')) parameters.push(parseExpression(reader));
  reader.expectSymbol(')');
  return parameters;
}

function parsePrimary(reader: TokenReader): PqlExpression {
  const token = reader.peek();
  const { position } = token;
  switch (token.kind) {
    case 'string':
    case 'number':
      reader.next();
      return { kind: 'literal', value: token.value, position };
    case 'time':
      return parseTime(reader);
    case 'symbol':
      return parseParenthesized(reader);
    case 'name':
      return parseNamed(reader);
    case 'end':
      return reader.unexpected('a value');
  }
}

function parseParenthesized(reader: TokenReader): PqlExpression {
  if (!reader.acceptSymbol('(')) return reader.unexpected('a value');
  const expression = parseExpression(reader);
  reader.expectSymbol(')');
  return expression;
}

function parseNamed(reader: TokenReader): PqlExpression {
  const { position } = reader.peek();
  if (isTime(reader)) return parseTime(reader);
  if (isEventSource(reader)) return parseEventSource(reader, parseExpression);
  if (reader.isWord('chain') && reader.isSymbol('(', 1)) return parseChain(reader, parseExpression);
  if (reader.isWord('select') && reader.peek(1).kind === 'name') return parseSelect(reader, parseExpression);
  const quantifier = (['exists', 'forall'] as const).find((each) => reader.isWord(each));
  if (quantifier !== undefined && reader.peek(1).kind === 'name')
    return parseQuantifier(reader, quantifier, parseExpression);
  if (reader.isSymbol('(', 1)) {
    const { text: name } = reader.next();
    return { kind: 'function', name, parameters: parseParameters(reader), position };
  }
  if (!reader.isSymbol('.', 1)) {
    const truth = (['true', 'false'] as const).find((each) => reader.acceptWord(each));
    if (truth !== undefined) return { kind: 'literal', value: truth === 'true', position };
  }
  return parseField(reader);
}
