import { parse } from 'graphql';
import { expect, it } from 'vitest';
import { createDocumentCache } from '../../../src/server/document-cache.ts';

const createCaches = () => {
  const { documentCache, errorCache } = createDocumentCache();
  if (documentCache === undefined || errorCache === undefined) throw new Error('Yoga would use its own caches.');
  return { documentCache, errorCache };
};

/** A document of `fields` fields, which has as many tokens. */
const documentOf = (name: string, fields: number) => `query ${name} { ${'__typename '.repeat(fields)}}`;

it('the cache of parsed documents is bounded by their syntax trees and not only by their text', () => {
  const { documentCache } = createCaches();
  // Each takes about 740 KB, so that 45 of them fit into 32 MiB.
  const texts = Array.from({ length: 100 }, (_, index) => documentOf(`q${index}`, 1_800));
  for (const text of texts) documentCache.set(text, parse(text));
  const kept = texts.filter((text) => documentCache.get(text) !== undefined);
  expect(kept.length).toBeGreaterThan(30);
  expect(kept.length).toBeLessThan(60);
  expect(kept).toContain(texts.at(-1));
  expect(kept).not.toContain(texts[0]);
});

it('a document of 20,000 characters is kept, and a longer one is not', () => {
  const { documentCache } = createCaches();
  const text = '{ __typename }';
  const document = parse(text);
  for (const [length, kept] of [
    [20_000, true],
    [20_001, false],
    [900_000, false],
  ] as const) {
    const padded = text.padEnd(length, '#');
    documentCache.set(padded, document);
    expect(documentCache.get(padded) !== undefined).toBe(kept);
  }
});

it('an error of the parser is not kept', () => {
  const { errorCache } = createCaches();
  errorCache.set('{', new Error('Syntax Error'));
  expect(errorCache.get('{')).toBeUndefined();
});
