import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePql } from '../../../src/emulator/pql/compile-pql.ts';
import { parsePql } from '../../../src/emulator/pql/parse-pql.ts';
import { PqlError } from '../../../src/emulator/pql/pql-error.ts';
import { maximumDepth, maximumLength, maximumOperations } from '../../../src/emulator/pql/token-reader.ts';
import { Parameters } from '../../../src/emulator/store/sql.ts';
import { standardEventFields, standardProfileFields } from '../../../src/emulator/xdm/vocabulary.ts';

/** SQL text and parameters of a condition, over relations that are named by their kind. */
function compile(text: string) {
  const parameters = new Parameters();
  const sql = compilePql(text, {
    parameters,
    now: new Date('2030-01-01T00:00:00Z'),
    profileFields: standardProfileFields,
    eventFields: standardEventFields,
    attribute: (path) => `profile."${path}"`,
    eventAggregate: (aggregate) => `events(${aggregate})`,
    isInSegment: (segmentId) => `segment(${segmentId})`,
  });
  return { sql, parameters: parameters.values };
}

function errorOf(text: string): PqlError {
  try {
    compile(text);
  } catch (error) {
    if (error instanceof PqlError) return error;
    throw error;
  }
  throw new Error(`No error: ${text}`);
}

describe('a PQL text', () => {
  // ^ marks the expected position of the error.
  it.each([
    ['', 'Expected a value, but the expression ends'],
    ['homeAddress.countryCode = ^', 'Expected a value, but the expression ends'],
    ['homeAddress.countryCode =^= "DE"', 'Expected a value, but "=" was found'],
    ['testProfile ^&& testProfile', '"&" is not expected'],
    ['testProfile^; testProfile', '";" is not expected'],
    ['homeAddress.city = ^"London', 'A string does not end on its line'],
    [`homeAddress.city = ^'London`, 'A string does not end on its line'],
    [String.raw`homeAddress.city = "a^\q"`, String.raw`"\\q" is not an escape`],
    ['loyalty.points > ^1e999', 'The number is too large'],
    ['testProfile ^testProfile', 'Expected "and", "or" or the end, but "testProfile" was found'],
    ['(testProfile^', 'Expected ")", but the expression ends'],
    ['loyalty.points = 1 ^= 2', 'Expected "and", "or" or the end, but "=" was found'],
    ['^workAddress.country = "US"', 'The profile has no field "workAddress.country" that PQL can use here'],
    ['testProfile and\n  not ^homeaddress.city = "x"', 'The profile has no field "homeaddress.city"'],
    ['^constructor = "x"', 'The profile has no field "constructor"'],
    ['^__proto__.name = "x"', 'The profile has no field "__proto__.name"'],
    ['^homeAddress = "x"', '"homeAddress" is an object'],
    ['loyalty.points > ^"5000"', 'Expected a number, but this is a string'],
    ['person.birthDate < ^"1990-01-01"', 'Expected a date or a time, but this is a string'],
    ['^homeAddress.city', 'Expected a condition, but this is a string'],
    ['testProfile and ^1', 'Expected a condition, but this is a number'],
    ['^testProfile < true', 'Conditions can only be compared with = and !='],
    ['loyalty.points + ^homeAddress.city > 1', 'Expected a number, but this is a string'],
    ['homeAddress.city in ["a", ^2]', 'Expected a string, but this is a number'],
    ['homeAddress.city in [^homeAddress.region]', 'A list can contain only values'],
    ['homeAddress.city in ^"a"', 'Expected "[", but "\\"a\\"" was found'],
    ['homeAddress.city in [^]', 'Expected a value, but "]" was found'],
    ['homeAddress.city.^matches("x")', '"matches" is not a supported function'],
    ['homeAddress.city.^contains()', '"contains" takes 1 to 2 parameters, not 0'],
    ['homeAddress.city.contains(^1)', 'Expected a string, but this is a number'],
    ['homeAddress.city.contains("x", ^testProfile)', 'The parameter for case sensitivity must be true or false'],
    ['^"x".isNull()', 'isNull() and isNotNull() can only be called on a field'],
    ['^if (testProfile, 1, 2) = 1', '"if" is not a supported function'],
    ['^inSegment(1)', 'inSegment takes the id of a segment as a string'],
    ['loyalty.joinDate occurs < ^-1 days before now', 'Expected a whole number, but "-" was found'],
    ['loyalty.joinDate occurs < ^1.5 days before now', 'Expected a whole number, but "1.5" was found'],
    ['loyalty.joinDate occurs < 1 ^fortnight before now', 'Expected a unit of time, but "fortnight" was found'],
    ['loyalty.joinDate occurs < 1 day ^until now', 'Expected "before" or "after" or "from", but "until" was found'],
    ['loyalty.joinDate occurs < ^10001 years before now', 'The distance is longer than ten thousand years'],
    ['loyalty.joinDate occurs after ^homeAddress.city', 'Expected a date or a time, but this is a string'],
    ['person.birthDate = date(^2021, 2, 29)', 'The date does not exist'],
    ['person.birthDate = date(^"1990-13-01")', 'The date does not exist'],
    ['person.birthDate = ^@1990-02-30', '"1990-02-30" is not a date or a time'],
    ['person.birthDate = ^@1990-02-03T25:00', '"1990-02-03T25:00" is not a date or a time'],
    ['exists E from ^orders where E.x = 1', 'Expected "xEvent", but "orders" was found'],
    ['exists E from xEvent where ^E.price > 1', 'The event has no field "price"'],
    ['exists E from xEvent where ^F.eventType = "x"', 'The event has no field "F.eventType"'],
    ['exists E from xEvent where ^homeAddress.city = "x"', 'The event has no field "homeAddress.city"'],
    ['xEvent[^inSegment("x")]', 'inSegment() cannot be used in a condition on an event'],
    ['xEvent[^xEvent.count() > 1]', 'xEvent cannot be used within a condition on an event'],
    ['xEvent.^count(eventType) > 1', '"count" takes no parameters'],
    ['xEvent.^sum() > 1', '"sum" takes one parameter'],
    ['xEvent.sum(^eventType) > 1', 'Expected a number, but this is a string'],
    ['^xEvent > 1', 'Conditions can only be compared with = and !='],
    ['chain(xEvent, ^receivedTimestamp, [A: WHAT(true)])', 'Expected "timestamp", but "receivedTimestamp" was found'],
    ['chain(xEvent, timestamp, [A: ^WHERE(true)])', 'Expected "what", but "WHERE" was found'],
    [
      'chain(xEvent, timestamp, [A: WHAT(true)^, B: WHAT(true)])',
      'Sequences of several events in a chain are not supported',
    ],
    ['chain(xEvent, timestamp, [A: WHAT(true) COUNT(>= ^x)])', 'Expected a whole number, but "x" was found'],
  ])('is rejected with the position of the error: %s', (marked, problem) => {
    const offset = Math.max(marked.indexOf('^'), 0);
    const text = marked.replace('^', '');
    const error = errorOf(text);
    const lines = text.slice(0, offset).split('\n');

    expect(error.message).toContain(problem);
    expect({ position: error.position, line: error.line, column: error.column }).toEqual({
      position: offset,
      line: lines.length,
      column: (lines.at(-1)?.length ?? 0) + 1,
    });
    expect(error.message).toContain(`(line ${error.line}, column ${error.column})`);
  });

  it('is rejected beyond its limits, and accepted at them', () => {
    const nested = (depth: number) => `${'('.repeat(depth)}true${')'.repeat(depth)}`;
    const sum = (operations: number) => `1${'+1'.repeat(operations)} > 0`;
    const list = `homeAddress.city in [${Array.from({ length: maximumLength }, () => '""').join(',')}`;

    // The expression itself is the first level.
    expect(() => compile(nested(maximumDepth - 1))).not.toThrow();
    expect(errorOf(nested(maximumDepth)).message).toContain(`more than ${maximumDepth} levels`);
    expect(errorOf(`${'not '.repeat(maximumLength / 4)}`).message).toContain(`more than ${maximumDepth} levels`);
    expect(errorOf(`${'-'.repeat(maximumLength)}`).message).toContain(`more than ${maximumDepth} levels`);
    expect(() => compile(sum(maximumOperations))).not.toThrow();
    expect(errorOf(sum(maximumOperations + 1)).message).toContain(`more than ${maximumOperations} operations`);
    expect(errorOf(`"x"${'.a()'.repeat(maximumOperations + 1)}`).message).toContain('operations');
    expect(() => parsePql('true'.padEnd(maximumLength))).not.toThrow();
    expect(errorOf(list).message).toContain(`longer than ${maximumLength} characters`);
  });

  it('can have the maximum length without being deep', () => {
    const repeated = (unit: string, end: string) =>
      unit.repeat(Math.floor((maximumLength - end.length) / unit.length)) + end;

    expect(() => compile(repeated('true or ', 'true'))).not.toThrow();
    expect(() => compile(repeated('testProfile and ', 'testProfile'))).not.toThrow();
  });

  it('throws nothing but PqlError, whatever it contains', () => {
    const words = fc.constantFrom(
      ...[
        'and',
        'or',
        'not',
        'in',
        'notIn',
        'occurs',
        'before',
        'now',
        'today',
        'last',
        'days',
        'date',
        'exists',
        'from',
        'where',
      ],
      ...[
        'select',
        'chain',
        'WHAT',
        'WHEN',
        'COUNT',
        'xEvent',
        'timestamp',
        'E',
        'count',
        'sum',
        'isNull',
        'contains',
        'like',
      ],
      ...[
        'homeAddress',
        'countryCode',
        'loyalty.points',
        'testProfile',
        'eventType',
        'inSegment',
        '"x"',
        "'y'",
        '3',
        '2.5',
        '@2020-01-01',
      ],
      ...[
        '(',
        ')',
        '[',
        ']',
        ',',
        '.',
        ':',
        '=',
        '!=',
        '<',
        '+',
        '-',
        '*',
        '/',
        '%',
        '!',
        '$1',
        ';',
        '"',
        '\\',
        '`',
        '\0',
        '\u{1F600}',
        '\ud800',
      ],
    );
    const salad = fc.array(words, { maxLength: 30 }).map((each) => each.join(' '));
    fc.assert(
      fc.property(fc.oneof(salad, fc.string({ unit: 'binary', maxLength: 60 })), (text) => {
        try {
          compile(text);
        } catch (error) {
          expect(error).toBeInstanceOf(PqlError);
          // Only a PqlError reaches this line.
          const { position } = error as PqlError;
          expect(position).toBeGreaterThanOrEqual(0);
          expect(position).toBeLessThanOrEqual(text.length);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the SQL of a PQL text', () => {
  const marker = 'zq9marker';
  const attempts = [
    `homeAddress.city = "${marker}'; DROP TABLE profile_fragments; --"`,
    `homeAddress.city = '${marker}\\'; DROP TABLE profile_fragments; --'`,
    `homeAddress.city.contains("${marker}') OR 1=1 --")`,
    `homeAddress.city like "${marker}%' OR '1'='1"`,
    `homeAddress.city in ["${marker}", "$1", "\${1}"]`,
    `inSegment("${marker}' OR 'x'='x")`,
    `exists ${marker} from xEvent where ${marker}.eventType = "${marker}"`,
    `chain(xEvent, timestamp, [${marker}: WHAT(${marker}.eventType = "${marker}")])`,
    `homeAddress."${marker}" = "x"`,
    `homeAddress.${marker} = "x"`,
    `${marker} = "x"`,
    `person.birthDate < @2020-01-01'${marker}`,
    `loyalty.points > 1 /* ${marker} */`,
    `loyalty.points > 1 -- ${marker}`,
    `loyalty.points.${marker}() = 1`,
    `${marker}(loyalty.points) = 1`,
    `read_csv("${marker}") = 1`,
    `loyalty.joinDate occurs < 1 ${marker} before now`,
    `(SELECT ${marker} FROM profile_fragments)`,
  ];

  it.each(attempts)('contains no part of the text: %s', (text) => {
    let compiled: ReturnType<typeof compile>;
    try {
      compiled = compile(text);
    } catch (error) {
      expect(error).toBeInstanceOf(PqlError);
      return;
    }
    expect(compiled.sql).not.toContain(marker);
    expect(compiled.sql).not.toContain('DROP');
    expect(JSON.stringify(compiled.parameters)).toContain(marker);
  });

  it('uses every parameter that it adds', () => {
    const texts = [
      'loyalty.joinDate occurs after today and loyalty.joinDate occurs before last month',
      'loyalty.joinDate occurs from now or loyalty.joinDate occurs between yesterday and next year',
      'person.birthDate occurs before date(1990, 1, 1) or person.birthDate > @1995-05-05',
      'loyalty.joinDate occurs != 3 days from tomorrow and currentMonth() = 3',
      'chain(xEvent, timestamp, [A: WHAT(eventType.equals("x", false)) WHEN(on date(2020, 1, 1)) COUNT(= 0)])',
      'xEvent.average(commerce.order.priceTotal / 2) > -1 and inSegment("s")',
    ];
    for (const text of texts) {
      const { sql, parameters } = compile(text);
      const used = new Set([...sql.matchAll(/\$(\d+)/g)].map((match) => Number(match[1])));
      expect([...used].toSorted((a, b) => a - b)).toEqual(parameters.map((_, index) => index + 1));
    }
  });

  it('reads strings verbatim, in either kind of quotation marks', () => {
    const { parameters } = compile(
      String.raw`homeAddress.city in ["a\"b", 'a"b', 'it\'s', "it's", "\\", "\n\t", "Zoë 😀"]`,
    );

    expect(parameters).toEqual(['a"b', 'a"b', "it's", "it's", '\\', '\n\t', 'Zoë 😀']);
  });
});
