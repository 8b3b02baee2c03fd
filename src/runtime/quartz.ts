import { LRUCache } from 'lru-cache';

/** A parsed Quartz cron expression, in UTC. */
export interface QuartzCron {
  /** Number of runs on a day with runs. */
  readonly runsPerDay: number;
  /**
   * Returns the next `count` runs later than `after`, in order. There are fewer when the expression ends, at the latest
   * in 2099.
   */
  nextRuns(after: Date, count: number): readonly Date[];
}

/** Thrown by `parseQuartz`; the message names the field and its problem. */
export class QuartzSyntaxError extends Error {
  override readonly name = 'QuartzSyntaxError';
}

const lastYear = 2099;
const monthNames = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const dayNames = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

interface Field {
  readonly name: string;
  readonly minimum: number;
  readonly maximum: number;
  /** Names of the values, beginning with `minimum`. */
  readonly names?: readonly string[];
}

const fields = {
  second: { name: 'second', minimum: 0, maximum: 59 },
  minute: { name: 'minute', minimum: 0, maximum: 59 },
  hour: { name: 'hour', minimum: 0, maximum: 23 },
  dayOfMonth: { name: 'day of month', minimum: 1, maximum: 31 },
  month: { name: 'month', minimum: 1, maximum: 12, names: monthNames },
  dayOfWeek: { name: 'day of week', minimum: 1, maximum: 7, names: dayNames },
  year: { name: 'year', minimum: 1970, maximum: lastYear },
} as const satisfies Record<string, Field>;

/** Whether the expression runs on a day of a month. `weekday` is 1 for Sunday to 7 for Saturday. */
type DayRule = (day: number, weekday: number, daysInMonth: number) => boolean;

/** Sorted values of the fields that determine the time of day. */
interface TimesOfDay {
  readonly hours: readonly number[];
  readonly minutes: readonly number[];
  readonly seconds: readonly number[];
}

/** Maximum number of characters of an expression. Lists of every value of every field are shorter. */
const maxLength = 1_000;

/**
 * Parsed expressions, because the same schedules are read again and again. The result depends only on the text, so all
 * tenants share it.
 */
const parsed = new LRUCache<string, QuartzCron>({ max: 500 });

/**
 * Parses the cron expressions of the Quartz scheduler: six fields (second, minute, hour, day of month, month, day of
 * week) and an optional year. It supports `*`, lists, ranges (also past the end: `22-2`), steps (`0/15`), names in any
 * case, `L`, `L-3`, `LW`, `15W` in the day of month, `6L`, `L`, `6#3` in the day of week, and `?` in exactly one of the
 * two.
 * @see https://www.quartz-scheduler.org/documentation/quartz-2.3.0/tutorials/crontrigger.html
 * @throws {QuartzSyntaxError} the expression is invalid
 */
export function parseQuartz(expression: string): QuartzCron {
  const known = parsed.get(expression);
  if (known !== undefined) return known;
  if (expression.length > maxLength) throw new QuartzSyntaxError(`must have at most ${maxLength} characters`);
  const cron = parse(expression);
  parsed.set(expression, cron);
  return cron;
}

function parse(expression: string): QuartzCron {
  const parts = expression.trim().toUpperCase().split(/\s+/);
  const [second, minute, hour, dayOfMonth, month, dayOfWeek, year = '*'] = parts;
  if (
    second === undefined ||
    minute === undefined ||
    hour === undefined ||
    dayOfMonth === undefined ||
    month === undefined ||
    dayOfWeek === undefined ||
    parts.length > 7
  ) {
    throw new QuartzSyntaxError('must have six fields, or seven with a year');
  }
  if ((dayOfMonth === '?') === (dayOfWeek === '?')) {
    throw new QuartzSyntaxError('must have ? in exactly one of day of month and day of week');
  }

  const times: TimesOfDay = {
    hours: parseSet(hour, fields.hour),
    minutes: parseSet(minute, fields.minute),
    seconds: parseSet(second, fields.second),
  };
  const months = new Set(parseSet(month, fields.month));
  const years = new Set(parseSet(year, fields.year));
  const runsOn = dayOfMonth === '?' ? parseDayOfWeek(dayOfWeek) : parseDayOfMonth(dayOfMonth);

  return {
    runsPerDay: times.hours.length * times.minutes.length * times.seconds.length,
    nextRuns: (after, count) => {
      const runs: Date[] = [];
      let [y, m] = [after.getUTCFullYear(), after.getUTCMonth() + 1];
      while (runs.length < count && y <= lastYear) {
        if (years.has(y) && months.has(m)) {
          for (const run of runsOfMonth(y, m, runsOn, times, after.getTime())) {
            runs.push(new Date(run));
            if (runs.length === count) break;
          }
        }
        [y, m] = m === 12 ? [y + 1, 1] : [y, m + 1];
      }
      return runs;
    },
  };
}

const msPerMinute = 60_000;
const msPerHour = 60 * msPerMinute;
const msPerDay = 24 * msPerHour;

/** Yields the runs of a month later than `after`, in order. Earlier days are skipped. */
function* runsOfMonth(
  year: number,
  month: number,
  runsOn: DayRule,
  times: TimesOfDay,
  after: number,
): Generator<number, void> {
  const first = Date.UTC(year, month - 1, 1);
  const daysInMonth = (Date.UTC(year, month, 1) - first) / msPerDay;
  const firstWeekday = new Date(first).getUTCDay();
  const startDay = Math.max(1, Math.floor((after - first) / msPerDay) + 1);
  for (let day = startDay; day <= daysInMonth; day += 1) {
    if (!runsOn(day, ((firstWeekday + day - 1) % 7) + 1, daysInMonth)) continue;
    yield* runsOfDay(first + (day - 1) * msPerDay, times, after);
  }
}

/** Yields the runs of a day later than `after`, in order. Earlier hours and minutes are skipped as a whole. */
function* runsOfDay(midnight: number, { hours, minutes, seconds }: TimesOfDay, after: number): Generator<number, void> {
  for (const hour of hours) {
    const hourStart = midnight + hour * msPerHour;
    if (hourStart + msPerHour <= after) continue;
    for (const minute of minutes) {
      const minuteStart = hourStart + minute * msPerMinute;
      if (minuteStart + msPerMinute <= after) continue;
      for (const second of seconds) {
        const run = minuteStart + second * 1_000;
        if (run > after) yield run;
      }
    }
  }
}

function parseDayOfMonth(text: string): DayRule {
  const fromEnd = /^L(?:-(\d{1,2}))?(W)?$/.exec(text);
  if (fromEnd !== null) {
    const [, offset = '0', weekdayOnly] = fromEnd;
    if (Number(offset) > 30) throw wrong(fields.dayOfMonth, text, 'counts at most 30 days from the end');
    const target = (daysInMonth: number) => daysInMonth - Number(offset);
    return weekdayOnly === undefined
      ? (day, _, daysInMonth) => day === target(daysInMonth)
      : (day, weekday, daysInMonth) => isNearestWeekday(day, weekday, daysInMonth, target(daysInMonth));
  }
  const nearest = /^(\d{1,2})W$/.exec(text);
  if (nearest !== null) {
    const target = parseValue(nearest[1] ?? '', fields.dayOfMonth);
    return (day, weekday, daysInMonth) => isNearestWeekday(day, weekday, daysInMonth, target);
  }
  const days = new Set(parseSet(text, fields.dayOfMonth));
  return (day) => days.has(day);
}

/** Whether a day is the weekday (Monday to Friday) nearest to a day of its month, in the same month. */
function isNearestWeekday(day: number, weekday: number, daysInMonth: number, target: number): boolean {
  if (target < 1 || target > daysInMonth) return false;
  const targetWeekday = ((((weekday - 1 + target - day) % 7) + 7) % 7) + 1;
  if (targetWeekday === 7) return day === (target === 1 ? target + 2 : target - 1);
  if (targetWeekday === 1) return day === (target === daysInMonth ? target - 2 : target + 1);
  return day === target;
}

function parseDayOfWeek(text: string): DayRule {
  if (text === 'L') return (_, weekday) => weekday === 7;
  const last = /^([A-Z]{3}|\d)L$/.exec(text);
  if (last !== null) {
    const wanted = parseValue(last[1] ?? '', fields.dayOfWeek);
    return (day, weekday, daysInMonth) => weekday === wanted && day > daysInMonth - 7;
  }
  const nth = /^([A-Z]{3}|\d)#([1-5])$/.exec(text);
  if (nth !== null) {
    const [wanted, count] = [parseValue(nth[1] ?? '', fields.dayOfWeek), Number(nth[2])];
    return (day, weekday) => weekday === wanted && Math.ceil(day / 7) === count;
  }
  const weekdays = new Set(parseSet(text, fields.dayOfWeek));
  return (_, weekday) => weekdays.has(weekday);
}

/** Returns the sorted values of a list of single values, ranges and steps. */
function parseSet(text: string, field: Field): number[] {
  const values = text.split(',').flatMap((item) => parseItem(item, field));
  return [...new Set(values)].sort((a, b) => a - b);
}

function parseItem(item: string, field: Field): number[] {
  const match = /^(\*|[A-Z0-9]+)?(?:-([A-Z0-9]+))?(?:\/(\d+))?$/.exec(item);
  const [, from, to, stepText] = match ?? [];
  if (match === null || item === '' || (from === undefined && to !== undefined) || (from === '*' && to !== undefined)) {
    throw wrong(field, item, 'is not valid');
  }
  const step = Number(stepText ?? 1);
  const size = field.maximum - field.minimum + 1;
  if (step < 1 || step > size) throw wrong(field, item, `must have a step from 1 to ${size}`);

  const all = from === undefined || from === '*';
  const start = all ? field.minimum : parseValue(from, field);
  const end = to !== undefined ? parseValue(to, field) : all || stepText !== undefined ? field.maximum : start;
  if (end < start && field === fields.year) throw wrong(field, item, 'must not end before it begins');
  // A range past the end continues at the beginning: 22-2, FRI-MON.
  const length = end >= start ? end - start : end - start + size;
  const values: number[] = [];
  for (let offset = 0; offset <= length; offset += step) {
    values.push(field.minimum + ((start - field.minimum + offset) % size));
  }
  return values;
}

function parseValue(text: string, field: Field): number {
  const named = field.names?.indexOf(text) ?? -1;
  const value = named >= 0 ? field.minimum + named : /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= field.minimum && value <= field.maximum) return value;
  throw wrong(field, text, `must be from ${field.minimum} to ${field.maximum}`);
}

const wrong = (field: Field, text: string, problem: string): QuartzSyntaxError =>
  new QuartzSyntaxError(`${field.name} "${text.slice(0, 40)}" ${problem}`);
