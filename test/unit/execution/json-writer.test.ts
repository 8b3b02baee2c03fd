import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Segment, writer } from '../../../src/execution/json-writer.ts';
import { ResultData } from '../../../src/execution/result-data.ts';

function textOf(segment: Segment): string {
  const bytes = Buffer.alloc(segment.size());
  expect(segment.copyTo(bytes, 0)).toBe(bytes.length);
  return bytes.toString('utf8');
}

const written = (write: () => void): string => textOf(writer.write(write));

describe('a leaf', () => {
  it('has the text of JSON.stringify', () => {
    const character = fc.constantFrom(
      'a',
      '"',
      '\\',
      '\n',
      '\u0000',
      '\u001f',
      '\u007f',
      'é',
      '€',
      '😀',
      '\ud83d',
      '\ude00',
    );
    const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: character, maxLength: 300 }));
    const number = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(-0, 1e21, 1e-7, Number.MAX_SAFE_INTEGER));
    const leaf = fc.oneof(text, number, fc.boolean(), fc.jsonValue());
    fc.assert(
      fc.property(leaf, (value) => {
        expect(written(() => writer.leaf(value))).toBe(JSON.stringify(value));
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([199, 200, 201, 70_000, 3_000_000])('may have %i characters', (length) => {
    for (const unit of ['a', 'é', '\n']) {
      const text = unit.repeat(length);
      expect(written(() => writer.leaf(text)) === JSON.stringify(text)).toBe(true);
    }
  });

  it.each([undefined, Symbol('none'), () => 1])('is null if JSON does not have it: %s', (value) => {
    expect(written(() => writer.leaf(value))).toBe('null');
  });
});

describe('a segment', () => {
  const leaf = (value: unknown) => writer.write(() => writer.leaf(value));

  it('keeps its text while others are written', () => {
    const texts = Array.from({ length: 300 }, (_, index) => String(index).padEnd((index * 37) % 3_000, '.'));
    const segments = texts.map(leaf);
    expect(segments.map(textOf)).toEqual(texts.map((text) => JSON.stringify(text)));
  });

  it('contains the texts that were added to it later, and null for the others', () => {
    const gaps = { first: { segment: null as Segment | null }, second: { segment: null as Segment | null } };
    const segment = writer.write(() => {
      writer.ascii('[');
      gaps.first = writer.gap();
      writer.ascii(',');
      writer.gap();
      writer.ascii(',');
      gaps.second = writer.gap();
      writer.ascii(']');
    });
    gaps.second.segment = leaf('é');
    expect(textOf(segment)).toBe('[null,null,"é"]');
    gaps.first.segment = leaf(1);
    expect(textOf(segment)).toBe('[1,null,"é"]');
  });

  it('has null for each part that was cut, whatever is in it', () => {
    const segment = writer.write(() => {
      writer.ascii('[[1,');
      writer.gap().segment = leaf('in both');
      writer.ascii('],[2,[3,');
      writer.gap().segment = leaf('in the inner one');
      writer.ascii(']],');
      writer.gap().segment = leaf('last');
      writer.ascii(']');
    });
    segment.cut(9, 13);
    segment.cut(6, 14);
    segment.cut(1, 5);
    expect(textOf(segment)).toBe('[null,null,"last"]');
  });

  it('does not contain what was written behind the position to which it was rewound', () => {
    const segment = writer.write(() => {
      writer.ascii('[1');
      const { position } = writer;
      writer.ascii(',');
      writer.gap();
      writer.rewind(position);
      writer.ascii(']');
    });
    expect(textOf(segment)).toBe('[1]');
  });

  it('is not changed by one that is written inside, also if that one fails', () => {
    let inner = new Segment();
    const outer = writer.write(() => {
      writer.ascii('[');
      inner = leaf('x'.repeat(100_000));
      expect(writer.position).toBe(1);
      const fail = () => {
        writer.ascii('abc');
        throw new Error('failed');
      };
      expect(() => writer.write(fail)).toThrow('failed');
      writer.ascii(']');
    });
    expect(textOf(outer)).toBe('[]');
    expect(inner.size()).toBe(100_002);
  });
});

it('the data of a result has its text between two others, and is serialized as its value', () => {
  const data = new ResultData([
    writer.write(() => writer.ascii('{"a":1')),
    writer.write(() => writer.ascii(',"b":"x"')),
  ]);
  expect(data.toBytes('<', '>').toString()).toBe('<{"a":1,"b":"x"}>');
  expect(JSON.stringify({ data })).toBe('{"data":{"a":1,"b":"x"}}');
  expect(new ResultData([]).toString()).toBe('{}');
});
