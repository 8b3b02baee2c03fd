import type { IncomingHttpHeaders } from 'node:http';
import { type FileVersion, sameEntity } from '../../domain/file-version.ts';

/**
 * Evaluates the conditional headers of a `GET` or `HEAD` (RFC 9110, section 13.2.2): `failed` leads to 412,
 * `not-modified` to 304. A date that cannot be read is ignored, as the RFC requires.
 */
export function checkPreconditions(
  headers: IncomingHttpHeaders,
  { etag, lastModified }: FileVersion,
): 'met' | 'not-modified' | 'failed' {
  const ifMatch = headers['if-match'];
  const unmodifiedSince = dateOf(headers['if-unmodified-since']);
  if (ifMatch !== undefined) {
    if (!anyOf(ifMatch, (tag) => etag !== null && sameBytes(tag, etag))) return 'failed';
  } else if (unmodifiedSince !== null && lastModified !== null && lastModified > unmodifiedSince) {
    return 'failed';
  }

  const ifNoneMatch = headers['if-none-match'];
  const modifiedSince = dateOf(headers['if-modified-since']);
  if (ifNoneMatch !== undefined) {
    return anyOf(ifNoneMatch, (tag) => etag !== null && sameEntity(tag, etag)) ? 'not-modified' : 'met';
  }
  return modifiedSince !== null && lastModified !== null && lastModified <= modifiedSince ? 'not-modified' : 'met';
}

/**
 * Whether a requested range belongs to this version (RFC 9110, section 13.1.5). If not, the client needs the whole
 * file, because a part of it would not match the part that the client has.
 */
export function rangeApplies(headers: IncomingHttpHeaders, { etag, lastModified }: FileVersion): boolean {
  if (headers['if-range'] === undefined) return true;
  const ifRange = String(headers['if-range']);
  if (/^(?:W\/)?"/.test(ifRange)) return etag !== null && sameBytes(ifRange, etag);
  const date = dateOf(ifRange);
  return date !== null && lastModified !== null && date.getTime() === lastModified.getTime();
}

/** Compares entity tags strongly, because a weak tag does not identify the exact bytes. */
const sameBytes = (left: string, right: string): boolean => left === right && !left.startsWith('W/');

/** Whether one of the listed tags fits. `*` fits every file that exists. */
const anyOf = (list: string, fits: (tag: string) => boolean): boolean =>
  list.trim() === '*' || (list.match(/(?:W\/)?"[^"]*"/g) ?? []).some(fits);

function dateOf(value: string | undefined): Date | null {
  const date = new Date(value ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? null : date;
}
