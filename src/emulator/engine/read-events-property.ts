import { comparisonOperators } from '../pql/compiler.ts';
import type { Comparison } from '../pql/syntax.ts';
import { identifier, type Parameters } from '../store/sql.ts';
import type { FieldVocabulary, ValueType } from '../xdm/vocabulary.ts';
import { EventQueryError } from './read-events-cursor.ts';

/** A condition on one field of an event. */
export interface EventProperty {
  readonly path: string;
  readonly comparison: Comparison;
  /** Value as sent, without quotation marks. Dates are `yyyy-mm-dd` or `yyyymmdd`. */
  readonly value: string;
}

/** @throws {EventQueryError} when the field does not exist, or the value does not have its type. */
export function compileProperty(
  { path, comparison, value }: EventProperty,
  parameters: Parameters,
  { types }: FieldVocabulary,
): string {
  const type = types.get(path);
  if (type === undefined) {
    throw new EventQueryError('INVALID_PROPERTY', `Events have no property ${JSON.stringify(path)} to filter by.`);
  }
  const parsed = parseValue(type, value);
  if (parsed === null) {
    throw new EventQueryError(
      'INVALID_PROPERTY',
      `${JSON.stringify(value)} is not a valid value of the property ${path}.`,
    );
  }
  return `v.${identifier(path)} ${comparisonOperators[comparison]} ${parameters.add(parsed)}::${sqlTypes[type]}`;
}

const sqlTypes: Readonly<Record<ValueType, string>> = {
  string: 'VARCHAR',
  number: 'DOUBLE',
  boolean: 'BOOLEAN',
  time: 'TIMESTAMPTZ',
};

function parseValue(type: ValueType, text: string): string | number | boolean | Date | null {
  switch (type) {
    case 'string':
      return text;
    case 'number': {
      const number = Number(text);
      return text.trim() === '' || !Number.isFinite(number) ? null : number;
    }
    case 'boolean':
      return text === 'true' || text === 'false' ? text === 'true' : null;
    case 'time':
      return parseDate(text);
  }
}

/** Midnight in UTC; null when the date does not exist. */
function parseDate(text: string): Date | null {
  const match = /^(\d{4})(-?)(\d\d)\2(\d\d)$/.exec(text);
  if (match === null) return null;
  const date = new Date(`${match[1]}-${match[3]}-${match[4]}T00:00:00Z`);
  return Number.isNaN(date.getTime()) || date.getUTCDate() !== Number(match[4]) ? null : date;
}
