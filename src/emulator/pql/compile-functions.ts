import { compileAggregate, isAggregate } from './compile-events.ts';
import { compileIsKnown } from './compile-field.ts';
import { type Compiled, type Compiler, holds, type Scope } from './compiler.ts';
import { quote } from './pql-error.ts';
import type { PqlExpression } from './syntax.ts';

type Call<Kind extends 'method' | 'function'> = Extract<PqlExpression, { readonly kind: Kind }>;

/** Returns SQL of a condition on two strings. */
type StringPredicate = (value: string, other: string) => string;

const contains: StringPredicate = (value, other) => `contains(${value}, ${other})`;
const startsWith: StringPredicate = (value, other) => `starts_with(${value}, ${other})`;
const endsWith: StringPredicate = (value, other) => `suffix(${value}, ${other})`;
const equals: StringPredicate = (value, other) => `(${value} = ${other})`;
const negation =
  (predicate: StringPredicate): StringPredicate =>
  (value, other) =>
    `NOT ${predicate(value, other)}`;

/** `value.name(other, isCaseSensitive)`. The negated functions, like `notIn`, do not hold for absent values. */
const stringPredicates: ReadonlyMap<string, StringPredicate> = new Map([
  ['contains', contains],
  ['doesNotContain', negation(contains)],
  ['startsWith', startsWith],
  ['doesNotStartWith', negation(startsWith)],
  ['endsWith', endsWith],
  ['doesNotEndWith', negation(endsWith)],
  ['equals', equals],
  ['notEqualTo', negation(equals)],
  // Without ESCAPE only % and _ are special, as in PQL.
  ['like', (value, other) => `(${value} LIKE ${other})`],
]);

const dateParts: ReadonlyMap<string, string> = new Map([
  ['DayOfMonth', 'day'],
  ['Month', 'month'],
  ['Year', 'year'],
]);

/** Part of a time, in UTC. */
const datePart = (part: string, time: string): Compiled => ({ type: 'number', sql: `extract('${part}' FROM ${time})` });

/** @throws {PqlError} when the function does not exist, or its parameters do not fit. */
export function compileMethod(call: Call<'method'>, scope: Scope, compiler: Compiler): Compiled {
  const { name, value } = call;
  if (value.kind === 'events' && isAggregate(name)) return compileAggregate(name, value, call, scope, compiler);
  const predicate = stringPredicates.get(name);
  if (predicate !== undefined) return compileStringPredicate(call, predicate, scope, compiler);
  if (name === 'isNull' || name === 'isNotNull') {
    const isKnown = compileIsNotNull(call, scope, compiler);
    return { type: 'boolean', sql: name === 'isNull' ? `(NOT ${isKnown})` : isKnown };
  }
  const part = name.startsWith('get') ? dateParts.get(name.slice('get'.length)) : undefined;
  if (part === undefined) return compiler.fail(`${quote(name)} is not a supported function`, call);
  expectParameters(call, 0, 0, compiler);
  return datePart(part, compiler.value(value, 'time', scope));
}

function compileIsNotNull(call: Call<'method'>, scope: Scope, compiler: Compiler): string {
  expectParameters(call, 0, 0, compiler);
  if (call.value.kind !== 'field')
    return compiler.fail('isNull() and isNotNull() can only be called on a field', call.value);
  return compileIsKnown(call.value, scope, compiler);
}

function compileStringPredicate(
  call: Call<'method'>,
  predicate: StringPredicate,
  scope: Scope,
  compiler: Compiler,
): Compiled {
  expectParameters(call, 1, 2, compiler);
  const [other = call, caseSensitive] = call.parameters;
  const operands = [call.value, other].map((each) => compiler.value(each, 'string', scope));
  const [left = '', right = ''] = isCaseSensitive(caseSensitive, compiler)
    ? operands
    : operands.map((each) => `lower(${each})`);
  return holds(predicate(left, right));
}

function isCaseSensitive(parameter: PqlExpression | undefined, compiler: Compiler): boolean {
  if (parameter === undefined) return true;
  if (parameter.kind === 'literal' && typeof parameter.value === 'boolean') return parameter.value;
  return compiler.fail('The parameter for case sensitivity must be true or false', parameter);
}

/** @throws {PqlError} when the function does not exist, or its parameters do not fit. */
export function compileFunction(call: Call<'function'>, scope: Scope, compiler: Compiler): Compiled {
  const { name, parameters } = call;
  if (name === 'inSegment') {
    const [segment] = parameters;
    if (parameters.length !== 1 || segment?.kind !== 'literal' || typeof segment.value !== 'string') {
      return compiler.fail('inSegment takes the id of a segment as a string', call);
    }
    if (scope.fields.of !== 'profile')
      return compiler.fail('inSegment() cannot be used in a condition on an event', call);
    return { type: 'boolean', sql: compiler.target.isInSegment(compiler.target.parameters.add(segment.value)) };
  }
  const part = name.startsWith('current') ? dateParts.get(name.slice('current'.length)) : undefined;
  if (part === undefined) return compiler.fail(`${quote(name)} is not a supported function`, call);
  expectParameters(call, 0, 0, compiler);
  return datePart(part, `${compiler.target.parameters.add(compiler.target.now)}::TIMESTAMPTZ`);
}

/** @throws {PqlError} when a call has too few or too many parameters. */
export function expectParameters(
  call: Call<'method' | 'function'>,
  fewest: number,
  most: number,
  compiler: Pick<Compiler, 'fail'>,
): void {
  const count = call.parameters.length;
  if (count >= fewest && count <= most) return;
  const range = fewest === most ? `${fewest}` : `${fewest} to ${most}`;
  compiler.fail(`${quote(call.name)} takes ${range} parameters, not ${count}`, call);
}
