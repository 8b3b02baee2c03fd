/** An object of the platform's JSON. The types of its values are not known yet. */
export type WireRecord<Keys extends string = string> = { readonly [Key in Keys]?: unknown };

/** The value as an object whose `Keys` will be read. Null for any other value, arrays included. */
export const asRecord = <Keys extends string = string>(value: unknown): WireRecord<Keys> | null =>
  isRecord<Keys>(value) ? value : null;

const isRecord = <Keys extends string>(value: unknown): value is WireRecord<Keys> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value as a list. A single value becomes a list of it; null and absent become an empty list. */
export function asList(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return value === undefined || value === null ? [] : [value];
}

/** Whether the value is a string that is not blank. */
export const isText = (value: unknown): value is string =>
  typeof value === 'string' && (isVisible(value.charCodeAt(0)) || value.trim() !== '');

/** Whether a character code is a visible ASCII character. Most texts begin with one. */
const isVisible = (code: number): boolean => code > 0x20 && code < 0x7f;

/** The string, unchanged. Null for any other value (a requested field may be `{}`). */
export const readString = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** A string that is not blank. Null for any other value. */
export const readText = (value: unknown): string | null => (isText(value) ? value : null);

/** A boolean, or a boolean in a string (`"true"`). */
export function readBoolean(value: unknown): boolean | null {
  if (value === true || value === 'true') return true;
  return value === false || value === 'false' ? false : null;
}

/** An id: a non-blank string as it is, or an integer in decimal digits. `""` stands for no id. */
export function readId(value: unknown): string | null {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : null;
  return readText(value);
}

const decimalInteger = /^\s*(-?\d{1,16})(?:\.0+)?\s*$/;

/** An integer, or an integer in a string (`"249058"`). Null if the value is no integer, or not exact as a number. */
export function readInteger(value: unknown): number | null {
  const digits = typeof value === 'string' ? decimalInteger.exec(value)?.[1] : undefined;
  const number = digits === undefined ? value : Number(digits);
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : null;
}

/** An integer that is not negative. */
export function readCount(value: unknown): number | null {
  const number = readInteger(value);
  return number === null || number < 0 ? null : number;
}

/** The number of rows of a whole list. Null if the value is no count, or less than the number of rows of one page. */
export function readTotal(value: unknown, rows: number): number | null {
  const total = readCount(value);
  return total === null || total < rows ? null : total;
}

/**
 * Field names, from a comma-separated string (spaces around the commas are ignored) or a list. Null if there are none.
 */
export function readFieldList(value: unknown): readonly string[] | null {
  if (value === undefined) return null;
  const parts = typeof value === 'string' ? value.split(',') : asList(value);
  const names = parts.filter(isText).map((name) => name.trim());
  return names.length === 0 ? null : names;
}
