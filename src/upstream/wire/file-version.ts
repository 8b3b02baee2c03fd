import type { FileVersion } from '../../domain/file-version.ts';
import { headerOf, type ResponseHeaders } from './response-headers.ts';

/** The length is bounded, because the tag is kept for the lifetime of a link. */
const entityTag = /^(?:W\/)?"[\x21\x23-\x7e]{0,200}"$/;

/** The version that the headers of a response state. A header that cannot be read counts as absent. */
export function versionOf(headers: ResponseHeaders): FileVersion {
  const etag = headerOf(headers, 'etag');
  const date = new Date(headerOf(headers, 'last-modified') ?? Number.NaN);
  return {
    etag: etag !== undefined && entityTag.test(etag) ? etag : null,
    lastModified: Number.isNaN(date.getTime()) ? null : date,
  };
}
