import type { DocumentInUse } from '../observation/operation-record.ts';

/** The documents of the open subscriptions of one holder. */
interface Held {
  bytes: number;
  /** Number of subscriptions by document. */
  readonly subscriptions: Map<DocumentInUse, number>;
}

/**
 * Bounds the memory of the documents of open subscriptions, which are in memory for as long as the subscriptions. A
 * document counts once for each holder, regardless of the number of its subscriptions.
 */
export class DocumentQuota {
  readonly #maxBytes: number;
  readonly #held = new Map<string, Held>();

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  hasRoomFor(holder: string, document: DocumentInUse): boolean {
    const held = this.#held.get(holder);
    if (held?.subscriptions.has(document)) return true;
    return (held?.bytes ?? 0) + document.bytes <= this.#maxBytes;
  }

  /** @returns whether it is the first subscription of the holder with this document */
  add(holder: string, document: DocumentInUse): boolean {
    const held = this.#held.get(holder) ?? { bytes: 0, subscriptions: new Map() };
    this.#held.set(holder, held);
    const count = held.subscriptions.get(document) ?? 0;
    held.subscriptions.set(document, count + 1);
    if (count > 0) return false;
    held.bytes += document.bytes;
    return true;
  }

  /** @returns whether it was the last subscription of the holder with this document */
  remove(holder: string, document: DocumentInUse): boolean {
    const held = this.#held.get(holder);
    const count = held?.subscriptions.get(document) ?? 0;
    if (held === undefined || count === 0) return false;
    if (count > 1) {
      held.subscriptions.set(document, count - 1);
      return false;
    }
    held.subscriptions.delete(document);
    held.bytes -= document.bytes;
    if (held.subscriptions.size === 0) this.#held.delete(holder);
    return true;
  }
}
