import { z } from 'zod';
import { InvalidInputError, maxIssues } from '../../errors.ts';

/**
 * Checks arguments before any platform call.
 * @param path name of the argument, the first part of every issue's path; empty if `value` holds all arguments
 * @throws {InvalidInputError} with the path of each issue
 */
export function parseInput<Schema extends z.ZodType>(schema: Schema, value: unknown, path = ''): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.filter((issue) => uncheckedIn(issue) === 0);
  const unchecked = parsed.error.issues.reduce((sum, issue) => sum + uncheckedIn(issue), 0);
  throw new InvalidInputError(
    issues.map((issue) => ({
      path: [...(path === '' ? [] : [path]), ...issue.path.map(String)].join('.'),
      message: issue.message,
    })),
    { unchecked },
  );
}

/** Number of list entries that an issue of `listInput` reports as not checked; 0 for every other issue. */
function uncheckedIn(issue: z.core.$ZodIssue): number {
  const unchecked: unknown = issue.code === 'custom' ? issue.params?.['unchecked'] : undefined;
  return typeof unchecked === 'number' ? unchecked : 0;
}

/** Number of entries of a list without pages. */
export const countInput = (byDefault: number) =>
  z
    .number()
    .int()
    .min(1, 'must be at least 1')
    .max(100, 'must be at most 100')
    .nullish()
    .transform((count) => count ?? byDefault);

/** The `first` argument of every connection. */
export const firstInput = countInput(20);

/** Maximum length of a cursor. Cursors of connections are shorter. */
const maxCursorLength = 8_192;

export const afterInput = z
  .string()
  .max(maxCursorLength, 'is not a cursor of this connection')
  .nullish()
  .transform((after) => after ?? null);

export const dateInput = z.date('must be a date and time as in RFC 3339, for example 2030-01-31T00:00:00Z');

/** An optional input. Null and an absent value become undefined. */
export const optional = <Schema extends z.ZodType>(schema: Schema) =>
  schema.nullish().transform((value) => value ?? undefined);

/** An optional input. Null and an absent value become null. */
export const nullable = <Schema extends z.ZodType>(schema: Schema) =>
  schema.nullish().transform((value) => value ?? null);

/** A name, or a part of a name, to search for. It is compared verbatim, spaces included. */
export const nameInput = z
  .string()
  .max(500, 'must have at most 500 characters')
  .refine((text) => text.trim() !== '', 'must not be empty');

/** A text of at most `maximum` characters, possibly empty. */
export const textInput = (maximum: number) => z.string().max(maximum, `must have at most ${maximum} characters`);

/** A text of 1 to `maximum` characters. Spaces at its ends are removed. */
export const nonEmpty = (maximum: number) =>
  z.string().trim().min(1, 'must not be empty').max(maximum, `must have at most ${maximum} characters`);

/** An absolute URI. */
export const uriInput = textInput(2_000).pipe(z.url('must be an absolute URI'));

/**
 * A list with a maximum length. The length is checked before the entries, so that a list that is too long causes one
 * issue and its entries are never read. After 20 invalid entries the others are not checked.
 */
export function listInput<Entry extends z.ZodType>(
  entry: Entry,
  options: {
    /** Number of entries. */
    readonly maximum: number;
    /** Added to the message of a list that is too long. */
    readonly hint?: string;
    /** Message for an empty list. Without it, an empty list is valid. */
    readonly empty?: string;
  },
) {
  const { maximum, hint = '', empty } = options;
  // `any`, because the entries have their own schema.
  const list = z.array(z.any()).max(maximum, `must have at most ${maximum} entries${hint}`);
  return (empty === undefined ? list : list.min(1, empty)).transform((entries, ctx) => {
    const valid: z.output<Entry>[] = [];
    let invalid = 0;
    for (const [index, value] of entries.entries()) {
      if (invalid === maxIssues) {
        // One list can be the argument of a hundred aliases, and an invalid entry costs ten times as much as a valid
        // one.
        ctx.addIssue({ code: 'custom', params: { unchecked: entries.length - index } });
        break;
      }
      const result = entry.safeParse(value);
      if (result.success) {
        valid.push(result.data);
        continue;
      }
      invalid += 1;
      for (const issue of result.error.issues) {
        const params = issue.code === 'custom' ? issue.params : undefined;
        ctx.addIssue({ code: 'custom', path: [index, ...issue.path], message: issue.message, params });
      }
    }
    return invalid === 0 ? valid : z.NEVER;
  });
}

/** Reports each entry of a list whose key is also the key of an earlier entry. */
export const distinct =
  <Entry>(keyOf: (entry: Entry) => string, path: readonly string[] = []) =>
  (entries: readonly Entry[], ctx: z.core.$RefinementCtx): void => {
    const seen = new Set<string>();
    for (const [index, entry] of entries.entries()) {
      const key = keyOf(entry);
      if (seen.has(key)) ctx.addIssue({ code: 'custom', path: [index, ...path], message: 'is a duplicate' });
      seen.add(key);
    }
  };

/** Maximum number of segments in one request. The platform requires `*` beyond it. */
export const maxSegments = 1_500;

/** Dotted XDM paths. The platform receives them as one comma-separated text. */
export const fieldPathsInput = listInput(
  z
    .string()
    .trim()
    .max(500, 'must have at most 500 characters')
    .regex(/^[^\s,]+$/, 'must be a dotted path without spaces and commas'),
  { maximum: 1_000, empty: 'must name at least one field, or be omitted for every field' },
);
