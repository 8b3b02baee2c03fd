import type { Compiled, Compiler, Scope } from './compiler.ts';
import type { Occurrence, Time, TimeReference } from './syntax.ts';
import { nextDay, startOfUnit, unitLength } from './time-units.ts';

/**
 * Start of a time as SQL and, if the time is longer than an instant, its end (exclusive). Each is a function, because
 * it adds parameters, and a parameter that the statement does not use would be an error.
 */
interface Bounds {
  start(): string;
  readonly end: (() => string) | null;
}

/** Compiles a time in the position of a value. For a day or another period this is its start. */
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
 * Whether a time fulfils an occurrence. The reference of the occurrence may be a period (a day, `last month`): `before`
 * compares with its start, `after` with its end. Distances are measured from its start.
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
 * `< 3 days before now` means between three days ago and now. `= 3 days before today` means within the day (or other
 * unit) that begins at that distance, and `!= …` means outside of it.
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
