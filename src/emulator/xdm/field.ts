/** A value stored in one column. */
interface ValueField {
  readonly kind: 'value';
}

/** An XDM object: a Parquet struct. */
export interface ObjectField {
  readonly kind: 'object';
  readonly fields: Readonly<Record<string, XdmField>>;
}

/** A list of XDM objects, which is a Parquet list of structs. */
export interface ArrayField {
  readonly kind: 'array';
  readonly items: ObjectField;
  /** Whether `items` has every field of the column's items, in the same order. */
  readonly whole: boolean;
}

/** An XDM map, which is a Parquet map. Its keys are data and not part of the schema. */
export interface MapField {
  readonly kind: 'map';
  /** The requested keys; null = all keys. */
  readonly keys: readonly string[] | null;
}

export type XdmField = ValueField | ObjectField | ArrayField | MapField;

export const value: ValueField = { kind: 'value' };
export const map: MapField = { kind: 'map', keys: null };
export const object = (fields: Readonly<Record<string, XdmField>>): ObjectField => ({ kind: 'object', fields });
export const array = (fields: Readonly<Record<string, XdmField>>): ArrayField => ({
  kind: 'array',
  items: object(fields),
  whole: true,
});

/**
 * Selects the part of a schema that is named by dotted paths. A path to an object selects all of it, a path into a map
 * selects one key. Unknown paths select nothing.
 * @param paths null = everything
 * @returns null when no path is in the schema.
 */
export function prune(schema: ObjectField, paths: readonly string[] | null): ObjectField | null {
  if (paths === null) return schema;
  return pruneObject(
    schema,
    paths.map((path) => path.split('.')),
  );
}

type Path = readonly string[];

function pruneObject(schema: ObjectField, paths: readonly Path[]): ObjectField | null {
  const selected = Object.entries(schema.fields).flatMap(([name, field]) => {
    const below = paths.filter(([head]) => head === name).map(([, ...rest]) => rest);
    const pruned = below.length === 0 ? null : pruneField(field, below);
    return pruned === null ? [] : [[name, pruned] as const];
  });
  return selected.length === 0 ? null : object(Object.fromEntries(selected));
}

function pruneField(field: XdmField, paths: readonly Path[]): XdmField | null {
  if (paths.some((path) => path.length === 0)) return field;
  switch (field.kind) {
    case 'value':
      return null;
    case 'object':
      return pruneObject(field, paths);
    case 'array': {
      const items = pruneObject(field.items, paths);
      return items === null ? null : { kind: 'array', items, whole: false };
    }
    case 'map': {
      const keys = new Set(paths.filter((path) => path.length === 1).flat());
      return keys.size === 0 ? null : { kind: 'map', keys: [...keys] };
    }
  }
}

/** Dotted paths of the columns that a schema reads: values, arrays and maps. */
export function storedPaths(schema: ObjectField, prefix = ''): string[] {
  return Object.entries(schema.fields).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    return field.kind === 'object' ? storedPaths(field, `${path}.`) : [path];
  });
}
