import type { TimeUnit } from './syntax.ts';

const secondMs = 1000;
const hourMs = 3_600 * secondMs;
const dayMs = 24 * hourMs;

/** Length of a unit. Units with a variable length are measured in months. */
export type UnitLength = { readonly milliseconds: number } | { readonly months: number };

const lengths: Readonly<Record<TimeUnit, UnitLength>> = {
  millisecond: { milliseconds: 1 },
  second: { milliseconds: secondMs },
  minute: { milliseconds: 60 * secondMs },
  hour: { milliseconds: hourMs },
  day: { milliseconds: dayMs },
  week: { milliseconds: 7 * dayMs },
  month: { months: 1 },
  year: { months: 12 },
  decade: { months: 120 },
  century: { months: 1200 },
  millennium: { months: 12_000 },
};

export const unitLength = (unit: TimeUnit): UnitLength => lengths[unit];

const words: ReadonlyMap<string, TimeUnit> = new Map([
  // The assertion holds because the keys of `lengths` are the units.
  ...(Object.keys(lengths) as TimeUnit[]).flatMap((unit): readonly (readonly [string, TimeUnit])[] => [
    [unit, unit],
    [`${unit}s`, unit],
  ]),
  ['centuries', 'century'],
  ['millennia', 'millennium'],
]);

/** Unit for a word in singular or plural; null when the word is not a unit. */
export const unitNamed = (word: string): TimeUnit | null => words.get(word.toLowerCase()) ?? null;

const maximumYears = 10_000;

/** Maximum amount of a unit in a distance: ten thousand years, so that every timestamp stays in range. */
export function maximumAmount(unit: TimeUnit): number {
  const length = unitLength(unit);
  return 'months' in length
    ? (maximumYears * 12) / length.months
    : Math.floor((maximumYears * 365 * dayMs) / length.milliseconds);
}

/** Monday, January 5, 1970, because weeks begin on Mondays. */
const firstMondayMs = 4 * dayMs;

/** Start of a unit of time in UTC: the unit that contains `time`, moved by `offset` units. */
export function startOfUnit(time: Date, unit: TimeUnit, offset: number): Date {
  const length = unitLength(unit);
  if ('months' in length) {
    const month = time.getUTCFullYear() * 12 + time.getUTCMonth();
    const start = (Math.floor(month / length.months) + offset) * length.months;
    return utcDate(Math.floor(start / 12), start % 12, 1);
  }
  const origin = unit === 'week' ? firstMondayMs : 0;
  const { milliseconds } = length;
  return new Date(origin + (Math.floor((time.getTime() - origin) / milliseconds) + offset) * milliseconds);
}

/** @param month starting at 0 */
export function utcDate(year: number, month: number, day: number): Date {
  const date = new Date(0);
  // Date.UTC maps years below 100 to the 20th century.
  date.setUTCFullYear(year, month, day);
  return date;
}

/** Start of the next day. @param start start of a day */
export const nextDay = (start: Date): Date => new Date(start.getTime() + dayMs);
