/** A time as fields of type `datetime-local` have it, in the time zone of the browser. An empty text is no time. */
export function toLocal(at: string | null): string {
  if (at === null) return '';
  const date = new Date(at);
  const two = (value: number) => value.toString().padStart(2, '0');
  const day = `${date.getFullYear().toString().padStart(4, '0')}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** A time of such a field as RFC 3339 text in UTC; null for an empty text. */
export const fromLocal = (local: string): string | null => (local === '' ? null : new Date(local).toISOString());
