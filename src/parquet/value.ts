import type { PhysicalType } from './names.ts';
import { malformed } from './parquet-error.ts';
import type { ScalarType, TimeUnit } from './scalar-type.ts';
import type { Leaf } from './schema.ts';

/** A number whose digits a double may not represent, for example a decimal. */
export class ExactNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/**
 * A value that is not null. Texts also represent bytes (Base64), dates (`2026-11-30`), times and durations (ISO 8601). A
 * bigint is outside the range of safe integers.
 */
export type Value = boolean | number | bigint | string | ExactNumber;

/** A value as stored. An integer of 64 bits is a number if it is a safe integer. Bytes are a view. */
export type Stored = boolean | number | bigint | Buffer;

/** Converts stored values of a column. */
export function converterOf({ scalar, physical }: Leaf): (stored: Stored) => Value {
  switch (scalar.kind) {
    case 'boolean':
    case 'double':
      return asNumberOrBoolean;
    case 'float':
      return (stored) => shortestFloat(asNumber(stored));
    case 'float16':
      return (stored) => halfFloat(asBytes(stored).readUInt16LE(0));
    case 'integer':
      return integerConverter(scalar);
    case 'decimal':
      return decimalConverter(scalar.scale);
    case 'string':
      return (stored) => asBytes(stored).toString('utf8');
    case 'binary':
      return (stored) => asBytes(stored).toString('base64');
    case 'uuid':
      return (stored) => uuidText(asBytes(stored));
    case 'date':
      return (stored) => dateText(asNumber(stored));
    case 'time':
      return (stored) => timeText(asInteger(stored), scalar.unit);
    case 'timestamp':
      return timestampConverter(scalar, physical);
    case 'interval':
      return (stored) => intervalText(asBytes(stored));
    case 'null':
      return () => {
        throw malformed('A column that is always null has a value.');
      };
  }
}

// The decoders return these types for the physical types that the schema permits, so that another type is a defect.
const wrongType = () => malformed('A column has another type than its values.');

function asNumberOrBoolean(stored: Stored): number | boolean {
  if (typeof stored === 'number' || typeof stored === 'boolean') return stored;
  throw wrongType();
}

function asNumber(stored: Stored): number {
  if (typeof stored === 'number') return stored;
  throw wrongType();
}

function asInteger(stored: Stored): number | bigint {
  if (typeof stored === 'number' || typeof stored === 'bigint') return stored;
  throw wrongType();
}

function asBytes(stored: Stored): Buffer {
  if (typeof stored === 'object') return stored;
  throw wrongType();
}

function integerConverter({ bits, signed }: Extract<ScalarType, { kind: 'integer' }>): (stored: Stored) => Value {
  if (signed) return asInteger;
  if (bits < 64) return (stored) => asNumber(stored) >>> 0;
  return (stored) => {
    const value = asInteger(stored);
    return value < 0 ? BigInt.asUintN(64, BigInt(value)) : value;
  };
}

/** The shortest decimal that is the same float of 32 bits. The digits of its double would suggest a false precision. */
function shortestFloat(value: number): number {
  if (!Number.isFinite(value)) return value;
  for (let digits = 6; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * 2 ** -14 * (fraction / 1024);
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
}

/** Maximum length of a decimal in bytes: 76 digits need 32. */
const maxDecimalBytes = 512;

function decimalConverter(scale: number): (stored: Stored) => Value {
  return (stored) => {
    const unscaled = typeof stored === 'object' ? bigEndian(stored) : asInteger(stored);
    const isNegative = unscaled < 0;
    const digits = String(isNegative ? -unscaled : unscaled).padStart(scale + 1, '0');
    const point = digits.length - scale;
    const text = scale === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`;
    return new ExactNumber(isNegative ? `-${text}` : text);
  };
}

function bigEndian(bytes: Buffer): bigint {
  if (bytes.length === 0) return 0n;
  if (bytes.length > maxDecimalBytes) throw malformed('A decimal has too many digits.');
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`));
}

function uuidText(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

const msPerDay = 86_400_000;
/** The latest and, negated, the earliest time of a Date, in milliseconds since 1970. */
const maxDateMs = 8.64e15;

/** `YYYY-MM-DD`; a year outside 0 to 9999 has a sign and six digits (ISO 8601). */
function dateText(days: number): string {
  const ms = days * msPerDay;
  if (Math.abs(ms) > maxDateMs) throw malformed('A date is outside the calendar.');
  const text = new Date(ms).toISOString();
  return text.slice(0, text.indexOf('T'));
}

const perSecond = { MILLIS: 1_000, MICROS: 1_000_000, NANOS: 1_000_000_000 } as const;

/** `HH:MM:SS`, with the fraction if there is one. */
function timeText(time: number | bigint, unit: TimeUnit): string {
  const { seconds, fraction } = split(time, unit);
  if (seconds < 0 || seconds > 86_400) throw malformed('A time is outside the day.');
  const part = (value: number) => String(Math.floor(value)).padStart(2, '0');
  const clock = `${part(seconds / 3600)}:${part((seconds / 60) % 60)}:${part(seconds % 60)}`;
  return `${clock}${fraction === 0 ? '' : `.${fractionText(fraction, unit, 3)}`}`;
}

/** Whole seconds, rounded down, and the rest in the unit. */
function split(time: number | bigint, unit: TimeUnit): { readonly seconds: number; readonly fraction: number } {
  const factor = perSecond[unit];
  if (typeof time === 'number') {
    const seconds = Math.floor(time / factor);
    return { seconds, fraction: time - seconds * factor };
  }
  const divisor = BigInt(factor);
  const fraction = ((time % divisor) + divisor) % divisor;
  return { seconds: Number((time - fraction) / divisor), fraction: Number(fraction) };
}

/** 3, 6 or 9 digits: as many as the value needs, and at least `minimum`. */
function fractionText(fraction: number, unit: TimeUnit, minimum: number): string {
  const digits = String(fraction).padStart(String(perSecond[unit]).length - 1, '0');
  let length = digits.length;
  while (length > minimum && digits.endsWith('000', length)) length -= 3;
  return digits.slice(0, length);
}

function timestampConverter(
  { unit, utc }: Extract<ScalarType, { kind: 'timestamp' }>,
  physical: PhysicalType,
): (stored: Stored) => Value {
  const zone = utc ? 'Z' : '';
  if (physical === 'INT96') return (stored) => `${timestampText(int96Nanos(asBytes(stored)), 'NANOS')}${zone}`;
  return (stored) => `${timestampText(asInteger(stored), unit)}${zone}`;
}

/** Date and time of RFC 3339 with milliseconds, and with 6 or 9 digits if the value needs them; without the zone. */
function timestampText(time: number | bigint, unit: TimeUnit): string {
  const { seconds, fraction } = split(time, unit);
  const ms = seconds * 1_000;
  // Databases store these two for times before and after all others.
  if (Math.abs(ms) > maxDateMs) return ms > 0 ? 'infinity' : '-infinity';
  const text = new Date(ms).toISOString();
  return `${text.slice(0, text.lastIndexOf('.'))}.${fractionText(fraction, unit, 3)}`;
}

/** Julian day of 1970-01-01. */
const julianEpoch = 2_440_588;
const nanosPerDay = 86_400_000_000_000n;

/** 8 bytes with the nanoseconds of the day, and 4 bytes with the Julian day. */
const int96Nanos = (bytes: Buffer): bigint =>
  BigInt(bytes.readInt32LE(8) - julianEpoch) * nanosPerDay + bytes.readBigInt64LE(0);

/** A duration of ISO 8601 from 4 bytes each with months, days and milliseconds. */
function intervalText(bytes: Buffer): string {
  const months = bytes.readUInt32LE(0);
  const days = bytes.readUInt32LE(4);
  const ms = bytes.readUInt32LE(8);
  const date = `${months === 0 ? '' : `${months}M`}${days === 0 ? '' : `${days}D`}`;
  const time = ms === 0 ? '' : `T${ms / 1_000}S`;
  return `P${date}${time}` === 'P' ? 'PT0S' : `P${date}${time}`;
}
