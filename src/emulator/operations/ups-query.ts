import { PlatformError, upsCodes } from '../errors.ts';

/** Error for a request that the profile service cannot understand. */
export function invalid(message: string): PlatformError {
  return new PlatformError(400, upsCodes.invalidRequest, message);
}

/** @throws {PlatformError} 400 when the parameter is present and is not an integer of at least `minimum` */
export function integer(query: URLSearchParams, name: string, minimum: number): number | null {
  const text = query.get(name);
  if (text === null) return null;
  if (!/^\d{1,9}$/.test(text) || Number(text) < minimum)
    throw invalid(`${name} must be an integer of at least ${minimum}`);
  return Number(text);
}

/**
 * Parses `true` or `false` in any case, because clients written in Python send `True`.
 * @throws {PlatformError} 400 when the parameter is present and is neither
 */
export function boolean(query: URLSearchParams, name: string): boolean | null {
  const text = query.get(name)?.toLowerCase() ?? null;
  if (text === null) return null;
  if (text !== 'true' && text !== 'false') throw invalid(`${name} must be true or false`);
  return text === 'true';
}

/** An order from `sort=`: `{field}:asc` or `{field}:desc`. */
export interface FieldOrder<Field extends string> {
  readonly field: Field;
  readonly direction: 'asc' | 'desc';
}

/**
 * Parses a comma-separated list of orders; null when it is absent. The default direction is ascending.
 * @throws {PlatformError} 400 for a field that is not in `fields`
 */
export function fieldOrders<Field extends string>(
  query: URLSearchParams,
  fields: readonly Field[],
): readonly FieldOrder<Field>[] | null {
  const text = query.get('sort');
  if (text === null) return null;
  return text.split(',').map((order) => {
    const [name, direction = 'asc'] = order.trim().split(':');
    const field = fields.find((each) => each === name);
    const lower = direction.toLowerCase();
    if (field === undefined || (lower !== 'asc' && lower !== 'desc')) {
      throw invalid(`sort must be {field}:asc or {field}:desc with a field of ${fields.join(', ')}`);
    }
    return { field, direction: lower };
  });
}
