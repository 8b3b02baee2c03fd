import { createHash } from 'node:crypto';
import { GraphQLError } from 'graphql';
import { describe, expect, it } from 'vitest';
import {
  createAutomaticDocuments,
  createTrustedDocuments,
  type FindDocument,
  parseTrustedDocuments,
} from '../../../../src/server/graphql/documents.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const named = (sha256Hash: string) => ({ persistedQuery: { version: 1, sha256Hash } });
const text = '{ viewer { canWrite } }';
const other = '{ viewer { authMode } }';

const codeOf = (find: FindDocument, request: Parameters<FindDocument>[0]): unknown => {
  try {
    return find(request);
  } catch (error) {
    if (error instanceof GraphQLError) return error.extensions['code'];
    throw error;
  }
};

describe('automatic persisted queries', () => {
  it('a document is found by its hash after it was sent once', () => {
    const find = createAutomaticDocuments();
    expect(codeOf(find, { extensions: named(sha256(text)) })).toBe('PERSISTED_QUERY_NOT_FOUND');
    expect(find({ query: text, extensions: named(sha256(text)) })).toBe(text);
    expect(find({ extensions: named(sha256(text)) })).toBe(text);
    // Over a WebSocket, the member cannot be missing.
    expect(find({ query: '', extensions: named(sha256(text)) })).toBe(text);
  });

  it('a document is never stored under the hash of another document', () => {
    const find = createAutomaticDocuments();
    expect(codeOf(find, { query: other, extensions: named(sha256(text)) })).toBe('PERSISTED_QUERY_HASH_MISMATCH');
    find({ query: text, extensions: named(sha256(text)) });
    expect(codeOf(find, { query: other, extensions: named(sha256(text)) })).toBe('PERSISTED_QUERY_HASH_MISMATCH');
    expect(find({ extensions: named(sha256(text)) })).toBe(text);
  });

  it('leave other requests alone', () => {
    const find = createAutomaticDocuments();
    for (const extensions of [null, undefined, {}, { persistedQuery: 1 }, { persistedQuery: { sha256Hash: 7 } }]) {
      expect(find({ query: text, extensions })).toBe(text);
      expect(codeOf(find, { query: null, extensions })).toBe('BAD_REQUEST');
    }
  });

  it('discard the least recently used documents above 16 MiB, and never keep a very long one', () => {
    const find = createAutomaticDocuments();
    // Each takes 40,128 bytes with its hash, so that 418 of them fit.
    const documents = Array.from({ length: 419 }, (_, index) =>
      `{ a${index}: viewer { canWrite } }`.padEnd(20_000, '#'),
    );
    const [first = '', second = ''] = documents;
    for (const [index, document] of documents.entries()) {
      find({ query: document, extensions: named(sha256(document)) });
      if (index === 417) find({ extensions: named(sha256(first)) });
    }
    expect(find({ extensions: named(sha256(first)) })).toBe(first);
    expect(codeOf(find, { extensions: named(sha256(second)) })).toBe('PERSISTED_QUERY_NOT_FOUND');
    const long = `${text}#${'x'.repeat(20_000)}`;
    expect(find({ query: long, extensions: named(sha256(long)) })).toBe(long);
    expect(codeOf(find, { extensions: named(sha256(long)) })).toBe('PERSISTED_QUERY_NOT_FOUND');
  });
});

describe('documents of either kind', () => {
  it('can be named by a document id', () => {
    const automatic = createAutomaticDocuments();
    automatic({ query: text, documentId: sha256(text) });
    expect(automatic({ documentId: sha256(text) })).toBe(text);
    expect(automatic({ documentId: `sha256:${sha256(text)}` })).toBe(text);
    const trusted = createTrustedDocuments(
      new Map([
        ['viewer', text],
        ['sha256:x', other],
      ]),
    );
    expect(trusted({ documentId: 'viewer' })).toBe(text);
    expect(trusted({ documentId: 'sha256:x' })).toBe(other);
    expect(codeOf(trusted, { documentId: 'absent' })).toBe('PERSISTED_QUERY_NOT_FOUND');
  });
});

describe('trusted documents', () => {
  const find = createTrustedDocuments(new Map([['viewer', text]]));

  it('trusted documents are executed by their id or by their verbatim text', () => {
    expect(find({ extensions: named('viewer') })).toBe(text);
    expect(find({ query: text })).toBe(text);
    expect(find({ query: text, extensions: named('viewer') })).toBe(text);
  });

  it.each([
    ['another text', { query: other }, 'PERSISTED_QUERY_ONLY'],
    ['another text under a known id', { query: other, extensions: named('viewer') }, 'PERSISTED_QUERY_ONLY'],
    ['an unknown id', { extensions: named('nobody') }, 'PERSISTED_QUERY_NOT_FOUND'],
    ['a known text under an unknown id', { query: text, extensions: named('nobody') }, 'PERSISTED_QUERY_NOT_FOUND'],
    ['a name that every object has', { extensions: named('constructor') }, 'PERSISTED_QUERY_NOT_FOUND'],
    ['the text with a space more', { query: `${text} ` }, 'PERSISTED_QUERY_ONLY'],
  ])('are the only ones: %s is refused', (_, request, code) => {
    expect(codeOf(find, request)).toBe(code);
  });

  it('are read from a map and from a manifest of Apollo', () => {
    expect([...parseTrustedDocuments(JSON.stringify({ viewer: text }))]).toEqual([['viewer', text]]);
    const manifest = {
      format: 'apollo-persisted-query-manifest',
      version: 1,
      operations: [{ id: 'viewer', name: 'Viewer', type: 'query', body: text }],
    };
    expect([...parseTrustedDocuments(JSON.stringify(manifest))]).toEqual([['viewer', text]]);
  });

  it.each(['', 'no json', '[]', '7', '{"viewer":1}', '{"viewer":""}'])('are not read from %j', (json) => {
    expect(() => parseTrustedDocuments(json)).toThrow(/^is /);
  });
});
