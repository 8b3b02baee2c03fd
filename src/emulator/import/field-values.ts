import { columnTypes, type OwnFieldType, type XdmFields } from '../xdm/own-fields.ts';
import type { FieldVocabulary } from '../xdm/vocabulary.ts';
import { parseJson } from './json-text.ts';
import { isObject, type SeedRecord } from './read-records.ts';

/** Type of a field's values in the seed files, and of its column. */
export type FieldType = OwnFieldType | 'date' | 'int' | 'items';

/** Value of a column: text and numbers unchanged, times as RFC 3339, lists as JSON. */
export type ColumnValue = string | number | boolean;

/** Standard fields whose values in the files are narrower than their PQL type. */
const standardTypes: Readonly<Record<string, FieldType>> = { 'loyalty.points': 'int', 'person.birthDate': 'date' };

/** Field types by dotted path. */
export type FieldTypes = ReadonlyMap<string, FieldType>;

export function profileTypes({ own, profileFields }: XdmFields): FieldTypes {
  return typesOf(
    profileFields,
    own.filter(({ of }) => of === 'profile'),
  );
}

export function eventTypes({ own, eventFields }: XdmFields): FieldTypes {
  return new Map([
    ...typesOf(
      eventFields,
      own.filter(({ of }) => of === 'event'),
    ),
    ['productListItems', 'items'],
  ]);
}

function typesOf({ types }: FieldVocabulary, own: XdmFields['own']): FieldTypes {
  const standard = [...types].map(
    ([path, type]) => [path, standardTypes[path] ?? (type === 'time' ? 'date-time' : type)] as const,
  );
  return new Map<string, FieldType>([...standard, ...own.map(({ path, type }) => [path, type] as const)]);
}

/** SQL type of a column that receives values in the form of `ColumnValue`. */
export function sqlTypeOf(type: FieldType): string {
  switch (type) {
    case 'date':
      return 'DATE';
    case 'int':
      return 'INTEGER';
    case 'items':
      return 'STRUCT("SKU" VARCHAR, "name" VARCHAR, quantity INTEGER, "priceTotal" DOUBLE)[]';
    default:
      return columnTypes[type];
  }
}

/** The values of a record by dotted path. Absent values (null, and empty objects and lists) are left out. */
export function flatten({ values }: Pick<SeedRecord, 'values'>): ReadonlyMap<string, unknown> {
  const flat = new Map<string, unknown>();
  const visit = (value: unknown, path: string) => {
    if (value === null || value === undefined || (Array.isArray(value) && value.length === 0)) return;
    if (isObject(value))
      for (const [name, below] of Object.entries(value)) visit(below, path === '' ? name : `${path}.${name}`);
    else flat.set(path, value);
  };
  visit(values, '');
  return flat;
}

/** Thrown when a value does not have the type of its field; the message contains the expected form. */
export class FieldValueError extends Error {
  override readonly name = 'FieldValueError';

  constructor(path: string, expected: string, value: unknown) {
    const text =
      typeof value === 'bigint'
        ? String(value)
        : JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? String(each) : each));
    super(`${path} must be ${expected}, not ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`);
  }
}

const dateForm = /^\d{4}-\d\d-\d\d$/;
/** DuckDB does not accept times without seconds. */
const withoutSeconds = /T\d\d:\d\d(?=[Z+-])/;
const timeForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)$/;

/**
 * Converts the value of a field to the value of its column.
 * @param isText whether numbers, booleans and lists are written as text
 * @throws {FieldValueError}
 */
export function readValue(path: string, type: FieldType, value: unknown, isText: boolean): ColumnValue {
  const read = readers[type](value, isText);
  if (read === null) throw new FieldValueError(path, expected[type], value);
  return read;
}

const expected: Readonly<Record<FieldType, string>> = {
  string: 'a string',
  integer: 'an integer',
  number: 'a number',
  boolean: 'true or false',
  int: 'an integer of at most 32 bits',
  date: 'a date such as 1990-12-31',
  'date-time': 'a time such as 2026-01-31T10:00:00Z',
  items: 'a list of objects with SKU, name, quantity and priceTotal',
};

const readers: Readonly<Record<FieldType, (value: unknown, isText: boolean) => ColumnValue | null>> = {
  string: (value) => (typeof value === 'string' ? value : null),
  number: (value, isText) => numberOf(value, isText),
  integer: (value, isText) => {
    const number = numberOf(value, isText);
    return Number.isSafeInteger(number) ? number : null;
  },
  int: (value, isText) => {
    const number = numberOf(value, isText);
    return isInt(number) ? number : null;
  },
  boolean: (value, isText) => {
    if (typeof value === 'boolean') return value;
    return isText && (value === 'true' || value === 'false') ? value === 'true' : null;
  },
  // Parquet has native dates and times, which arrive as text and as `Date`.
  date: (value) => (isDay(value) ? String(value) : null),
  'date-time': (value) => {
    // Parquet also has infinite times.
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
    return typeof value === 'string' &&
      timeForm.test(value) &&
      isDay(value.slice(0, 'YYYY-MM-DD'.length)) &&
      !Number.isNaN(Date.parse(value))
      ? value.replace(withoutSeconds, '$&:00')
      : null;
  },
  items: (value, isText) => itemsOf(isText && typeof value === 'string' ? parseJson(value) : value),
};

function numberOf(value: unknown, isText: boolean): number | null {
  const isNumeral = isText && typeof value === 'string' && /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(value);
  const number = isNumeral ? Number(value) : value;
  // A numeral can exceed the range of a number.
  return typeof number === 'number' && Number.isFinite(number) ? number : null;
}

/** Checks that a day exists, because `Date` turns February 30 into another day. */
function isDay(value: unknown): boolean {
  if (typeof value !== 'string' || !dateForm.test(value)) return false;
  const date = new Date(`${value}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(value);
}

/** Whether a value fits into a 32-bit column. */
const isInt = (value: unknown): boolean => Number.isInteger(value) && Number(value) === (Number(value) | 0);

const itemReaders: Readonly<Record<string, (value: unknown) => boolean>> = {
  SKU: (value) => typeof value === 'string',
  name: (value) => typeof value === 'string',
  quantity: isInt,
  priceTotal: (value) => typeof value === 'number' && Number.isFinite(value),
};

/** JSON in which each item has all members of the column's struct. */
function itemsOf(value: unknown): string | null {
  if (!Array.isArray(value) || !value.every(isItem)) return null;
  const names = Object.keys(itemReaders);
  return JSON.stringify(value.map((item) => Object.fromEntries(names.map((name) => [name, item[name] ?? null]))));
}

function isItem(item: unknown): item is Readonly<Record<string, unknown>> {
  return (
    isObject(item) &&
    Object.entries(item).every(
      ([name, each]) => each === null || (Object.hasOwn(itemReaders, name) && itemReaders[name]?.(each)),
    )
  );
}
