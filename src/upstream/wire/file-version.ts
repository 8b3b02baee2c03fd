import type { IncomingHttpHeaders } from 'node:http';
import type { FileVersion } from '../../domain/file-version.ts';

/** The length is bounded, because the tag is kept for the lifetime of a link. */
const entityTag = /^(?:W\/)?"[\x21\x23-\x7e]{0,200}"$/;

/** The version that the headers of a response state. A header that cannot be read counts as absent. */
export function versionOf(headers: IncomingHttpHeaders): FileVersion {
  const { etag, 'last-modified': lastModified } = headers;
  const date = new Date(lastModified ?? Number.NaN);
  return {
    etag: etag !== undefined && entityTag.test(etag) ? etag : null,
    lastModified: Number.isNaN(date.getTime()) ? null : date,
  };
}
