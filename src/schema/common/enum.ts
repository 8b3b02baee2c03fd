import { builder } from '../builder.ts';

/**
 * An enum whose names are its internal values in upper case. `values` contains the description of each value.
 */
export function describedEnum<Value extends string>(
  name: string,
  description: string,
  values: Readonly<Record<Value, string>>,
) {
  const described = Object.entries<string>(values).map(([value, text]) => [
    value.toUpperCase(),
    { value, description: text },
  ]);
  return builder.enumType(name, {
    description,
    // `Object.fromEntries` loses the type of the keys, which are the keys of `values` in upper case.
    values: Object.fromEntries(described) as { [Key in Value as Uppercase<Key>]: { value: Key; description: string } },
  });
}
