const maxIdLength = 256;
// Characters that would change the path, or that no id of the platform contains. A comma separates ids, and `*` matches
// any text in filters of Catalog.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are among what no id has
const impossible = /[\s/\\,*?#%\u0000-\u001f\u007f-\u009f\p{Surrogate}]/u;

/** The usual form of ids, which is much faster to check, and which is the same when it is encoded. */
const usual = /^[\w-]{1,256}$/;

/**
 * Whether an id can be part of a path. Any other id does not exist in the platform, so that no request is needed. The
 * form of ids is not checked further.
 */
export const isPathSegment = (id: string): boolean =>
  usual.test(id) || (id !== '' && id !== '.' && id !== '..' && id.length <= maxIdLength && !impossible.test(id));

/** The text as it is sent as a segment of a path. */
export const encodedSegment = (text: string): string => (usual.test(text) ? text : encodeURIComponent(text));
