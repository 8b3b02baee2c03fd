/** An object of the platform's JSON. Of what stands under the keys that are read, nothing is known yet. */
export type WireRecord<Keys extends string = string> = { readonly [Key in Keys]?: unknown };

/** The value as an object of which `Keys` are going to be read; null for anything else, arrays included. */
export const asRecord = <Keys extends string = string>(value: unknown): WireRecord<Keys> | null =>
  isRecord<Keys>(value) ? value : null;

const isRecord = <Keys extends string>(value: unknown): value is WireRecord<Keys> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value as a list: what should be one but is a single value becomes a list of it; null and absent become empty. */
export function asList(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return value === undefined || value === null ? [] : [value];
}

/** Whether the value is a string with more than blanks in it. */
export const isText = (value: unknown): value is string =>
  typeof value === 'string' && (isVisible(value.charCodeAt(0)) || value.trim() !== '');

/** Whether a code is of a visible ASCII character, with which most texts begin. */
const isVisible = (code: number): boolean => code > 0x20 && code < 0x7f;

/** The string as it is; null for anything else (a requested field may come as `{}`). */
export const readString = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** A string that is not blank; null for anything else. */
export const readText = (value: unknown): string | null => (isText(value) ? value : null);

/** A truth value, also one in a string (`"true"`). */
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

/** An integer, also one in a string (`"249058"`). Null when it is none, or is not exact as a number. */
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

/** The number of rows of a whole list. Null if it is no count, or if the list has more rows than that on one page. */
export function readTotal(value: unknown, rows: number): number | null {
  const total = readCount(value);
  return total === null || total < rows ? null : total;
}

/** Field names: a comma-separated string (blanks around the commas do not count) or a list. Null when there are none. */
export function readFieldList(value: unknown): readonly string[] | null {
  if (value === undefined) return null;
  const parts = typeof value === 'string' ? value.split(',') : asList(value);
  const names = parts.filter(isText).map((name) => name.trim());
  return names.length === 0 ? null : names;
}
