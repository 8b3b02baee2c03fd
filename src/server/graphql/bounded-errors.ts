import { GraphQLError } from 'graphql';

/** Lengths, in characters, of the kept beginning and end of a message that is too long. */
const headLength = 150;
const tailLength = 200;
/** Maximum number of locations in one error. graphql names every field of a conflict. */
const maxLocations = 10;
/** Maximum size of all errors of one result, in bytes of JSON. */
const maxBytes = 48 * 1024;

/**
 * A message of graphql, without the middle if it is long. graphql puts names and values of the request into the middle,
 * and the reason at the end.
 */
export function boundedMessage(message: string): string {
  if (message.length <= headLength + tailLength) return message;
  const head = message.slice(0, headLength).replace(/[\uD800-\uDBFF]$/, '');
  const tail = message.slice(-tailLength).replace(/^[\uDC00-\uDFFF]/, '');
  return `${head} … ${tail}`;
}

export const boundedLocations = <Location>(
  locations: readonly Location[] | null | undefined,
): readonly Location[] | null => locations?.slice(0, maxLocations) ?? null;

/**
 * The first errors of a result, as many as fit into 48 KiB, so that no request causes a response of many times its
 * size. The last error then reports how many others there are, and is retryable if all of them are.
 */
export function boundedErrors(errors: readonly GraphQLError[]): readonly GraphQLError[] {
  let bytes = 0;
  const end = errors.findIndex((error, index) => {
    bytes += Buffer.byteLength(JSON.stringify(error));
    return bytes > maxBytes && index > 0;
  });
  if (end < 0) return errors;
  const others = errors.slice(end);
  const extensions = {
    code: others[0]?.extensions['code'],
    retryable: others.every((error) => error.extensions['retryable'] === true),
  };
  const count = others.length === 1 ? 'There is 1 more error.' : `There are ${others.length} more errors.`;
  return [
    ...errors.slice(0, end),
    new GraphQLError(`The response has room for no more errors. ${count}`, { extensions }),
  ];
}
