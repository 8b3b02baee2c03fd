/** XDM data in its JSON form. */
export type XdmJson = string | number | boolean | readonly XdmJson[] | XdmObject;
export interface XdmObject {
  readonly [field: string]: XdmJson;
}

/**
 * Converts selected XDM columns to JSON. Times become RFC 3339 text in UTC. Null values, and objects with only null
 * values, are omitted.
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
      // The remaining objects are database structs and maps, because null, times and lists are handled above.
      const fields = toXdmObject(value as Readonly<Record<string, unknown>>);
      return Object.keys(fields).length === 0 ? null : fields;
    }
    default:
      return String(value);
  }
}
