import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Session } from '../../../auth/authenticator.ts';
import type { OperationRecord } from '../../../observation/operation-record.ts';
import { copyWith } from '../../../runtime/copy-with.ts';
import type { EndController } from '../../../runtime/end-signal.ts';
import type { TracePosition } from '../../../tracing/trace.ts';
import type { AcceptedTypes } from './accept.ts';
import type { SingleResponse } from './response.ts';

/** A request of an authenticated caller. */
export interface HttpExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly session: Session;
  /** Header Host of the request; null if it has none. */
  readonly host: string | null;
  readonly accepted: AcceptedTypes;
  /** Aborts when the client leaves before it has the whole response. */
  readonly signal: EndController;
  /** Position of the request in its trace; null: it is not traced. */
  readonly trace: TracePosition | null;
  /** The operation in the request, if it has one. */
  readonly record: OperationRecord;
}

/** Sends a whole response, unless the client has left. */
export function send(response: ServerResponse, { status, headers, body }: SingleResponse): void {
  if (response.destroyed) return;
  // Node would join a text with its header, and V8 would then copy both as one string before they are sent.
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  response.writeHead(status, copyWith(headers, { 'content-length': bytes.length }));
  response.end(bytes);
}
