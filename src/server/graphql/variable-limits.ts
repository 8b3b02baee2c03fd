import { type ExecutionArgs, getOperationAST, getVariableValues } from 'graphql';
import { limitError } from './request-error.ts';

/**
 * Coerces the variables of an operation, unless they are too large.
 *
 * The executor reports up to 50 errors, and each one repeats the whole value that contains it. One object with many
 * unknown members therefore costs seconds and returns fifty copies of itself.
 * @returns the values or the errors
 * @throws {GraphQLError} `INVALID_INPUT` with the path of the first value that is too large
 */
export function coerceBounded({
  schema,
  document,
  operationName,
  variableValues,
}: ExecutionArgs): ReturnType<typeof getVariableValues> {
  const variables = variableValues ?? {};
  checkSizes(variables);
  const definitions = getOperationAST(document, operationName)?.variableDefinitions ?? [];
  return getVariableValues(schema, definitions, variables, { maxErrors });
}

/** Maximum number of errors in one response. */
const maxErrors = 5;

/** Maximum number of entries of a list. Every list argument has its own lower maximum. */
const maxEntries = 2_000;
/** Maximum number of members of an object. Every input type has fewer. */
const maxMembers = 100;
/** Maximum length of a text and of a member's name, in characters. The longest valid text is a cursor. */
const maxCharacters = 10_000;
/** Maximum depth of objects and lists. Every input type has a lower depth. */
const maxDepth = 20;
/** Maximum number of values in all variables. The largest valid input has about half of it. */
const maxValues = 30_000;

/**
 * Checks the sizes of all values, with work in proportion to the limits.
 * @throws {GraphQLError} `INVALID_INPUT` with the path of the first value that is too large
 */
function checkSizes(variables: Readonly<Record<string, unknown>>): void {
  let values = 0;
  const visit = (value: unknown, path: string, depth: number): void => {
    values += 1;
    if (values > maxValues) tooLarge(path, `the variables must have at most ${maxValues} values`);
    if (typeof value === 'string') {
      if (value.length > maxCharacters) tooLarge(path, `must have at most ${maxCharacters} characters`);
      return;
    }
    if (typeof value !== 'object' || value === null) return;
    if (depth > maxDepth) tooLarge(path, `must be nested at most ${maxDepth} levels deep`);
    if (Array.isArray(value)) {
      if (value.length > maxEntries) tooLarge(path, `must have at most ${maxEntries} entries`);
      for (const [index, entry] of value.entries()) visit(entry, `${path}.${index}`, depth + 1);
      return;
    }
    let members = 0;
    // Unlike `Object.entries`, this loop does not list all members before the first one is counted. JSON has no others
    // than its own.
    for (const name in value) {
      members += 1;
      if (members > maxMembers) tooLarge(path, `must have at most ${maxMembers} members`);
      if (name.length > maxCharacters) tooLarge(path, `must have names of at most ${maxCharacters} characters`);
      visit(Reflect.get(value, name), path === '' ? name : `${path}.${name}`, depth + 1);
    }
  };
  visit(variables, '', 0);
}

function tooLarge(path: string, message: string): never {
  throw limitError([{ path: path === '' ? 'variables' : path, message }]);
}
