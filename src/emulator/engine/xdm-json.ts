/** XDM data as it is written in JSON. */
export type XdmJson = string | number | boolean | readonly XdmJson[] | XdmObject;
export interface XdmObject {
  readonly [field: string]: XdmJson;
}

/**
 * What a statement has selected as XDM, as JSON: times are RFC 3339 text in UTC, and what is not known is left out, as
 * are the objects in which nothing is known.
 */
export function toXdmObject(row: Readonly<Record<string, unknown>>): XdmObject {
  return Object.fromEntries(
    Object.entries(row).flatMap(([field, value]) => {
      const json = toXdmJson(value);
      return json === null ? [] : [[field, json] as const];
    }),
  );
}

function toXdmJson(value: unknown): XdmJson | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(toXdmJson).filter((item) => item !== null);
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
      return value;
    case 'object': {
      // What is an object and neither null, a time nor a list is a struct or a map of the database.
      const fields = toXdmObject(value as Readonly<Record<string, unknown>>);
      return Object.keys(fields).length === 0 ? null : fields;
    }
    default:
      return String(value);
  }
}
