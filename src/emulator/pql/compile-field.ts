import { fieldsAt } from '../xdm/vocabulary.ts';
import type { Compiled, Compiler, Scope } from './compiler.ts';
import { quote } from './pql-error.ts';
import type { Field } from './syntax.ts';

/** @throws {PqlError} when the field does not exist, or is an object. */
export function compileField(field: Field, scope: Scope, compiler: Compiler): Compiled {
  const path = pathOf(field, scope);
  const type = scope.fields.types.get(path);
  if (type !== undefined) return { type, sql: scope.column(path) };
  if (fieldsAt(scope.fields, path).length === 0) return unknownField(field, path, scope, compiler);
  return compiler.fail(`${quote(path)} is an object; only isNull() and isNotNull() accept an object`, field);
}

/** Whether a field, or any field in an object, has a value. @throws {PqlError} when the field does not exist. */
export function compileIsKnown(field: Field, scope: Scope, compiler: Compiler): string {
  const path = pathOf(field, scope);
  const fields = fieldsAt(scope.fields, path);
  if (fields.length === 0) return unknownField(field, path, scope, compiler);
  return `(${fields.map((each) => `${scope.column(each)} IS NOT NULL`).join(' OR ')})`;
}

/** Removes the event variable from the start of a path, because the rest is relative to the event. */
function pathOf({ path: [first = '', ...rest] }: Field, { variables }: Scope): string {
  return (rest.length > 0 && variables.has(first) ? rest : [first, ...rest]).join('.');
}

function unknownField(field: Field, path: string, { fields }: Scope, compiler: Compiler): never {
  return compiler.fail(`The ${fields.of} has no field ${quote(path)} that PQL can use here`, field);
}
