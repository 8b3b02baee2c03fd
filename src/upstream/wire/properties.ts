/** Requested if no field is requested, because an empty list means all properties in Catalog. */
const cheapest = 'createdAt';

/**
 * Cached properties by table and by the set of fields. The sets are compared by identity, because one operation reuses
 * its set.
 */
const known = new WeakMap<object, WeakMap<object, readonly unknown[]>>();

/**
 * The properties from which some fields are decoded, each once, in the order of the table. All properties without
 * `fields`.
 */
export function propertiesOf<Field extends string, Property extends string>(
  propertiesOfField: Readonly<Record<Field | typeof cheapest, readonly Property[]>>,
  fields: ReadonlySet<Field> | undefined,
): readonly Property[] {
  const byFields = known.get(propertiesOfField) ?? new WeakMap<object, readonly unknown[]>();
  known.set(propertiesOfField, byFields);
  const key = fields ?? propertiesOfField;
  // Only this function fills the map of a table, with properties of this table.
  const found = byFields.get(key) as readonly Property[] | undefined;
  if (found !== undefined) return found;
  const made = chosenProperties(propertiesOfField, fields);
  byFields.set(key, made);
  return made;
}

function chosenProperties<Field extends string, Property extends string>(
  propertiesOfField: Readonly<Record<Field | typeof cheapest, readonly Property[]>>,
  fields: ReadonlySet<Field> | undefined,
): readonly Property[] {
  const entries = Object.entries<readonly Property[]>(propertiesOfField);
  // The keys of the table are its fields. `Object.entries` loses this type.
  const chosen = fields === undefined ? entries : entries.filter(([field]) => fields.has(field as Field));
  const properties = chosen.flatMap(([, each]) => each);
  return properties.length === 0 ? propertiesOfField[cheapest] : [...new Set(properties)];
}
