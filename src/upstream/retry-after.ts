/** The longest pause that is taken from the platform: an hour. */
const maxRetryAfterMs = 3_600_000;

const seconds = /^\d{1,10}(?:\.\d{1,6})?$/;

/**
 * How long the platform asks to wait, in milliseconds: the `Retry-After` header (seconds or an HTTP date) before the
 * body's `retryAfterMs`. Null when it does not say.
 * @param now the present time by the clock that the date is from
 */
export function readRetryAfterMs(header: string | null, bodyMs: number | null, now: Date): number | null {
  const asked = fromHeader(header?.trim() ?? '', now) ?? bodyMs;
  return asked === null ? null : Math.min(Math.max(0, Math.ceil(asked)), maxRetryAfterMs);
}

function fromHeader(value: string, now: Date): number | null {
  if (seconds.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : at - now.getTime();
}
