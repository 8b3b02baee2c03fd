import { z } from 'zod';
import { InvalidInputError } from '../errors.ts';

/**
 * Checks arguments before anything is asked of the platform.
 * @param path the argument that `value` is, the first part of every issue's path; empty when `value` holds all arguments
 * @throws {InvalidInputError} with everything that is wrong, each with its path
 */
export function parseInput<Schema extends z.ZodType>(schema: Schema, value: unknown, path = ''): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new InvalidInputError(
    parsed.error.issues.map((issue) => ({
      path: [...(path === '' ? [] : [path]), ...issue.path.map(String)].join('.'),
      message: issue.message,
    })),
  );
}

/** The `first` of every connection. */
export const firstInput = z
  .number()
  .int()
  .min(1, 'must be at least 1')
  .max(100, 'must be at most 100')
  .nullish()
  .transform((first) => first ?? 20);

export const afterInput = z
  .string()
  .nullish()
  .transform((after) => after ?? null);

export const dateInput = z.date('must be a date and time as in RFC 3339, for example 2030-01-31T00:00:00Z');

/** An optional input that may be absent or null, read as undefined. */
export const optional = <Schema extends z.ZodType>(schema: Schema) =>
  schema.nullish().transform((value) => value ?? undefined);

/** An optional input that may be absent or null, read as null. */
export const nullable = <Schema extends z.ZodType>(schema: Schema) =>
  schema.nullish().transform((value) => value ?? null);

export const nonEmpty = (maximum: number) =>
  z.string().trim().min(1, 'must not be empty').max(maximum, `must have at most ${maximum} characters`);
