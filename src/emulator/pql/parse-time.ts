import { parseField } from './parse-field.ts';
import { quote } from './pql-error.ts';
import type { Occurrence, Time, TimeReference, TimeUnit } from './syntax.ts';
import { maximumAmount, unitNamed, utcDate } from './time-units.ts';
import type { TokenReader } from './token-reader.ts';

const relativeDays = { yesterday: -1, today: 0, tomorrow: 1 } as const;
const relativeUnits = { last: -1, this: 0, next: 1 } as const;

/** Whether a time that does not depend on data comes next. */
export function isTime(reader: TokenReader): boolean {
  if (reader.peek().kind === 'time') return true;
  if (reader.isWord('date')) return reader.isSymbol('(', 1);
  if (keyOf(relativeUnits, reader) !== undefined) return unitNamed(reader.peek(1).text) !== null;
  return (reader.isWord('now') || keyOf(relativeDays, reader) !== undefined) && !reader.isSymbol('.', 1);
}

/** Parses the time that `isTime` has recognized. */
export function parseTime(reader: TokenReader): Time {
  const { position } = reader.peek();
  if (reader.acceptWord('now')) return { kind: 'time', time: { kind: 'now' }, position };
  const day = keyOf(relativeDays, reader);
  if (day !== undefined) {
    reader.next();
    return { kind: 'time', time: { kind: 'unit', unit: 'day', offset: relativeDays[day] }, position };
  }
  const relative = keyOf(relativeUnits, reader);
  if (relative !== undefined) {
    reader.next();
    return {
      kind: 'time',
      time: { kind: 'unit', unit: expectUnit(reader), offset: relativeUnits[relative] },
      position,
    };
  }
  if (reader.acceptWord('date')) return { kind: 'time', time: { kind: 'day', at: parseDate(reader) }, position };
  return { kind: 'time', time: readTime(reader, reader.next().text, position), position };
}

// The assertion holds because the object is a literal in this file.
const keyOf = <Word extends string>(words: Readonly<Record<Word, number>>, reader: TokenReader): Word | undefined =>
  (Object.keys(words) as Word[]).find((word) => reader.isWord(word));

/** Parses the rest of `date(2020, 3, 14)` or `date("2020-03-14")`, after the word `date`. */
function parseDate(reader: TokenReader): Date {
  reader.expectSymbol('(');
  const { position } = reader.peek();
  const date = reader.peek().kind === 'string' ? dateFromText(reader) : dateFromNumbers(reader);
  reader.expectSymbol(')');
  return date ?? reader.fail('The date does not exist', position);
}

function dateFromText(reader: TokenReader): Date | null {
  const token = reader.next();
  const match = token.kind === 'string' ? /^(\d{4})-(\d\d)-(\d\d)$/.exec(token.value) : null;
  return match === null ? null : existingDate(Number(match[1]), Number(match[2]), Number(match[3]));
}

function dateFromNumbers(reader: TokenReader): Date | null {
  const year = reader.expectInteger();
  reader.expectSymbol(',');
  const month = reader.expectInteger();
  reader.expectSymbol(',');
  return existingDate(year, month, reader.expectInteger());
}

const maximumYear = 9999;

/** @param month starting at 1 */
function existingDate(year: number, month: number, day: number): Date | null {
  if (year > maximumYear || month > 12 || day > 31) return null;
  const date = utcDate(year, month - 1, day);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? date : null;
}

const timePattern = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:\d\d)?)?$/;

/** Parses a time. Without an offset it is in UTC. */
function readTime(reader: TokenReader, text: string, position: number): Time['time'] {
  const match = timePattern.exec(text);
  const date = match && existingDate(Number(match[1]), Number(match[2]), Number(match[3]));
  if (!(match && date)) return reader.fail(`${quote(text)} is not a date or a time`, position);
  const [, , , , clock, offset = 'Z'] = match;
  if (clock === undefined) return { kind: 'day', at: date };
  const at = new Date(`${text.slice(0, 'YYYY-MM-DD'.length)}T${clock}${offset}`);
  if (Number.isNaN(at.getTime())) return reader.fail(`${quote(text)} is not a date or a time`, position);
  return { kind: 'instant', at };
}

function expectUnit(reader: TokenReader): TimeUnit {
  const unit = unitNamed(reader.peek().text);
  if (reader.peek().kind !== 'name' || unit === null) return reader.unexpected('a unit of time');
  reader.next();
  return unit;
}

const parseReference = (reader: TokenReader): TimeReference =>
  isTime(reader) ? parseTime(reader) : parseField(reader);

/** Parses the text after `occurs`. */
export function parseOccurrence(reader: TokenReader): Occurrence {
  const comparison = reader.acceptComparison();
  if (comparison !== undefined) {
    const { position } = reader.peek();
    const amount = reader.expectInteger();
    const unit = expectUnit(reader);
    if (amount > maximumAmount(unit)) reader.fail('The distance is longer than ten thousand years', position);
    const direction = reader.expectWord('before', 'after', 'from') === 'before' ? 'before' : 'after';
    return { kind: 'distance', comparison, amount, unit, direction, time: parseReference(reader) };
  }
  if (reader.acceptWord('between')) {
    const start = parseReference(reader);
    reader.expectWord('and');
    return { kind: 'between', start, end: parseReference(reader) };
  }
  const direction = (['before', 'after', 'from'] as const).find((each) => reader.acceptWord(each));
  if (direction !== undefined) return { kind: 'side', direction, time: parseReference(reader) };
  reader.acceptWord('on');
  return { kind: 'within', time: parseReference(reader) };
}
