const dayMs = 24 * 60 * 60 * 1_000;

const digits = (length: number): readonly string[] =>
  Array.from({ length: 10 ** length }, (_, number) => String(number).padStart(length, '0'));
const two = digits(2);
const three = digits(3);

/** The last formatted day, in days since 1970, and its text. */
let lastDay = Number.NaN;
let lastDate = '';

/**
 * Formats a date like `Date#toISOString`, but faster if consecutive calls are for the same day.
 * @throws {RangeError} the date is invalid
 */
export function isoTime(date: Date): string {
  const ms = date.getTime();
  const day = Math.floor(ms / dayMs);
  if (day !== lastDay) {
    // The length of the day's text varies, because years with more than four digits have a sign.
    lastDate = date.toISOString().slice(0, -'hh:mm:ss.sssZ'.length);
    lastDay = day;
  }
  const seconds = Math.floor((ms - day * dayMs) / 1_000);
  const hour = two[Math.floor(seconds / 3_600)];
  const minute = two[Math.floor(seconds / 60) % 60];
  return `${lastDate}${hour}:${minute}:${two[seconds % 60]}.${three[ms - day * dayMs - seconds * 1_000]}Z`;
}
