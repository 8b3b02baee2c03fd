import { type DocumentNode, getOperationAST } from 'graphql';
import type { TracedOperation } from '../../tracing/trace.ts';
import { sha256 } from './documents.ts';

/** Hashes of documents. A document is prepared once and executed many times. */
const hashes = new WeakMap<DocumentNode, string>();

/** The data of an operation that its spans contain. */
export function tracedOperation(
  document: DocumentNode,
  operationName: string | null | undefined,
  type: TracedOperation['type'],
): TracedOperation {
  const name = getOperationAST(document, operationName)?.name?.value ?? null;
  return { type, name, documentHash: hashOf(document) };
}

function hashOf(document: DocumentNode): string | null {
  const text = document.loc?.source.body;
  if (text === undefined) return null;
  const known = hashes.get(document);
  if (known !== undefined) return known;
  const hash = sha256(text);
  hashes.set(document, hash);
  return hash;
}
