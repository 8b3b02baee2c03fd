/** The bytes of a file that are sent: all of them, some, or none that exist. `last` is inclusive. */
export type ByteRange =
  | { readonly kind: 'all' }
  | { readonly kind: 'part'; readonly first: number; readonly last: number }
  | { readonly kind: 'unsatisfiable' };

/**
 * Reads a `Range` header (RFC 9110, section 14). A header that cannot be parsed, or that requests several ranges, is
 * ignored, as the RFC allows, and the whole file is sent.
 */
export function parseRange(header: string | undefined, totalBytes: number): ByteRange {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.replaceAll(' ', '') ?? '');
  const [, from = '', to = ''] = match ?? [];
  if (match === null || (from === '' && to === '')) return { kind: 'all' };
  if (from === '') {
    const suffix = Math.min(Number(to), totalBytes);
    return suffix === 0
      ? { kind: 'unsatisfiable' }
      : { kind: 'part', first: totalBytes - suffix, last: totalBytes - 1 };
  }
  const first = Number(from);
  const last = Math.min(to === '' ? Number.MAX_SAFE_INTEGER : Number(to), totalBytes - 1);
  if (to !== '' && Number(to) < first) return { kind: 'all' };
  return first >= totalBytes ? { kind: 'unsatisfiable' } : { kind: 'part', first, last };
}
