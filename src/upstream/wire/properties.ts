/** Asked for where no field is: Catalog takes an empty list for all of them. */
const cheapest = 'createdAt';

/** The properties that some fields are decoded from, each once, in the order of the table; all of them without `fields`. */
export function propertiesOf<Field extends string, Property extends string>(
  propertyOf: Readonly<Record<Field | typeof cheapest, Property>>,
  fields: ReadonlySet<Field> | undefined,
): readonly Property[] {
  const entries = Object.entries<Property>(propertyOf);
  // The keys of the table are its fields, which `Object.entries` has forgotten.
  const chosen = fields === undefined ? entries : entries.filter(([field]) => fields.has(field as Field));
  return chosen.length === 0 ? [propertyOf[cheapest]] : [...new Set(chosen.map(([, property]) => property))];
}
