import type { z } from 'zod';
import type { Reply } from '../http/operation.ts';
import { issuesOf } from '../settings/issues.ts';

/** A request to an admin endpoint. */
export interface AdminRequest {
  readonly method: string;
  /** Path without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Address of the caller; undefined when it has disconnected. */
  readonly remoteAddress: string | undefined;
  /** The `Authorization` header. */
  readonly authorization: string | undefined;
  /** Reads and parses the body; undefined when there is none. */
  body(): Promise<unknown>;
}

export type AdminMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** A path below `/__admin` with one handler per method. */
export interface AdminEndpoint {
  /** The path below `/__admin`, such as `/faults`. */
  readonly path: string;
  /** One-line description for the start page. */
  readonly summary: string;
  /** Handlers by method. @throws {AdminError} for requests that cannot be carried out */
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
 * Validates a value against a schema.
 * @param root name of the value in messages
 * @throws {AdminError} 400 with all issues
 */
export function parseAs<Schema extends z.ZodType>(schema: Schema, value: unknown, root: string): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new AdminError(400, issuesOf(parsed.error, root));
  return parsed.data;
}
