import { identifier, literal, type Parameters } from './sql.ts';
import { type ArrayField, type MapField, type ObjectField, storedPaths, type XdmField } from './xdm-field.ts';

/**
 * The expression of a field, from a relation that has one column per stored path. An object of which nothing is known
 * is null rather than an object full of nulls.
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

/** The fields of an object as a struct. */
function renderObject(field: ObjectField, path: string, relation: string, parameters: Parameters): string {
  const known = storedPaths(field, `${path}.`).map((stored) => `${relation}.${identifier(stored)} IS NOT NULL`);
  return `CASE WHEN ${known.join(' OR ')} THEN ${renderStruct(field, `${path}.`, relation, parameters)} END`;
}

/** As an object at the root of a row: always there, even when everything in it is null. */
export function renderStruct(field: ObjectField, prefix: string, relation: string, parameters: Parameters): string {
  const entries = Object.entries(field.fields).map(
    ([name, child]) => `${literal(name)}: ${renderField(child, `${prefix}${name}`, relation, parameters)}`,
  );
  return `{${entries.join(', ')}}`;
}

function renderArray({ items, whole }: ArrayField, column: string): string {
  return whole ? column : `list_transform(${column}, lambda item: ${renderItem(items, 'item')})`;
}

/** An array's items are whole structs in their column, so that a part of one is taken out of the struct. */
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
