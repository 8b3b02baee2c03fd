import { createHash } from 'node:crypto';
import { PlatformError } from '../errors.ts';
import type { Call } from '../http/operation.ts';
import type { JsonObject } from '../json.ts';

/** Characters of a tag, of the digest's 64. */
const tagLength = 20;

/** The tag of an object as it is now; every change of the object changes it. */
export function entityTag(document: JsonObject): string {
  return `"${createHash('sha256').update(JSON.stringify(document)).digest('hex').slice(0, tagLength)}"`;
}

/** @throws {PlatformError} 412 when the request has an `If-Match` that does not name the object as it is now */
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
