/** Requested if no field is, because an empty list means all properties to Catalog. */
const cheapest = 'createdAt';

/** The properties that some fields are decoded from, each once, in the order of the table; all of them without `fields`. */
export function propertiesOf<Field extends string, Property extends string>(
  propertiesOfField: Readonly<Record<Field | typeof cheapest, readonly Property[]>>,
  fields: ReadonlySet<Field> | undefined,
): readonly Property[] {
  const entries = Object.entries<readonly Property[]>(propertiesOfField);
  // The keys of the table are its fields, which `Object.entries` has forgotten.
  const chosen = fields === undefined ? entries : entries.filter(([field]) => fields.has(field as Field));
  const properties = chosen.flatMap(([, each]) => each);
  return properties.length === 0 ? propertiesOfField[cheapest] : [...new Set(properties)];
}
