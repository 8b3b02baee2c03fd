import type { DocumentInUse } from '../observation/operation-record.ts';

/** The documents of one holder. */
interface Held {
  bytes: number;
  /** Number of uses by document. */
  readonly uses: Map<DocumentInUse, number>;
}

/**
 * Bounds the memory of the documents of open subscriptions or of operations in progress, which keep them. A document
 * counts once for each holder, regardless of the number of its uses.
 */
export class DocumentQuota {
  readonly #maxBytes: number;
  readonly #held = new Map<string, Held>();

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  bytesOf(holder: string): number {
    return this.#held.get(holder)?.bytes ?? 0;
  }

  has(holder: string, document: DocumentInUse): boolean {
    return this.#held.get(holder)?.uses.has(document) === true;
  }

  hasRoomFor(holder: string, document: DocumentInUse): boolean {
    return this.has(holder, document) || this.bytesOf(holder) + document.bytes <= this.#maxBytes;
  }

  /** @returns whether it is the first use of the document by the holder */
  add(holder: string, document: DocumentInUse): boolean {
    const held = this.#held.get(holder) ?? { bytes: 0, uses: new Map() };
    this.#held.set(holder, held);
    const count = held.uses.get(document) ?? 0;
    held.uses.set(document, count + 1);
    if (count > 0) return false;
    held.bytes += document.bytes;
    return true;
  }

  /** @returns whether it was the last use of the document by the holder */
  remove(holder: string, document: DocumentInUse): boolean {
    const held = this.#held.get(holder);
    const count = held?.uses.get(document) ?? 0;
    if (held === undefined || count === 0) return false;
    if (count > 1) {
      held.uses.set(document, count - 1);
      return false;
    }
    held.uses.delete(document);
    held.bytes -= document.bytes;
    if (held.uses.size === 0) this.#held.delete(holder);
    return true;
  }
}
