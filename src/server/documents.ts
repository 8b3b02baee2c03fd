import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { GraphQLError } from 'graphql';
import { z } from 'zod';
import { ConfigurationError } from '../config.ts';

/** What of a request says which document is to be executed. */
export interface DocumentRequest {
  readonly query?: string | null | undefined;
  readonly extensions?: Readonly<Record<string, unknown>> | null | undefined;
}

/**
 * Finds the text of a request's document.
 * @returns the text; null when the request names none, which whoever parses it reports
 * @throws {GraphQLError} the document is not known, or not allowed, with `extensions.code`
 */
export type FindDocument = (request: DocumentRequest) => string | null;

/**
 * What documents are executed.
 * @param path of the file of trusted documents; null executes all, and remembers them by their hash
 * @throws {ConfigurationError} the file cannot be read, or holds something else
 */
export async function createDocuments(path: string | null): Promise<FindDocument> {
  if (path === null) return createAutomaticDocuments();
  try {
    return createTrustedDocuments(parseTrustedDocuments(await readFile(path, 'utf8')));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError([`TRUSTED_DOCUMENTS: ${reason}`]);
  }
}

/** Documents that are remembered by their hash, the one that was not used for the longest time going first. */
const maxRemembered = 1_000;
/** Characters of a document that is remembered; a longer one is sent in full each time. */
const maxRememberedLength = 20_000;

/**
 * Automatic persisted queries: a client names a document by its SHA-256 and sends the text only when the gateway asks for
 * it. A text counts under a hash only when it has that hash, so nobody can put another in its place.
 */
export function createAutomaticDocuments(): FindDocument {
  const known = new Map<string, string>();
  return ({ query, extensions }) => {
    const hash = hashIn(extensions);
    if (hash === null) return given(query);
    const text = given(query) ?? known.get(hash);
    if (text === undefined) throw notFound();
    if (text !== known.get(hash) && sha256(text) !== hash) {
      throw refusal('The hash is not that of the query.', 'PERSISTED_QUERY_HASH_MISMATCH', 400);
    }
    if (text.length <= maxRememberedLength) {
      known.delete(hash);
      known.set(hash, text);
      const [oldest] = known.size > maxRemembered ? known.keys() : [];
      if (oldest !== undefined) known.delete(oldest);
    }
    return text;
  };
}

/** Executes the given documents and no others, whether they are named by their id or sent as text. */
export function createTrustedDocuments(textById: ReadonlyMap<string, string>): FindDocument {
  const texts = new Set(textById.values());
  return ({ query, extensions }) => {
    const sent = given(query);
    const id = hashIn(extensions);
    const text = id === null ? sent : textById.get(id);
    if (text === undefined) throw notFound();
    if (text === null) return null;
    if (texts.has(text) && (sent === null || sent === text)) return text;
    throw refusal('Only documents that are known beforehand are executed.', 'PERSISTED_QUERY_ONLY', 403);
  };
}

const documentMap = z.record(z.string().min(1), z.string().min(1));
const documentManifest = z.object({
  format: z.literal('apollo-persisted-query-manifest'),
  operations: z.array(z.object({ id: z.string().min(1), body: z.string().min(1) })),
});

/**
 * Reads a list of trusted documents: a JSON object from id to text, as GraphQL Code Generator and Relay write it, or a
 * persisted query manifest of Apollo. Ids are whatever the clients send as `sha256Hash`.
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

const persistedQuery = z.object({ persistedQuery: z.object({ sha256Hash: z.string().min(1).max(200) }) });

const hashIn = (extensions: DocumentRequest['extensions']): string | null =>
  persistedQuery.safeParse(extensions).data?.persistedQuery.sha256Hash ?? null;

/** Over a WebSocket the member `query` may not be missing: a client that sends an id alone leaves it empty. */
const given = (query: string | null | undefined): string | null =>
  typeof query === 'string' && query !== '' ? query : null;

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Message and code are those that clients of automatic persisted queries wait for. */
const notFound = () => refusal('PersistedQueryNotFound', 'PERSISTED_QUERY_NOT_FOUND', 200);

const refusal = (message: string, code: string, status: number): GraphQLError =>
  new GraphQLError(message, { extensions: { code, retryable: false, http: { status } } });
