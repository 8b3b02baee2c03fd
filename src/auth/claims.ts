/**
 * Returns the value of a claim. `path` is the name of a claim at the top of the payload, or else a path into nested
 * objects with dots between the names (`realm_access.roles`). A backslash in front of a dot makes the dot part of a
 * name.
 * @returns undefined if the payload has no such claim
 */
export function claimAt(payload: object, path: string): unknown {
  const whole = memberOf(payload, path);
  if (whole !== undefined) return whole;
  let value: unknown = payload;
  for (const name of path.split(/(?<!\\)\./)) value = memberOf(value, name.replaceAll('\\.', '.'));
  return value;
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) return;
  const member: unknown = Reflect.get(value, name);
  return member;
}

/**
 * Returns the names in a claim that is a string or an array of strings. Each string may contain several names,
 * separated by spaces. Every name is returned once. A claim of another type has no names.
 */
export function namesIn(claim: unknown): readonly string[] {
  const texts: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  const names = texts.flatMap((text) => (typeof text === 'string' ? text.split(/\s+/) : []));
  return [...new Set(names)].filter((name) => name !== '');
}
