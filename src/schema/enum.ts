import { builder } from './builder.ts';

/** An enum whose internal values are its names: `values` says of each what it means. */
export function describedEnum<Value extends string>(
  name: string,
  description: string,
  values: Readonly<Record<Value, string>>,
) {
  const described = Object.entries<string>(values).map(([value, text]) => [value, { value, description: text }]);
  return builder.enumType(name, {
    description,
    // `Object.fromEntries` forgets which keys there are: they are those of `values`.
    values: Object.fromEntries(described) as { [Key in Value]: { value: Key; description: string } },
  });
}
