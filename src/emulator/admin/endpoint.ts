import type { z } from 'zod';
import type { Reply } from '../http/operation.ts';
import { issuesOf } from '../settings/issues.ts';

/** A request to an admin endpoint. */
export interface AdminRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Address of the caller; undefined when it has gone. */
  readonly remoteAddress: string | undefined;
  /** The header `Authorization`. */
  readonly authorization: string | undefined;
  /** The parsed body; undefined when there is none. */
  body(): Promise<unknown>;
}

export type AdminMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** A path below `/__admin` and what its methods do. */
export interface AdminEndpoint {
  /** The path below `/__admin`, such as `/faults`. */
  readonly path: string;
  /** One line for readers of the start page. */
  readonly summary: string;
  /** @throws {AdminError} for requests that cannot be carried out */
  readonly methods: Readonly<Partial<Record<AdminMethod, (request: AdminRequest) => Reply | Promise<Reply>>>>;
}

/** Thrown to answer an admin request with an error. */
export class AdminError extends Error {
  override readonly name = 'AdminError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Reads a value in the form of a schema.
 * @param root name of the value in messages
 * @throws {AdminError} 400, naming everything that is wrong
 */
export function parseAs<Schema extends z.ZodType>(schema: Schema, value: unknown, root: string): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new AdminError(400, issuesOf(parsed.error, root));
  return parsed.data;
}
