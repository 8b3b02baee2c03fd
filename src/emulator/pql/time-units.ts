import type { TimeUnit } from './syntax.ts';

const secondMs = 1000;
const hourMs = 3_600 * secondMs;
const dayMs = 24 * hourMs;

/** The length of a unit: of those that calendars make uneven, in months. */
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
  // The keys of `lengths` are the units.
  ...(Object.keys(lengths) as TimeUnit[]).flatMap((unit): readonly (readonly [string, TimeUnit])[] => [
    [unit, unit],
    [`${unit}s`, unit],
  ]),
  ['centuries', 'century'],
  ['millennia', 'millennium'],
]);

/** The unit that a word names, in the singular or the plural; null when it names none. */
export const unitNamed = (word: string): TimeUnit | null => words.get(word.toLowerCase()) ?? null;

const maximumYears = 10_000;

/** The most of a unit that a distance in time may be: ten thousand years, which every timestamp can be moved by. */
export function maximumAmount(unit: TimeUnit): number {
  const length = unitLength(unit);
  return 'months' in length
    ? (maximumYears * 12) / length.months
    : Math.floor((maximumYears * 365 * dayMs) / length.milliseconds);
}

/** Monday the 5th of January 1970: weeks begin on Mondays. */
const firstMondayMs = 4 * dayMs;

/** When the unit of time began that is `offset` units after the one at `time` lies, in UTC. */
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

/** @param month from 0 */
export function utcDate(year: number, month: number, day: number): Date {
  const date = new Date(0);
  // Date.UTC takes years below 100 for those of the 20th century.
  date.setUTCFullYear(year, month, day);
  return date;
}

/** The beginning of the day after the one that begins at `start`. */
export const nextDay = (start: Date): Date => new Date(start.getTime() + dayMs);
