import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidInputError } from '../../../../src/errors.ts';
import { decodeCursor, encodeCursor } from '../../../../src/loaders/pagination/cursor.ts';

describe('cursors', () => {
  it('return their position, whatever it contains', () => {
    const part = fc.oneof(
      fc.maxSafeInteger(),
      fc.string({ unit: 'grapheme' }),
      fc.array(fc.string(), { maxLength: 5 }),
    );
    fc.assert(
      fc.property(fc.string(), fc.array(part, { maxLength: 4 }), (list, position) => {
        const cursor = encodeCursor(list, position);
        expect(cursor).toMatch(/^[\w-]+$/);
        expect(decodeCursor(list, cursor)).toEqual(position.map((each) => (Object.is(each, -0) ? 0 : each)));
      }),
    );
  });

  it('belong to one list', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (list, other) => {
        fc.pre(list !== other);
        expect(() => decodeCursor(other, encodeCursor(list, [1]))).toThrow(InvalidInputError);
      }),
    );
  });

  it.each(['', 'nonsense', '%%%', 'bnVsbA', 'W10', 'e30', 'MQ', 'Imxpc3Qi'])('cannot be %j', (text) => {
    expect(() => decodeCursor('list', text)).toThrow(InvalidInputError);
  });
});
