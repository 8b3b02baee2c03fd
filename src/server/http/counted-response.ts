import { type IncomingMessage, ServerResponse } from 'node:http';
import type { RequestId } from '../../runtime/request-id.ts';
import { type CountedBuffer, progressOf, type SendBuffer, type SendBuffers } from '../connections/send-buffers.ts';

/** A response whose unread bytes are counted. */
export class CountedResponse<Request extends IncomingMessage = IncomingMessage>
  extends ServerResponse<Request>
  implements SendBuffer
{
  #buffers: SendBuffers | null = null;
  #principal: string | undefined;
  #requestId: RequestId | undefined;
  /** Null until bytes wait, because most clients read a response at once. */
  #counted: CountedBuffer | null = null;

  /** Counts waiting bytes, until `countOut`. */
  countIn(buffers: SendBuffers): void {
    this.#buffers = buffers;
  }

  countOut(): void {
    this.#counted?.[Symbol.dispose]();
    this.#counted = null;
    this.#buffers = null;
  }

  /** Names the caller that the response is for. */
  belongsTo(principal: string, requestId: RequestId): void {
    this.#principal = principal;
    this.#requestId = requestId;
    this.#counted?.belongsTo(principal, requestId);
  }

  /** Includes the bytes of a pipelined response that waits for an earlier response. */
  get waitingBytes(): number {
    return this.writableLength;
  }

  get progress(): number {
    return progressOf(this.req.socket);
  }

  cut(): void {
    this.req.socket.destroy();
  }

  // The base class has several signatures. All arguments are passed on unchanged.
  override write(...args: unknown[]): boolean {
    const hasRoom = super.write(...(args as Parameters<ServerResponse['write']>));
    this.#written();
    return hasRoom;
  }

  override end(...args: unknown[]): this {
    super.end(...(args as Parameters<ServerResponse['end']>));
    this.#written();
    return this;
  }

  #written(): void {
    if (this.#counted === null && this.waitingBytes > 0) {
      this.#counted = this.#buffers?.add(this, this.#principal, this.#requestId) ?? null;
    }
    this.#counted?.written();
  }
}
