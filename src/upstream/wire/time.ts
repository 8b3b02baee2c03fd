import type { DecodeContext } from './decode-context.ts';
import { isText } from './readers.ts';

/**
 * Numbers from here on are milliseconds since 1970, smaller ones are seconds. The platform sends either for the same
 * field. This number is March 1973 in milliseconds and the year 5138 in seconds.
 */
const minMilliseconds = 100_000_000_000;

/** The range of times in RFC 3339, whose years have four digits. */
const firstMs = Date.parse('0000-01-01T00:00:00.000Z');
const lastMs = Date.parse('9999-12-31T23:59:59.999Z');

/** RFC 3339, or the form of sandboxes: `2026-11-01 10:00:00`. */
const written = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?$/i;
const zone = /(?:Z|[+-]\d{2}:?\d{2})$/i;

/**
 * A time in any form that the platform uses: seconds or milliseconds since 1970, as a number or as digits, with or
 * without a fraction, or written out; without a zone it is UTC. Null if the platform does not know it (absent, empty,
 * `{}`, 0 or negative). Also null, and counted as an anomaly, if it is no time or has a year of more than four digits.
 */
export function readTime(value: unknown, context: DecodeContext): Date | null {
  if (value === undefined) return null;
  const number = readNumber(value);
  if (number === null && !isText(value) && typeof value !== 'number') return null;
  if (number !== null && number <= 0) return null;
  const ms = number === null ? parseWritten(value) : Math.round(number >= minMilliseconds ? number : number * 1_000);
  if (ms >= firstMs && ms <= lastMs) return new Date(ms);
  context.anomaly('unusable-time');
  return null;
}

const decimal = /^\s*-?\d{1,16}(?:\.\d{1,9})?\s*$/;

/** A number, or a number in a string. Null for any other value. */
function readNumber(value: unknown): number | null {
  const number = typeof value === 'string' && decimal.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : null;
}

/** Milliseconds since 1970; NaN if the value is no time. */
function parseWritten(value: unknown): number {
  if (typeof value !== 'string' || !written.test(value)) return Number.NaN;
  // The usual form. Its parts need no replacement.
  if (value.charAt(10) === 'T' && value.endsWith('Z')) return Date.parse(value);
  const text = value.replace(' ', 'T');
  return Date.parse(zone.test(text) ? text : `${text}Z`);
}
