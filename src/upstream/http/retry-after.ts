/** The longest pause that the platform can request, in milliseconds: an hour. */
const maxRetryAfterMs = 3_600_000;

const seconds = /^\d+(?:\.\d+)?$/;
/** A date with a time of day and a zone. `Date.parse` accepts many other texts, such as `-5` and `60;`. */
const date = /\d\d:\d\d:\d\d(?:\.\d+)? ?(?:GMT|UTC|Z|[+-]\d\d:?\d\d)$/i;

/**
 * The pause that the platform requests, in milliseconds. The `Retry-After` header (seconds or an HTTP date) has
 * precedence over `retryAfterMs` of the body. A header in another form counts as absent. Null if the platform requests
 * no pause.
 * @param now the current time by the clock of the HTTP date
 */
export function readRetryAfterMs(header: string | null, bodyMs: number | null, now: Date): number | null {
  const requestedMs = fromHeader(header?.trim() ?? '', now) ?? bodyMs;
  return requestedMs === null ? null : Math.min(Math.max(0, Math.ceil(requestedMs)), maxRetryAfterMs);
}

function fromHeader(value: string, now: Date): number | null {
  if (seconds.test(value)) return Number(value) * 1000;
  const at = date.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? null : at - now.getTime();
}
