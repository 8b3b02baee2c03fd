/** What a `Content-Range` header says. */
export interface ContentRange {
  /** The bytes that came, both inclusive; null with an answer of 416 (`bytes *\/1000`). */
  readonly bytes: { readonly first: number; readonly last: number } | null;
  readonly totalBytes: number | null;
}

const pattern = /^bytes\s+(?:(\d{1,15})-(\d{1,15})|\*)\/(?:(\d{1,15})|\*)$/i;

/** Null when the header is none. */
export function parseContentRange(value: string | undefined): ContentRange | null {
  const match = pattern.exec(value?.trim() ?? '');
  if (match === null) return null;
  const [, first, last, total] = match;
  const bytes = first === undefined || last === undefined ? null : { first: Number(first), last: Number(last) };
  if (bytes !== null && bytes.last < bytes.first) return null;
  return { bytes, totalBytes: total === undefined ? null : Number(total) };
}

const digits = /^\d{1,15}$/;

/** A `Content-Length`; null when it is absent or no number. */
export const parseContentLength = (value: string | undefined): number | null =>
  value !== undefined && digits.test(value) ? Number(value) : null;
