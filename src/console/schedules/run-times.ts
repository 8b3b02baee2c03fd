const locale = 'en-US';
const options = { weekday: 'short', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' } as const;
const utc = new Intl.DateTimeFormat(locale, { ...options, hourCycle: 'h23', timeZone: 'UTC', timeZoneName: 'short' });

/** A time in UTC, for example `Thu, Jan 3, 04:30 UTC`. */
export const formatUtc = (at: string): string => utc.format(new Date(at));

/** A time with its zone. @param timeZone IANA name; by default that of the browser */
export function formatLocal(at: string, timeZone?: string): string {
  const format = new Intl.DateTimeFormat(locale, {
    ...options,
    hourCycle: 'h23',
    timeZoneName: 'short',
    ...(timeZone === undefined ? {} : { timeZone }),
  });
  return format.format(new Date(at));
}
