import { type IdentityNamespace, identityNamespaces } from '../xdm/schema.ts';
import { isObject } from './read-records.ts';

/** Identities by namespace, at most one in each. */
export type Identities = ReadonlyMap<IdentityNamespace, string>;

/** Thrown when an `identityMap` is invalid. */
export class IdentityError extends Error {
  override readonly name = 'IdentityError';
}

/**
 * Separates the identities from the other values of a record. They are in `identityMap` as in XDM, or in columns such
 * as `identityMap.Email` with the identity itself, as in a CSV file.
 * @returns the identities, and the other values
 * @throws {IdentityError}
 */
export function takeIdentities(values: Readonly<Record<string, unknown>>): {
  readonly identities: Identities;
  readonly rest: Readonly<Record<string, unknown>>;
} {
  const identities = new Map<IdentityNamespace, string>();
  const rest: (readonly [name: string, value: unknown])[] = [];
  const add = (code: string, value: unknown) => {
    const id = idOf(code, value);
    if (id === null) return;
    const namespace = namespaceOf(code);
    if (identities.has(namespace)) throw new IdentityError(`identityMap has ${namespace} twice`);
    identities.set(namespace, id);
  };
  for (const [name, value] of Object.entries(values)) {
    if (name.startsWith('identityMap.')) add(name.slice('identityMap.'.length), value);
    else if (name !== 'identityMap') rest.push([name, value]);
    else if (isObject(value)) for (const [code, list] of Object.entries(value)) add(code, list);
    else if (value !== null) throw new IdentityError('identityMap must be an object with a list for each namespace');
  }
  return { identities, rest: Object.fromEntries(rest) };
}

function namespaceOf(code: string): IdentityNamespace {
  const namespace = identityNamespaces.find((each) => each.toLowerCase() === code.toLowerCase());
  if (namespace !== undefined) return namespace;
  throw new IdentityError(
    `identityMap.${code} is not a known namespace; the namespaces are ${identityNamespaces.join(', ')}`,
  );
}

/** @returns null when there is no identity in the namespace. */
function idOf(code: string, value: unknown): string | null {
  const list = Array.isArray(value) ? value : [value];
  const ids = list
    .filter((each) => each !== null && each !== undefined)
    .map((each: unknown) => (isObject(each) ? each['id'] : each));
  if (ids.length > 1)
    throw new IdentityError(
      `identityMap.${code} has ${ids.length} identities; a record can have one in each namespace`,
    );
  const [id] = ids;
  if (id === undefined) return null;
  if (typeof id !== 'string' || id === '')
    throw new IdentityError(`identityMap.${code} must contain the id as a string`);
  return id;
}
