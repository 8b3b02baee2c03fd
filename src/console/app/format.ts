import { texts } from '../texts.ts';

const locale = 'en-US';
const counts = new Intl.NumberFormat(locale);
const times = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const dates = new Intl.DateTimeFormat(locale, { month: 'short', day: 'numeric' });
const datesWithYear = new Intl.DateTimeFormat(locale, { month: 'short', day: 'numeric', year: 'numeric' });
const full = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'long', hourCycle: 'h23' });

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** For example `1,234`; a dash for null. */
export const formatCount = (count: number | null): string => (count === null ? texts.time.none : counts.format(count));

/** With a sign, for example `+1,234`. */
export const formatChange = (change: number): string =>
  change > 0 ? `+${counts.format(change)}` : change < 0 ? `−${counts.format(-change)}` : '±0';

/** The two largest units: `850 ms`, `12 s`, `3 min 05 s`, `2 h 10 min`, `4 d 3 h`. */
export function formatDuration(ms: number): string {
  if (ms > 0 && ms < second) return `${Math.round(ms)} ms`;
  if (ms < minute) return `${Math.floor(ms / second)} s`;
  if (ms < hour) return pair(ms, minute, 'min', second, 's', 2);
  if (ms < day) return pair(ms, hour, 'h', minute, 'min', 2);
  return pair(ms, day, 'd', hour, 'h', 1);
}

function pair(ms: number, large: number, largeName: string, small: number, smallName: string, digits: number): string {
  const rest = Math.floor((ms % large) / small);
  const head = `${Math.floor(ms / large)} ${largeName}`;
  return rest === 0 ? head : `${head} ${rest.toString().padStart(digits, '0')} ${smallName}`;
}

/** The largest unit, for ages: `12 s`, `5 min`, `3 h`, `9 d`. */
export function formatAge(ms: number): string {
  if (ms < minute) return `${Math.max(0, Math.floor(ms / second))} s`;
  if (ms < hour) return `${Math.floor(ms / minute)} min`;
  if (ms < day) return `${Math.floor(ms / hour)} h`;
  return `${Math.floor(ms / day)} d`;
}

/** `just now`, `5 min ago`, and after a day the date. @param now milliseconds since 1970 */
export function formatWhen(at: string, now: number): string {
  const age = now - Date.parse(at);
  if (age < 5 * second) return texts.time.justNow;
  return age < day ? texts.time.ago(formatAge(age)) : formatMoment(at, now);
}

/** Time of day, with the date if it is not within half a day: `14:05`, `Mar 3, 14:05`, `Mar 3, 2029`. */
export function formatMoment(at: string, now: number): string {
  const date = new Date(at);
  const distance = Math.abs(now - date.getTime());
  if (distance < day / 2) return times.format(date);
  if (distance < 180 * day) return `${dates.format(date)}, ${times.format(date)}`;
  return datesWithYear.format(date);
}

/** Date, time and time zone, for tooltips and details. */
export const formatFull = (at: string): string => full.format(new Date(at));
