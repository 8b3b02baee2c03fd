import type { DocumentNode } from 'graphql';
import type { YogaServerOptions } from 'graphql-yoga';
import { LRUCache } from 'lru-cache';

/** Bytes of all parsed documents that are kept. The least recently used ones are discarded first. */
const maxBytes = 32 * 1024 * 1024;
/** Characters of a document that is kept. A longer document is parsed each time. */
const maxCharacters = 20_000;
/** Approximate bytes of a token with its share of the syntax tree, measured on documents of 5,000 fields. */
const bytesPerToken = 400;

/**
 * Caches of parsed documents and of their validation, bounded in bytes. Errors of the parser are not kept, because an
 * error object that is sent to several clients would be changed for each of them.
 */
export const createDocumentCache = (): DocumentCache => {
  const documents = new LRUCache<string, DocumentNode>({
    maxSize: maxBytes,
    sizeCalculation: (document, text) => 2 * text.length + bytesPerToken * tokensOf(document),
  });
  return {
    documentCache: {
      get: (text) => documents.get(text),
      set: (text, document) => {
        if (text.length <= maxCharacters) documents.set(text, document);
      },
    },
    errorCache: { get: () => undefined, set: () => {} },
  };
};

type DocumentCache = Exclude<YogaServerOptions<object, object>['parserAndValidationCache'], boolean | undefined>;

function tokensOf({ loc }: DocumentNode): number {
  let count = 1;
  for (let token = loc?.startToken.next; token !== null && token !== undefined; token = token.next) count += 1;
  return count;
}
