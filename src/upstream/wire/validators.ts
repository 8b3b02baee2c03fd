import type { IncomingHttpHeaders } from 'node:http';

/** What tells two versions of a file apart (RFC 9110, section 8.8); null where the platform does not send it. */
export interface Validators {
  /** The entity tag as the platform sends it, quotes included: `"abc"`, or `W/"abc"` for a weak one. */
  readonly etag: string | null;
  /** To the second. */
  readonly lastModified: Date | null;
}

/** The length bounds what is kept of a file for the life of a link. */
const entityTag = /^(?:W\/)?"[\x21\x23-\x7e]{0,200}"$/;

/** A header that cannot be read counts as absent. */
export function validatorsOf(headers: IncomingHttpHeaders): Validators {
  const { etag, 'last-modified': lastModified } = headers;
  const date = new Date(lastModified ?? Number.NaN);
  return {
    etag: etag !== undefined && entityTag.test(etag) ? etag : null,
    lastModified: Number.isNaN(date.getTime()) ? null : date,
  };
}
