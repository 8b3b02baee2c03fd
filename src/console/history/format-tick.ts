const locale = 'en-US';
const dates = new Intl.DateTimeFormat(locale, { month: 'short', day: 'numeric' });
const times = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

/**
 * Mark of a time axis: the date if it is another one than at the mark before, else the time of day.
 * @param at seconds since 1970
 * @param before the mark before; undefined for the first one
 */
export function formatTick(at: number, before: number | undefined): string {
  const date = dates.format(at * 1_000);
  return before !== undefined && dates.format(before * 1_000) === date ? times.format(at * 1_000) : date;
}
