import fc from 'fast-check';
import type { Person, Row } from './pql-people.ts';

/** A generated expression: its text, and its expected result, computed without the code under test. */
export interface Expected {
  readonly text: string;
  holds(person: Person): boolean;
}

/** A condition on one row, which is a profile's attributes or an event. */
interface Condition {
  readonly text: string;
  holds(row: Row): boolean;
}

/** A number of a row; null when absent. */
interface Quantity {
  readonly text: string;
  of(row: Row): number | null;
}

type Order = '=' | '!=' | '<' | '<=' | '>' | '>=';
const orders: readonly Order[] = ['=', '!=', '<', '<=', '>', '>='];

function compare<T extends string | number | boolean>(order: Order, left: T | null, right: T | null): boolean {
  if (left === null || right === null) return false;
  switch (order) {
    case '=':
      return left === right;
    case '!=':
      return left !== right;
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
  }
}

// The assertions hold because the generators name only fields whose columns have these types.
const text = (row: Row, path: string) => (row[path] ?? null) as string | null;
const number = (row: Row, path: string) => (row[path] ?? null) as number | null;
const time = (row: Row, path: string) => {
  const value = row[path] ?? null;
  return value === null ? null : new Date(value as string | Date).getTime();
};

const strings = fc.constantFrom(
  ...[
    'DE',
    'US',
    'FR',
    'gold',
    'platinum',
    'silver',
    'es',
    'de',
    'female',
    'male',
    'Müller',
    'Chloé',
    'London',
    'Berlin',
  ],
  ...[
    'an',
    'o',
    'é',
    'example.com',
    'EXAMPLE',
    "O'Connor",
    'a"b',
    '\\',
    '%',
    '',
    "'; DROP TABLE segment_memberships; --",
  ],
  ...['commerce.purchases', 'commerce.productViews', 'EUR', 'Firefox'],
);
const quoteString = (value: string, mark: '"' | "'") =>
  `${mark}${value.replaceAll('\\', '\\\\').replaceAll(mark, `\\${mark}`)}${mark}`;
const quoted = fc.tuple(strings, fc.constantFrom('"' as const, "'" as const)).map(([value, mark]) => ({
  value,
  text: quoteString(value, mark),
}));

const predicates: Readonly<Record<string, (value: string, other: string) => boolean>> = {
  contains: (value, other) => value.includes(other),
  doesNotContain: (value, other) => !value.includes(other),
  startsWith: (value, other) => value.startsWith(other),
  doesNotStartWith: (value, other) => !value.startsWith(other),
  endsWith: (value, other) => value.endsWith(other),
  doesNotEndWith: (value, other) => !value.endsWith(other),
  equals: (value, other) => value === other,
  notEqualTo: (value, other) => value !== other,
};

const likePattern = (pattern: string) =>
  new RegExp(
    `^${pattern
      .replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)
      .replaceAll('%', '.*')
      .replaceAll('_', '.')}$`,
    's',
  );

function stringConditions(path: string, name: string): fc.Arbitrary<Condition> {
  const field = name + path;
  return fc.oneof(
    fc.tuple(fc.constantFrom(...orders), quoted).map(([order, other]) => ({
      text: `${field} ${order} ${other.text}`,
      holds: (row: Row) => compare(order, text(row, path), other.value),
    })),
    fc
      .tuple(fc.constantFrom(...Object.keys(predicates)), quoted, fc.option(fc.boolean()))
      .map(([name, other, isCaseSensitive]) => ({
        text: `${field}.${name}(${other.text}${isCaseSensitive === null ? '' : `, ${isCaseSensitive}`})`,
        holds: (row: Row) => {
          const value = text(row, path);
          const fold = (each: string) => (isCaseSensitive === false ? each.toLowerCase() : each);
          return value !== null && predicates[name]?.(fold(value), fold(other.value)) === true;
        },
      })),
    fc.tuple(fc.constantFrom('in', 'notIn'), fc.array(quoted, { minLength: 1, maxLength: 4 })).map(([kind, items]) => ({
      text: `${field} ${kind} [${items.map((item) => item.text).join(', ')}]`,
      holds: (row: Row) => {
        const value = text(row, path);
        return value !== null && items.some((item) => item.value === value) === (kind === 'in');
      },
    })),
    fc.constantFrom('%e%', 'M_ller', '_____', '%', 'D%', 'commerce.%', '').map((pattern) => ({
      text: `${field} like "${pattern}"`,
      holds: (row: Row) => likePattern(pattern).test(text(row, path) ?? '\0') && text(row, path) !== null,
    })),
    fc.boolean().map((isNull) => ({
      text: `${field}.${isNull ? 'isNull' : 'isNotNull'}()`,
      holds: (row: Row) => (text(row, path) === null) === isNull,
    })),
  );
}

function quantities(path: string, name: string): fc.Arbitrary<Quantity> {
  const field: Quantity = { text: name + path, of: (row) => number(row, path) };
  const constant = fc
    .oneof(fc.integer({ min: -5, max: 20_000 }), fc.constantFrom(0, 0.5, 3.25, 1e3))
    .map((value): Quantity => ({ text: value < 0 ? `(${value})` : String(value), of: () => value }));
  const combine = (left: Quantity, operator: string, right: Quantity): Quantity => ({
    text: `(${left.text} ${operator} ${right.text})`,
    of: (row) => {
      const [a, b] = [left.of(row), right.of(row)];
      if (a === null || b === null) return null;
      if (operator === '+') return a + b;
      if (operator === '-') return a - b;
      if (operator === '*') return a * b;
      if (b === 0) return null;
      return operator === '/' ? a / b : a % b;
    },
  });
  const combined = fc
    .tuple(fc.constantFrom(field), fc.constantFrom('+', '-', '*', '/', '%'), constant)
    .map(([left, operator, right]) => combine(left, operator, right));
  return fc.oneof(fc.constant(field), combined, constant);
}

const numberConditions = (path: string, name: string): fc.Arbitrary<Condition> =>
  fc.tuple(quantities(path, name), fc.constantFrom(...orders), quantities(path, name)).map(([left, order, right]) => ({
    text: `${left.text} ${order} ${right.text}`,
    holds: (row) => compare(order, left.of(row), right.of(row)),
  }));

const dayMs = 86_400_000;
const unitMs = { hours: dayMs / 24, days: dayMs, weeks: 7 * dayMs } as const;

function shift(at: number, amount: number, unit: keyof typeof unitMs | 'months' | 'years'): number {
  if (unit !== 'months' && unit !== 'years') return at + amount * unitMs[unit];
  const date = new Date(at);
  const month = date.getUTCMonth() + amount * (unit === 'years' ? 12 : 1);
  const lastDay = new Date(Date.UTC(date.getUTCFullYear(), month + 1, 0)).getUTCDate();
  return new Date(at).setUTCFullYear(date.getUTCFullYear(), month, Math.min(date.getUTCDate(), lastDay));
}

function timeConditions(path: string, name: string, now: Date): fc.Arbitrary<Condition> {
  const field = name + path;
  const today = Math.floor(now.getTime() / dayMs) * dayMs;
  const day = fc
    .date({ min: new Date('1950-01-01T00:00:00Z'), max: new Date('2031-01-01T00:00:00Z'), noInvalidDate: true })
    .chain((date) => {
      const [year = '', month = '', dayOfMonth = ''] = date.toISOString().slice(0, 10).split('-');
      return fc
        .constantFrom(`date(${year}, ${Number(month)}, ${Number(dayOfMonth)})`, `@${year}-${month}-${dayOfMonth}`)
        .map((text) => ({ text, start: Date.parse(`${year}-${month}-${dayOfMonth}T00:00:00Z`) }));
    });
  const units = ['hours', 'days', 'weeks', 'months', 'years'] as const;
  return fc.oneof(
    fc.tuple(fc.constantFrom(...orders), day).map(([order, other]) => ({
      text: `${field} ${order} ${other.text}`,
      holds: (row: Row) => compare(order, time(row, path), other.start),
    })),
    fc.tuple(day, day).map(([first, last]) => ({
      text: `${field} occurs between ${first.text} and ${last.text}`,
      holds: (row: Row) =>
        compare('>=', time(row, path), first.start) && compare('<', time(row, path), last.start + dayMs),
    })),
    fc.tuple(fc.constantFrom('before', 'after', 'on'), day).map(([direction, other]) => ({
      text: `${field} occurs ${direction} ${other.text}`,
      holds: (row: Row) => {
        const value = time(row, path);
        if (direction === 'before') return compare('<', value, other.start);
        const isNotBefore = compare('>=', value, other.start);
        const isAfter = compare('>=', value, other.start + dayMs);
        return direction === 'after' ? isAfter : isNotBefore && !isAfter;
      },
    })),
    fc
      .tuple(
        fc.constantFrom(...orders),
        fc.integer({ min: 0, max: 60 }),
        fc.constantFrom(...units),
        fc.constantFrom('now', 'today'),
        fc.constantFrom('before', 'after'),
      )
      .map(([order, amount, unit, reference, direction]) => {
        const origin = reference === 'now' ? now.getTime() : today;
        const limit = shift(origin, direction === 'before' ? -amount : amount, unit);
        const isFarther = (value: number) => (direction === 'before' ? value < limit : value > limit);
        const isNearer = (value: number) => (direction === 'before' ? value > limit : value < limit);
        const isOnSide = (value: number) => (direction === 'before' ? value <= origin : value >= origin);
        return {
          text: `${field} occurs ${order} ${amount} ${unit} ${direction} ${reference}`,
          holds: (row: Row) => {
            const value = time(row, path);
            if (value === null) return false;
            const isWithinUnit = value >= limit && value < shift(limit, 1, unit);
            if (order === '=') return isWithinUnit;
            if (order === '!=') return !isWithinUnit;
            if (order === '<') return isOnSide(value) && isNearer(value);
            if (order === '<=') return isOnSide(value) && !isFarther(value);
            return order === '>' ? isFarther(value) : !isNearer(value);
          },
        };
      }),
    fc
      .tuple(
        fc.constantFrom('getMonth', 'getYear', 'getDayOfMonth'),
        fc.constantFrom(...orders),
        fc.integer({ min: 1, max: 31 }),
      )
      .map(([part, order, other]) => {
        const expected = part === 'getYear' ? 1960 + 2 * other : other;
        return {
          text: `${field}.${part}() ${order} ${expected}`,
          holds: (row: Row) => {
            const value = time(row, path);
            if (value === null) return false;
            const date = new Date(value);
            const parts = {
              getMonth: date.getUTCMonth() + 1,
              getYear: date.getUTCFullYear(),
              getDayOfMonth: date.getUTCDate(),
            };
            return compare(order, parts[part as keyof typeof parts], expected);
          },
        };
      }),
  );
}

/** Combines conditions by keywords in either case, `!` and parentheses. */
function combinations<Subject>(
  leaves: fc.Arbitrary<{ readonly text: string; holds(subject: Subject): boolean }>,
  depth: number,
): fc.Arbitrary<{ readonly text: string; holds(subject: Subject): boolean }> {
  if (depth === 0) return leaves;
  const inner = combinations(leaves, depth - 1);
  return fc.oneof(
    leaves,
    fc.tuple(fc.constantFrom('not ', 'NOT ', '!'), inner).map(([word, operand]) => ({
      text: `${word}(${operand.text})`,
      holds: (subject: Subject) => !operand.holds(subject),
    })),
    fc
      .tuple(fc.constantFrom('and', 'AND'), fc.array(inner, { minLength: 2, maxLength: 3 }))
      .map(([word, operands]) => ({
        text: operands.map((each) => `(${each.text})`).join(` ${word} `),
        holds: (subject: Subject) => operands.every((each) => each.holds(subject)),
      })),
    fc.tuple(fc.constantFrom('or', 'Or'), fc.array(inner, { minLength: 2, maxLength: 3 })).map(([word, operands]) => ({
      text: operands.map((each) => `( ${each.text} )`).join(`\n${word}\t`),
      holds: (subject: Subject) => operands.some((each) => each.holds(subject)),
    })),
  );
}

const profileStrings = [
  'homeAddress.countryCode',
  'homeAddress.city',
  'loyalty.tier',
  'preferredLanguage',
  'person.name.firstName',
  'person.name.lastName',
  'person.gender',
  'personalEmail.address',
];
const profileTimes = ['person.birthDate', 'loyalty.joinDate', 'consents.metadata.time'];

const profileConditions = (now: Date): fc.Arbitrary<Condition> =>
  fc.oneof(
    fc.constantFrom(...profileStrings).chain((path) => stringConditions(path, '')),
    numberConditions('loyalty.points', ''),
    fc.constantFrom(...profileTimes).chain((path) => timeConditions(path, '', now)),
    fc.constantFrom('testProfile', 'testProfile = true').map((text) => ({
      text,
      holds: (row: Row) => row['testProfile'] === true,
    })),
    fc.constant({ text: 'testProfile = false', holds: (row: Row) => row['testProfile'] === false }),
    fc.constant({ text: 'loyalty.isNull()', holds: (row: Row) => row['loyalty.tier'] === null }),
  );

const eventConditions = (name: string, now: Date): fc.Arbitrary<Condition> =>
  combinations(
    fc.oneof(
      fc
        .constantFrom('eventType', 'commerce.order.currencyCode', 'environment.browserDetails.name')
        .chain((path) => stringConditions(path, name)),
      numberConditions('commerce.order.priceTotal', name),
      timeConditions('timestamp', name, now),
    ),
    1,
  );

/** Thresholds that no sum of amounts in cents equals. */
const thresholds = fc.integer({ min: 0, max: 900 }).map((whole) => whole + 0.005);

function eventExpressions(now: Date): fc.Arbitrary<Expected> {
  const matching = (person: Person, condition: Condition) => person.events.filter((event) => condition.holds(event));
  const counts = fc.tuple(fc.constantFrom(...orders), fc.integer({ min: 0, max: 4 }));
  const selected = fc.oneof(
    eventConditions('E.', now).map((condition) => ({
      condition,
      text: `(select E from xEvent where ${condition.text})`,
    })),
    eventConditions('', now).map((condition) => ({ condition, text: `xEvent[${condition.text}]` })),
  );
  const aggregates = {
    sum: (values: readonly number[]) => values.reduce((sum, each) => sum + each, 0),
    average: (values: readonly number[]) =>
      values.length === 0 ? null : values.reduce((sum, each) => sum + each, 0) / values.length,
    min: (values: readonly number[]) => (values.length === 0 ? null : Math.min(...values)),
    max: (values: readonly number[]) => (values.length === 0 ? null : Math.max(...values)),
  };
  return fc.oneof(
    fc.tuple(selected, counts).map(([{ condition, text }, [order, count]]) => ({
      text: `${text}.count() ${order} ${count}`,
      holds: (person: Person) => compare(order, matching(person, condition).length, count),
    })),
    selected.map(({ condition, text }) => ({
      text,
      holds: (person: Person) => matching(person, condition).length > 0,
    })),
    fc
      .tuple(selected, fc.constantFrom('sum' as const, 'average' as const, 'min' as const, 'max' as const), thresholds)
      .map(([{ condition, text }, name, threshold]) => ({
        text: `${text}.${name}(commerce.order.priceTotal) > ${threshold}`,
        holds: (person: Person) => {
          const values = matching(person, condition).flatMap(
            (event) => number(event, 'commerce.order.priceTotal') ?? [],
          );
          return compare('>', aggregates[name](values), threshold);
        },
      })),
    fc
      .tuple(fc.constantFrom('exists', 'forall'), fc.constantFrom(' where ', ' : '), eventConditions('e.', now))
      .map(([kind, where, condition]) => ({
        text: `${kind} e from xEvent${where}(${condition.text})`,
        holds: (person: Person) =>
          kind === 'exists'
            ? matching(person, condition).length > 0
            : matching(person, condition).length === person.events.length,
      })),
    fc
      .tuple(
        fc.constantFrom('chain', 'CHAIN'),
        eventConditions('', now),
        fc.option(fc.integer({ min: 1, max: 300 })),
        fc.option(counts),
      )
      .map(([word, condition, days, count]) => ({
        text: `${word}(xEvent, timestamp, [C0: WHAT(${condition.text})${days === null ? '' : ` WHEN(<= ${days} days before now)`}${
          count === null ? '' : ` COUNT(${count[0]} ${count[1]})`
        }])`,
        holds: (person: Person) => {
          const since = days === null ? Number.NEGATIVE_INFINITY : now.getTime() - days * dayMs;
          const found = matching(person, condition).filter((event) => (time(event, 'timestamp') ?? 0) >= since);
          return count === null ? found.length > 0 : compare(count[0], found.length, count[1]);
        },
      })),
  );
}

/** Random expressions of the subset, with their expected results at `now`. */
export function expressions(now: Date, segmentIds: readonly string[]): fc.Arbitrary<Expected> {
  const onProfile = combinations(profileConditions(now), 1).map(
    ({ text, holds }): Expected => ({ text, holds: (person) => holds(person.attributes) }),
  );
  const membership = fc
    .constantFrom(...segmentIds)
    .map((id): Expected => ({ text: `inSegment("${id}")`, holds: (person) => person.segments.has(id) }));
  return combinations(
    fc.oneof({ arbitrary: onProfile, weight: 5 }, { arbitrary: eventExpressions(now), weight: 4 }, membership),
    1,
  );
}
