/** Requested if no field is, because an empty list means all properties to Catalog. */
const cheapest = 'createdAt';

/** Of each table, by the fields: those of one operation are selected by the same object every time. */
const known = new WeakMap<object, WeakMap<object, readonly unknown[]>>();

/** The properties that some fields are decoded from, each once, in the order of the table; all of them without `fields`. */
export function propertiesOf<Field extends string, Property extends string>(
  propertiesOfField: Readonly<Record<Field | typeof cheapest, readonly Property[]>>,
  fields: ReadonlySet<Field> | undefined,
): readonly Property[] {
  const byFields = known.get(propertiesOfField) ?? new WeakMap<object, readonly unknown[]>();
  known.set(propertiesOfField, byFields);
  const key = fields ?? propertiesOfField;
  // Only this function fills the map of a table, with its own properties.
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
  // The keys of the table are its fields, which `Object.entries` has forgotten.
  const chosen = fields === undefined ? entries : entries.filter(([field]) => fields.has(field as Field));
  const properties = chosen.flatMap(([, each]) => each);
  return properties.length === 0 ? propertiesOfField[cheapest] : [...new Set(properties)];
}
