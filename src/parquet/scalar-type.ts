import type { ConvertedType, PhysicalType } from './names.ts';
import { malformed } from './parquet-error.ts';

export type TimeUnit = 'MILLIS' | 'MICROS' | 'NANOS';

/** The meaning of the values of a column. */
export type ScalarType =
  | { readonly kind: 'boolean' | 'float' | 'double' | 'float16' | 'string' | 'binary' | 'uuid' | 'date' }
  | { readonly kind: 'interval' | 'null' }
  | { readonly kind: 'integer'; readonly bits: 8 | 16 | 32 | 64; readonly signed: boolean }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'time'; readonly unit: TimeUnit }
  /** `utc` is false for a local time, which has no time zone. */
  | { readonly kind: 'timestamp'; readonly unit: TimeUnit; readonly utc: boolean };

/** The newer annotation of a column. `other` has no meaning here. */
export type LogicalType =
  | { readonly kind: 'STRING' | 'MAP' | 'LIST' | 'ENUM' | 'DATE' | 'UNKNOWN' | 'JSON' | 'BSON' | 'UUID' | 'FLOAT16' }
  | { readonly kind: 'DECIMAL'; readonly scale: number; readonly precision: number }
  | { readonly kind: 'TIME' | 'TIMESTAMP'; readonly utc: boolean; readonly unit: TimeUnit }
  | { readonly kind: 'INTEGER'; readonly bits: number; readonly signed: boolean }
  | { readonly kind: 'other' };

export interface Annotation {
  readonly physical: PhysicalType;
  /** Length of each value in bytes; 0 for a type of variable length. */
  readonly typeLength: number;
  readonly converted: ConvertedType | null;
  readonly logical: LogicalType | null;
  readonly scale: number;
  readonly precision: number;
}

/**
 * The meaning of a column, from the newer annotation or else from the older one. An annotation that does not match the
 * physical type is ignored, as the format requires of readers that do not know it.
 */
export function scalarTypeOf(annotation: Annotation): ScalarType {
  const { physical, typeLength } = annotation;
  if (physical === 'FIXED_LEN_BYTE_ARRAY' && typeLength < 1) throw malformed('A column has no length.');
  return fromLogical(annotation) ?? fromConverted(annotation) ?? fromPhysical(physical);
}

function fromPhysical(physical: PhysicalType): ScalarType {
  switch (physical) {
    case 'BOOLEAN':
      return { kind: 'boolean' };
    case 'INT32':
      return { kind: 'integer', bits: 32, signed: true };
    case 'INT64':
      return { kind: 'integer', bits: 64, signed: true };
    case 'INT96':
      // No other use of this type is known. Writers store the time in UTC.
      return { kind: 'timestamp', unit: 'NANOS', utc: true };
    case 'FLOAT':
      return { kind: 'float' };
    case 'DOUBLE':
      return { kind: 'double' };
    case 'BYTE_ARRAY':
    case 'FIXED_LEN_BYTE_ARRAY':
      return { kind: 'binary' };
  }
}

function fromLogical({ logical, physical, typeLength }: Annotation): ScalarType | null {
  switch (logical?.kind) {
    case undefined:
      return null;
    case 'STRING':
    case 'ENUM':
    case 'JSON':
      return textOf(physical);
    case 'DECIMAL':
      return decimalOf(physical, logical);
    case 'DATE':
      return physical === 'INT32' ? { kind: 'date' } : null;
    case 'TIME':
      return (logical.unit === 'MILLIS' ? physical === 'INT32' : physical === 'INT64')
        ? { kind: 'time', unit: logical.unit }
        : null;
    case 'TIMESTAMP':
      return physical === 'INT64' ? { kind: 'timestamp', unit: logical.unit, utc: logical.utc } : null;
    case 'INTEGER':
      return integerOf(physical, logical.bits, logical.signed);
    case 'UNKNOWN':
      return { kind: 'null' };
    case 'UUID':
      return physical === 'FIXED_LEN_BYTE_ARRAY' && typeLength === 16 ? { kind: 'uuid' } : null;
    case 'FLOAT16':
      return physical === 'FIXED_LEN_BYTE_ARRAY' && typeLength === 2 ? { kind: 'float16' } : null;
    case 'MAP':
    case 'LIST':
    case 'BSON':
    case 'other':
      return null;
  }
}

function fromConverted({ converted, physical, typeLength, scale, precision }: Annotation): ScalarType | null {
  switch (converted) {
    case 'UTF8':
    case 'ENUM':
    case 'JSON':
      return textOf(physical);
    case 'DECIMAL':
      return decimalOf(physical, { scale, precision });
    case 'DATE':
      return physical === 'INT32' ? { kind: 'date' } : null;
    case 'TIME_MILLIS':
      return physical === 'INT32' ? { kind: 'time', unit: 'MILLIS' } : null;
    case 'TIME_MICROS':
      return physical === 'INT64' ? { kind: 'time', unit: 'MICROS' } : null;
    case 'TIMESTAMP_MILLIS':
      return physical === 'INT64' ? { kind: 'timestamp', unit: 'MILLIS', utc: true } : null;
    case 'TIMESTAMP_MICROS':
      return physical === 'INT64' ? { kind: 'timestamp', unit: 'MICROS', utc: true } : null;
    case 'UINT_8':
    case 'UINT_16':
    case 'UINT_32':
    case 'UINT_64':
      return integerOf(physical, Number(converted.slice('UINT_'.length)), false);
    case 'INT_8':
    case 'INT_16':
    case 'INT_32':
    case 'INT_64':
      return integerOf(physical, Number(converted.slice('INT_'.length)), true);
    case 'INTERVAL':
      return physical === 'FIXED_LEN_BYTE_ARRAY' && typeLength === 12 ? { kind: 'interval' } : null;
    case 'MAP':
    case 'MAP_KEY_VALUE':
    case 'LIST':
    case 'BSON':
    case null:
      return null;
  }
}

const textOf = (physical: PhysicalType): ScalarType | null =>
  physical === 'BYTE_ARRAY' || physical === 'FIXED_LEN_BYTE_ARRAY' ? { kind: 'string' } : null;

function integerOf(physical: PhysicalType, bits: number, signed: boolean): ScalarType | null {
  if (bits === 64) return physical === 'INT64' ? { kind: 'integer', bits, signed } : null;
  if (bits !== 8 && bits !== 16 && bits !== 32) return null;
  return physical === 'INT32' ? { kind: 'integer', bits, signed } : null;
}

/** Maximum number of digits of a decimal. Databases support at most 76. */
const maxPrecision = 1_000;

function decimalOf(
  physical: PhysicalType,
  { scale, precision }: { readonly scale: number; readonly precision: number },
): ScalarType | null {
  if (scale < 0 || precision < 1 || precision > maxPrecision || scale > precision) return null;
  const isNumber = physical !== 'BOOLEAN' && physical !== 'INT96' && physical !== 'FLOAT' && physical !== 'DOUBLE';
  return isNumber ? { kind: 'decimal', scale, precision } : null;
}
