import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { ConfigurationError } from '../../config/config.ts';
import { requestError } from './request-error.ts';

/** Members of a request that name its document: by its text, by its id, or by its hash. */
export interface DocumentRequest {
  readonly query?: string | null | undefined;
  readonly documentId?: string | null | undefined;
  readonly extensions?: Readonly<Record<string, unknown>> | null | undefined;
}

/**
 * Finds the text of a request's document.
 * @throws {GraphQLError} the request names no document; the document is not known, or not allowed
 */
export type FindDocument = (request: DocumentRequest) => string;

export interface Documents {
  readonly find: FindDocument;
  /** Texts of the trusted documents by their id; null: all documents are executed. */
  readonly trusted: ReadonlyMap<string, string> | null;
}

/**
 * Opens the documents that are executed.
 * @param path of the file of trusted documents; null executes all, and remembers them by their hash
 * @throws {ConfigurationError} the file cannot be read, or holds something else
 */
export async function openDocuments(path: string | null): Promise<Documents> {
  if (path === null) return { find: createAutomaticDocuments(), trusted: null };
  const trusted = await readTrustedDocuments(path);
  return { find: createTrustedDocuments(trusted), trusted };
}

async function readTrustedDocuments(path: string): Promise<ReadonlyMap<string, string>> {
  try {
    return parseTrustedDocuments(await readFile(path, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError([
      `TRUSTED_DOCUMENTS ${reason.startsWith('is ') ? reason : `cannot be read: ${reason}`}`,
    ]);
  }
}

/** Maximum size of the documents that are kept by their hash, in bytes. The least recently used are discarded first. */
const maxRememberedBytes = 16 * 1024 * 1024;
/** Maximum length of a kept document, in characters. Clients must send longer documents in full each time. */
const maxRememberedLength = 20_000;

/**
 * Automatic persisted queries: a client names a document by its SHA-256 and sends the text only when the gateway does
 * not know it. A text is remembered only under its own hash, so that no client can replace the document of another.
 */
export function createAutomaticDocuments(): FindDocument {
  const known = new LRUCache<string, string>({
    maxSize: maxRememberedBytes,
    sizeCalculation: (text, hash) => 2 * (text.length + hash.length),
  });
  return (request) => {
    const sent = given(request.query);
    const hash = idOf(request)?.replace(hashPrefix, '') ?? null;
    if (hash === null) return sent ?? noDocument();
    const text = sent ?? known.get(hash);
    if (text === undefined) throw notFound();
    if (text !== known.get(hash) && sha256(text) !== hash) {
      throw requestError('PERSISTED_QUERY_HASH_MISMATCH', 'The hash does not match the query.');
    }
    if (text.length <= maxRememberedLength) known.set(hash, text);
    return text;
  };
}

/** Executes only the given documents, whether a request names them by their id or sends their text. */
export function createTrustedDocuments(textById: ReadonlyMap<string, string>): FindDocument {
  const texts = new Set(textById.values());
  return (request) => {
    const sent = given(request.query);
    const id = idOf(request);
    const text = id === null ? (sent ?? noDocument()) : (textById.get(id) ?? textById.get(id.replace(hashPrefix, '')));
    if (text === undefined) throw notFound();
    if (texts.has(text) && (sent === null || sent === text)) return text;
    throw requestError('PERSISTED_QUERY_ONLY', 'Only trusted documents are executed.');
  };
}

const documentMap = z.record(z.string().min(1), z.string().min(1));
const documentManifest = z.object({
  format: z.literal('apollo-persisted-query-manifest'),
  operations: z.array(z.object({ id: z.string().min(1), body: z.string().min(1) })),
});

/**
 * Reads a list of trusted documents: a JSON object from id to text, as GraphQL Code Generator and Relay write it, or a
 * persisted query manifest of Apollo. Ids are the values that clients send as `sha256Hash`.
 * @throws {Error} it is neither, with a message for the operator
 */
export function parseTrustedDocuments(json: string): ReadonlyMap<string, string> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new Error('is not JSON');
  }
  const manifest = documentManifest.safeParse(value);
  if (manifest.success) return new Map(manifest.data.operations.map(({ id, body }) => [id, body]));
  const map = documentMap.safeParse(value);
  if (map.success) return new Map(Object.entries(map.data));
  throw new Error('is neither an object from id to document nor a persisted query manifest');
}

const persistedQuery = z.object({ persistedQuery: z.object({ sha256Hash: z.string() }) });

/** Maximum length of the id of a document, in characters. */
const maxIdLength = 200;

/**
 * A document id that is a hash can name its algorithm: https://github.com/graphql/graphql-over-http, persisted
 * documents.
 */
const hashPrefix = /^sha256:/;

/** Id of the document: the member `documentId` of a persisted document request, or the hash. */
function idOf({ documentId, extensions }: DocumentRequest): string | null {
  const id = documentId ?? hashIn(extensions) ?? '';
  return id === '' || id.length > maxIdLength ? null : id;
}

/** The hash of Apollo's protocol. Most requests have no extensions, and nothing to check. */
const hashIn = (extensions: DocumentRequest['extensions']): string | undefined =>
  extensions === undefined || extensions === null
    ? undefined
    : persistedQuery.safeParse(extensions).data?.persistedQuery.sha256Hash;

/** Over a WebSocket the member `query` is required, so that a client which sends only an id leaves it empty. */
const given = (query: string | null | undefined): string | null =>
  typeof query === 'string' && query !== '' ? query : null;

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const noDocument = (): never => {
  throw requestError('BAD_REQUEST', 'The request has no query.', { http: { headers: { allow: 'GET, POST' } } });
};

/** Clients of automatic persisted queries test for this message and code. */
const notFound = () => requestError('PERSISTED_QUERY_NOT_FOUND', 'PersistedQueryNotFound');
