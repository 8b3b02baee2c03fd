/** The validators of a file (RFC 9110, section 8.8): each distinguishes versions. Null where it is not known. */
export interface FileVersion {
  /** The entity tag, quotes included: `"abc"`, or `W/"abc"` for a weak one. */
  readonly etag: string | null;
  /** To the second. */
  readonly lastModified: Date | null;
}

/** Compares entity tags weakly: they stand for the same content, though not for the same bytes. */
export const sameEntity = (left: string, right: string): boolean =>
  left.replace(/^W\//, '') === right.replace(/^W\//, '');

/** Whether two versions cannot be the same. A validator that only one of them has proves no difference. */
export const differ = (left: FileVersion, right: FileVersion): boolean =>
  (left.etag !== null && right.etag !== null && !sameEntity(left.etag, right.etag)) ||
  (left.lastModified !== null &&
    right.lastModified !== null &&
    left.lastModified.getTime() !== right.lastModified.getTime());
