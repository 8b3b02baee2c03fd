const maxIdLength = 256;
// Characters that would change the path, or that no id of the platform has; a comma separates ids, and `*` stands for
// any text in filters of Catalog.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are among what no id has
const impossible = /[\s/\\,*?#%\u0000-\u001f\u007f-\u009f\p{Surrogate}]/u;

/** What nearly all ids are, which is much faster to see. */
const usual = /^[\w-]{1,256}$/;

/**
 * Whether an id can stand in a path. One that cannot is unknown to the platform, which need not be asked. Beyond that
 * ids have no form to check.
 */
export const isPathSegment = (id: string): boolean =>
  usual.test(id) || (id !== '' && id !== '.' && id !== '..' && id.length <= maxIdLength && !impossible.test(id));
