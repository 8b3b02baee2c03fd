/** The validators of a file (RFC 9110, section 8.8), which distinguish its versions. Null: unknown. */
export interface FileVersion {
  /** Entity tag with its quotes: `"abc"`, or `W/"abc"` for a weak one. */
  readonly etag: string | null;
  /** Precise to the second. */
  readonly lastModified: Date | null;
}

/** Compares entity tags weakly, so equal tags mean equivalent content, but not necessarily equal bytes. */
export const sameEntity = (left: string, right: string): boolean =>
  left.replace(/^W\//, '') === right.replace(/^W\//, '');

/** Whether two versions are certainly different. A validator that only one of them has proves nothing. */
export const differ = (left: FileVersion, right: FileVersion): boolean =>
  (left.etag !== null && right.etag !== null && !sameEntity(left.etag, right.etag)) ||
  (left.lastModified !== null &&
    right.lastModified !== null &&
    left.lastModified.getTime() !== right.lastModified.getTime());
