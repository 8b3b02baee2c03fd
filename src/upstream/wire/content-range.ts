/** A decoded `Content-Range` header. */
export interface ContentRange {
  /** First and last byte of the response, both inclusive; null for a 416 (`bytes *\/1000`). */
  readonly bytes: { readonly first: number; readonly last: number } | null;
  readonly totalBytes: number | null;
}

const pattern = /^bytes\s+(?:(\d{1,15})-(\d{1,15})|\*)\/(?:(\d{1,15})|\*)$/i;

/** Null if the value is no such header. */
export function parseContentRange(value: string | undefined): ContentRange | null {
  const match = pattern.exec(value?.trim() ?? '');
  if (match === null) return null;
  const [, first, last, total] = match;
  const bytes = first === undefined || last === undefined ? null : { first: Number(first), last: Number(last) };
  if (bytes !== null && bytes.last < bytes.first) return null;
  return { bytes, totalBytes: total === undefined ? null : Number(total) };
}

const digits = /^\d{1,15}$/;

/** A `Content-Length` in bytes; null if it is absent or not a number. */
export const parseContentLength = (value: string | undefined): number | null =>
  value !== undefined && digits.test(value) ? Number(value) : null;
