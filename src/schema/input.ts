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

/** A number of entries of a list that has no pages. */
export const countInput = (byDefault: number) =>
  z
    .number()
    .int()
    .min(1, 'must be at least 1')
    .max(100, 'must be at most 100')
    .nullish()
    .transform((count) => count ?? byDefault);

/** The `first` of every connection. */
export const firstInput = countInput(20);

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

/** A name to search for, or a part of one. It is compared as it is, spaces included. */
export const nameInput = z.string().min(1, 'must not be empty').max(500, 'must have at most 500 characters');

export const nonEmpty = (maximum: number) =>
  z.string().trim().min(1, 'must not be empty').max(maximum, `must have at most ${maximum} characters`);

/** Dotted XDM paths. The platform takes them as one text with commas between them. */
export const fieldPathsInput = z
  .array(
    z
      .string()
      .trim()
      .regex(/^[^\s,]+$/, 'must be a dotted path without spaces and commas')
      .max(500),
  )
  .min(1, 'must name at least one field, or be left out for every field');
