import { createHash } from 'node:crypto';
import { PlatformError } from '../errors.ts';
import type { Call } from '../http/operation.ts';
import type { JsonObject } from '../json.ts';

/** Number of characters of a tag, taken from the digest's 64. */
const tagLength = 20;

/** Tag of the current version of an object. Each change of the object changes the tag. */
export function entityTag(document: JsonObject): string {
  return `"${createHash('sha256').update(JSON.stringify(document)).digest('hex').slice(0, tagLength)}"`;
}

/** @throws {PlatformError} 412 when `If-Match` does not name the current version of the object */
export function checkIfMatch({ header }: Pick<Call, 'header'>, document: JsonObject): void {
  const condition = header('if-match');
  if (condition === null || condition.trim() === '*') return;
  const current = unquoted(entityTag(document));
  if (condition.split(',').some((tag) => unquoted(tag) === current)) return;
  throw new PlatformError(412, 'PreconditionFailedError', 'If-Match does not match the current version of the object.');
}

function unquoted(tag: string): string {
  return tag
    .trim()
    .replace(/^W\//, '')
    .replace(/^"(.*)"$/, '$1');
}
