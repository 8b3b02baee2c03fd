import { identifier, literal, type Parameters } from '../store/sql.ts';
import { type ArrayField, type MapField, type ObjectField, storedPaths, type XdmField } from '../xdm/field.ts';

/**
 * Expression of a field, computed from a relation with one column per stored path. An object with only null values
 * becomes null.
 */
export function renderField(field: XdmField, path: string, relation: string, parameters: Parameters): string {
  const column = `${relation}.${identifier(path)}`;
  switch (field.kind) {
    case 'value':
      return column;
    case 'object':
      return renderObject(field, path, relation, parameters);
    case 'array':
      return renderArray(field, column);
    case 'map':
      return renderMap(field, column, parameters);
  }
}

/** Builds a struct from the fields of an object. */
function renderObject(field: ObjectField, path: string, relation: string, parameters: Parameters): string {
  const known = storedPaths(field, `${path}.`).map((stored) => `${relation}.${identifier(stored)} IS NOT NULL`);
  return `CASE WHEN ${known.join(' OR ')} THEN ${renderStruct(field, `${path}.`, relation, parameters)} END`;
}

/** Builds the root object of a row. It exists even if all its values are null. */
export function renderStruct(field: ObjectField, prefix: string, relation: string, parameters: Parameters): string {
  const entries = Object.entries(field.fields).map(
    ([name, child]) => `${literal(name)}: ${renderField(child, `${prefix}${name}`, relation, parameters)}`,
  );
  return `{${entries.join(', ')}}`;
}

function renderArray({ items, whole }: ArrayField, column: string): string {
  return whole ? column : `list_transform(${column}, lambda item: ${renderItem(items, 'item')})`;
}

/** Arrays are stored with whole structs as items, so a selected part must be extracted from the struct. */
function renderItem(field: XdmField, expression: string): string {
  if (field.kind !== 'object') return expression;
  const entries = Object.entries(field.fields).map(
    ([name, child]) => `${literal(name)}: ${renderItem(child, `${expression}.${identifier(name)}`)}`,
  );
  return `{${entries.join(', ')}}`;
}

function renderMap({ keys }: MapField, column: string, parameters: Parameters): string {
  if (keys === null) return column;
  const isAsked = `list_contains(${parameters.add(keys)}, entry."key")`;
  return `map_from_entries(list_filter(map_entries(${column}), lambda entry: ${isAsked}))`;
}
