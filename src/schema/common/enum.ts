import { builder } from '../builder.ts';

/** An enum whose internal values are its names. `values` contains the description of each value. */
export function describedEnum<Value extends string>(
  name: string,
  description: string,
  values: Readonly<Record<Value, string>>,
) {
  const described = Object.entries<string>(values).map(([value, text]) => [value, { value, description: text }]);
  return builder.enumType(name, {
    description,
    // `Object.fromEntries` loses the type of the keys, which are the keys of `values`.
    values: Object.fromEntries(described) as { [Key in Value]: { value: Key; description: string } },
  });
}
