import fc from 'fast-check';

/** Maximum length of a generated text. It exceeds every field limit, and is short enough to be generated often. */
const maxTextLength = 20_000;

/** Texts that often break programs: empty, not printable, invalid Unicode, invalid numbers, injected code. */
const knownTexts = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\u2028\u2029',
  '\ufeff',
  '\ud800',
  '\udfff\ud800',
  'ﷺ'.repeat(50),
  '🏳️‍🌈',
  'e\u0301'.repeat(200),
  '\r\nx-injected: 1',
  '%00%0d%0a%ff%',
  '../../../etc/passwd',
  '..%2f..%2f',
  '?a=b&c=d#e',
  'a,b,c',
  '*',
  'null',
  'undefined',
  'NaN',
  '-Infinity',
  '1e309',
  '0x1F',
  '-0',
  '9007199254740993',
  '__proto__',
  'constructor',
  'toString',
  '#{process.exit()}',
  '{{7*7}}',
  "'; DROP TABLE profiles; --",
  '" or ""="',
  '(a+)+$',
  'person.name.fullName = "x" and (select e from xEvent where e.timestamp occurs < 1 days before now)',
  '((((((((((((((((((((true))))))))))))))))))))',
] as const;

/** Text that no field expects. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...knownTexts) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 50 }) },
  // Any code units, including lone surrogates.
  {
    weight: 2,
    arbitrary: fc.array(fc.nat({ max: 0xff_ff }), { maxLength: 20 }).map((units) => String.fromCharCode(...units)),
  },
  { weight: 1, arbitrary: fc.nat({ max: maxTextLength }).map((length) => 'x'.repeat(length)) },
);

export const hostileNumber: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(0, -0, -1, 1.5, 101, 2 ** 31, -(2 ** 31) - 1, 2 ** 53, -(2 ** 53), 1e308, 5e-324),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);

/** A value of any type. */
export const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: hostileText },
  { weight: 2, arbitrary: hostileNumber },
  { weight: 2, arbitrary: fc.constantFrom(null, true, false) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  { weight: 1, arbitrary: fc.nat({ max: 300 }).map(nested) },
);

function nested(depth: number): unknown {
  let value: unknown = 'inside';
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

/** A text with one character changed, removed or added. */
export const altered = (text: string): fc.Arbitrary<string> =>
  fc
    .record({ at: fc.nat({ max: text.length }), removed: fc.nat({ max: 1 }), added: fc.string({ maxLength: 1 }) })
    .map(({ at, removed, added }) => text.slice(0, at) + added + text.slice(at + removed));
