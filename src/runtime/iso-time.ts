const dayMs = 24 * 60 * 60 * 1_000;

const zero = 0x30;
const ones = (number: number): number => zero + (number % 10);
const tens = (number: number): number => ones(Math.floor(number / 10));
const hundreds = (number: number): number => ones(Math.floor(number / 100));
const [dash = 0, colon = 0, point = 0, t = 0, z = 0] = Array.from('-:.TZ', (character) => character.charCodeAt(0));

/** The last formatted day, in days since 1970, and its text. */
let lastDay = Number.NaN;
let lastDate = '';

/**
 * Formats a date like `Date#toISOString`, but faster if consecutive calls are for the same day. The text is one flat
 * string, because a string that is joined from parts takes several times its memory until it is sent.
 * @throws {RangeError} the date is invalid
 */
export function isoTime(date: Date): string {
  const time = date.getTime();
  const day = Math.floor(time / dayMs);
  if (day !== lastDay) {
    lastDate = date.toISOString().slice(0, -'Thh:mm:ss.sssZ'.length);
    lastDay = day;
  }
  // Years with more than four digits have a sign.
  if (lastDate.length !== 'yyyy-mm-dd'.length) return date.toISOString();
  // Already an integer. V8 knows it only of a result of `floor`, and divides integers much faster.
  const ms = Math.floor(time - day * dayMs);
  const second = Math.floor(ms / 1_000);
  const minute = Math.floor(second / 60);
  const hour = Math.floor(minute / 60);
  return String.fromCharCode(
    lastDate.charCodeAt(0),
    lastDate.charCodeAt(1),
    lastDate.charCodeAt(2),
    lastDate.charCodeAt(3),
    dash,
    lastDate.charCodeAt(5),
    lastDate.charCodeAt(6),
    dash,
    lastDate.charCodeAt(8),
    lastDate.charCodeAt(9),
    t,
    tens(hour),
    ones(hour),
    colon,
    tens(minute % 60),
    ones(minute),
    colon,
    tens(second % 60),
    ones(second),
    point,
    hundreds(ms % 1_000),
    tens(ms),
    ones(ms),
    z,
  );
}
