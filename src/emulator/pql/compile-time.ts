import type { Compiled, Compiler, Scope } from './compiler.ts';
import type { Occurrence, Time, TimeReference } from './syntax.ts';
import { nextDay, startOfUnit, unitLength } from './time-units.ts';

/**
 * When something that stands for a time begins and, if it is more than an instant, ends (exclusive), as SQL. Each is
 * made when it is needed: a parameter that the statement does not mention would be an error.
 */
interface Bounds {
  start(): string;
  readonly end: (() => string) | null;
}

/** A time where a value is asked for: of a day or another period its beginning. */
export function compileTime(time: Time, compiler: Compiler): Compiled {
  return { type: 'time', sql: boundsOfTime(time, compiler).start() };
}

function boundsOfTime({ time }: Time, { target: { now, parameters } }: Compiler): Bounds {
  const instant = (at: Date) => () => `${parameters.add(at)}::TIMESTAMPTZ`;
  switch (time.kind) {
    case 'now':
      return { start: instant(now), end: null };
    case 'instant':
      return { start: instant(time.at), end: null };
    case 'day':
      return { start: instant(time.at), end: instant(nextDay(time.at)) };
    case 'unit':
      return {
        start: instant(startOfUnit(now, time.unit, time.offset)),
        end: instant(startOfUnit(now, time.unit, time.offset + 1)),
      };
  }
}

/**
 * Whether a time lies where an occurrence says. Its reference may be a period (a day, `last month`): before it ends
 * where it begins, after it begins where it ends. Distances are measured from its beginning.
 * @param value SQL of the time, null when it is absent
 * @returns SQL that is null when the time, or an attribute that the occurrence refers to, is absent
 */
export function compileOccurrence(occurrence: Occurrence, value: string, scope: Scope, compiler: Compiler): string {
  const bounds = (time: TimeReference): Bounds =>
    time.kind === 'time'
      ? boundsOfTime(time, compiler)
      : { start: () => compiler.value(time, 'time', scope), end: null };
  switch (occurrence.kind) {
    case 'within': {
      const { start, end } = bounds(occurrence.time);
      return end === null ? `${value} = ${start()}` : `(${value} >= ${start()} AND ${value} < ${end()})`;
    }
    case 'between': {
      const first = bounds(occurrence.start);
      const last = bounds(occurrence.end);
      const isBeforeEnd = last.end === null ? `${value} <= ${last.start()}` : `${value} < ${last.end()}`;
      return `(${value} >= ${first.start()} AND ${isBeforeEnd})`;
    }
    case 'side':
      return compileSide(occurrence.direction, value, bounds(occurrence.time));
    case 'distance':
      return compileDistance(occurrence, value, bounds(occurrence.time).start(), compiler);
  }
}

function compileSide(direction: 'before' | 'after' | 'from', value: string, { start, end }: Bounds): string {
  switch (direction) {
    case 'before':
      return `${value} < ${start()}`;
    case 'from':
      return `${value} >= ${start()}`;
    case 'after':
      return end === null ? `${value} > ${start()}` : `${value} >= ${end()}`;
  }
}

/**
 * `< 3 days before now` lies between three days ago and now. `= 3 days before today` lies within the day, or other
 * unit, that begins at that distance, and `!= …` outside of it.
 */
function compileDistance(
  { comparison, amount, unit, direction }: Extract<Occurrence, { kind: 'distance' }>,
  value: string,
  reference: string,
  { target: { parameters } }: Compiler,
): string {
  const length = unitLength(unit);
  const interval = (units: number) =>
    'months' in length
      ? `to_months(${parameters.add(units * length.months)}::INTEGER)`
      : `to_milliseconds(${parameters.add(units * length.milliseconds)}::DOUBLE)`;
  const sign = direction === 'before' ? '-' : '+';
  const limit = `(${reference} ${sign} ${interval(amount)})`;
  const isOnSide = `${value} ${direction === 'before' ? '<=' : '>='} ${reference}`;
  const nearer = direction === 'before' ? '>' : '<';
  const farther = direction === 'before' ? '<' : '>';
  switch (comparison) {
    case '<':
    case '<=':
      return `(${isOnSide} AND ${value} ${nearer}${comparison === '<=' ? '=' : ''} ${limit})`;
    case '>':
    case '>=':
      return `${value} ${farther}${comparison === '>=' ? '=' : ''} ${limit}`;
    case '=':
      return `(${value} >= ${limit} AND ${value} < ${limit} + ${interval(1)})`;
    case '!=':
      return `(${value} < ${limit} OR ${value} >= ${limit} + ${interval(1)})`;
  }
}
