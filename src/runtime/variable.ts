import { z } from 'zod';

/** An integer from `minimum` to `maximum`, in decimal digits. */
export const integer = (minimum: number, maximum: number) =>
  z
    .string()
    .transform((value) => (/^\d+$/.test(value) ? Number(value) : Number.NaN))
    .refine((value) => value >= minimum && value <= maximum, `must be a whole number from ${minimum} to ${maximum}`);

/**
 * An environment variable with a default value. The value is stated here only: the program, the documentation and
 * `--help` take it from this row.
 */
export const variable = <Schema extends z.ZodType>(
  schema: Schema,
  defaultValue: z.output<Schema>,
  description: string,
) => {
  // The assertion adds nothing: zod declares the same type without `undefined`, which no variable has as its value.
  const value = defaultValue as z.core.util.NoUndefined<z.output<Schema>>;
  return schema.default(value).meta({ description, shownDefault: shown(defaultValue) });
};

/** An environment variable whose absence has a meaning of its own, which `shownDefault` describes. */
export const optionalVariable = <Schema extends z.ZodType>(schema: Schema, shownDefault: string, description: string) =>
  schema.optional().meta({ description, shownDefault });

/** A row for readers. Texts are in Markdown. */
export interface DescribedVariable {
  readonly name: string;
  readonly shownDefault: string;
  readonly description: string;
}

export const describeVariables = (shape: Readonly<Record<string, z.ZodType>>): readonly DescribedVariable[] =>
  Object.entries(shape).map(([name, schema]) => {
    const { description = '', shownDefault = '' } = schema.meta() ?? {};
    return { name, shownDefault: String(shownDefault), description };
  });

/** Rows in plain text, for `--help`. */
export const variablesInPlainText = (shape: Readonly<Record<string, z.ZodType>>): string =>
  describeVariables(shape)
    .map(
      ({ name, shownDefault, description }) =>
        `  ${name} (default: ${plain(shownDefault)})\n      ${plain(description)}\n`,
    )
    .join('');

const plain = (markdown: string): string => markdown.replaceAll('`', '');

/** The text from which the variable would read the value. */
function shown(value: unknown): string {
  if (typeof value === 'string') return `\`${value}\``;
  if (Array.isArray(value)) return value.length === 0 ? 'none' : `\`${value.join(',')}\``;
  if (typeof value === 'object' && value !== null) return shownByCase(Object.entries(value));
  return String(value);
}

/** The most frequent value comes last, as the rest. */
function shownByCase(cases: readonly (readonly [string, unknown])[]): string {
  const names = new Map<string, string[]>();
  for (const [name, value] of cases) names.set(shown(value), [...(names.get(shown(value)) ?? []), `\`${name}\``]);
  const parts = [...names].sort(([, a], [, b]) => a.length - b.length);
  return parts
    .map(([value, of], index) => (index < parts.length - 1 ? `${value} in ${of.join(' and ')} mode` : `else ${value}`))
    .join(', ');
}
