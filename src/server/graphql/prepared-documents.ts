import {
  type DocumentNode,
  type GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  type OperationDefinitionNode,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import type { DocumentInUse, OperationDescription } from '../../observation/operation-record.ts';
import { selectsIntrospection } from './introspection.ts';
import type { LabelOf } from './operation-label.ts';
import type { Pipeline } from './pipeline-types.ts';

/** Maximum size of all kept prepared documents, in bytes. The least recently used are discarded first. */
const maxBytes = 32 * 1024 * 1024;
/** Maximum length of a kept document, in characters. A longer document is prepared each time. */
const maxCharacters = 20_000;
/** Approximate bytes of a token with its share of the syntax tree, measured on documents of 5,000 fields. */
const bytesPerToken = 400;

/** A parsed document, with its operations and the result of its validation. */
export interface PreparedDocument {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  /** Approximate size in memory. */
  readonly bytes: number;
  readonly selectsIntrospection: boolean;
  /** Null if the document has no such operation, or several operations and no name is given. */
  operation(name: string | null): OperationDescription | null;
  /** The errors of the document, none if it is valid. They are determined once. */
  validate(): readonly GraphQLError[];
}

/** The documents that the pipeline has prepared. */
export interface PreparedDocuments {
  /** @throws {GraphQLError} the text is no document, or is above a limit */
  prepare(text: string): PreparedDocument;
}

export interface PreparedDocumentsOptions extends Pick<Pipeline, 'parse' | 'validate' | 'schema'> {
  readonly labelOf: LabelOf;
}

/**
 * Prepares documents by the pipeline, and keeps them, bounded in bytes, so that a document that clients send again and
 * again is parsed and validated once. Results of later steps are kept with the syntax tree of the document. Errors of
 * the parser are not kept, because an error object that is sent to several clients would be changed for each of them.
 */
export function createPreparedDocuments({
  parse,
  validate,
  schema,
  labelOf,
}: PreparedDocumentsOptions): PreparedDocuments {
  const known = new LRUCache<string, PreparedDocument>({
    maxSize: maxBytes,
    sizeCalculation: ({ bytes }) => bytes,
  });
  /** Documents of operations in progress and of open subscriptions. Those with the same text share one of any length. */
  const inUse = new Map<string, PreparedDocument>();
  const prepare = (text: string): PreparedDocument => {
    const document: DocumentNode = parse(text);
    const operations = new Map<string | null, OperationDescription>();
    let errors: readonly GraphQLError[] | null = null;
    const bytes = 2 * text.length + bytesPerToken * tokensOf(document);
    let users = 0;
    const used: DocumentInUse = {
      bytes,
      keep: () => {
        users += 1;
        inUse.set(text, prepared);
      },
      release: () => {
        users -= 1;
        if (users === 0 && inUse.get(text) === prepared) inUse.delete(text);
      },
    };
    const prepared: PreparedDocument = {
      schema,
      document,
      bytes,
      selectsIntrospection: selectsIntrospection(document),
      operation: (name) => {
        const known = operations.get(name);
        if (known !== undefined) return known;
        const definition = getOperationAST(document, name);
        // Names that the document does not have are not kept.
        if (definition === null || definition === undefined) return null;
        const found = describe(definition, labelOf(document, definition), used);
        operations.set(name, found);
        return found;
      },
      validate: () => {
        const found: readonly GraphQLError[] = errors ?? validate(schema, document);
        errors = found;
        return found;
      },
    };
    return prepared;
  };
  return {
    prepare: (text) => {
      const kept = known.get(text) ?? inUse.get(text);
      if (kept !== undefined) return kept;
      const prepared = prepare(text);
      if (text.length <= maxCharacters) known.set(text, prepared);
      return prepared;
    },
  };
}

const describe = (
  { operation, name }: OperationDefinitionNode,
  label: string,
  document: DocumentInUse,
): OperationDescription => ({
  document,
  type: operation,
  name: name?.value ?? null,
  label,
});

function tokensOf({ loc }: DocumentNode): number {
  let count = 1;
  for (let token = loc?.startToken.next; token !== null && token !== undefined; token = token.next) count += 1;
  return count;
}
