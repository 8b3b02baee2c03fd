import { tenantKey } from '../domain/tenant.ts';
import { RateLimitedError } from '../errors.ts';
import type { DocumentInUse, HeldMemory, MemoryHolder } from '../observation/operation-record.ts';
import { bytesPerMiB } from '../runtime/bytes-per-mib.ts';
import { Counts } from '../runtime/counts.ts';
import { DocumentQuota } from './document-quota.ts';

/** Maximum size of the requests in progress, and of their documents with their syntax trees, in MiB. */
const maxMiB = { requests: { caller: 64, total: 256 }, documents: { caller: 32, total: 128 } } as const;
/** Share of `total` for credentials that the platform has not accepted, in addition. Anyone can invent them. */
const unacceptedShare = 1 / 4;
/**
 * Maximum sizes of a request and of a document that are not counted, in bytes. Nearly all have them, so that counting
 * would cost more than it protects, and no other caller can cause their rejection.
 */
const ordinary = { request: 16 * 1024, document: 64 * 1024 } as const;

export interface RequestMemoryOptions {
  /** Whether the platform has accepted the credential of a caller. */
  readonly isAccepted: (caller: MemoryHolder) => boolean;
}

/**
 * Bounds the memory of operations in progress, which keep their request and their document until their result is ready.
 * An operation can wait for the platform or for a job for up to a minute. Ordinary requests and documents are not counted.
 * A sandbox may use at most half of the memory that the others leave free, so that a new sandbox always finds room.
 */
export class RequestMemory {
  readonly #options: RequestMemoryOptions;
  readonly #accepted = new Pool(1);
  readonly #others = new Pool(unacceptedShare);

  constructor(options: RequestMemoryOptions) {
    this.#options = options;
  }

  /** Counts the memory of one operation toward its caller, until the result is disposed of. */
  hold(caller: MemoryHolder): HeldMemory {
    return new Held(caller, () => (this.#options.isAccepted(caller) ? this.#accepted : this.#others));
  }
}

const tooLarge = (holder: 'a caller' | 'a sandbox', what: 'requests' | 'documents') =>
  new RateLimitedError({ message: `The ${what} in progress of ${holder} are too large together.` });

/** Callers that share the memory. */
class Pool {
  readonly #maxRequests: number;
  readonly #maxDocuments: number;
  readonly #callers = new Counts();
  readonly #tenants = new Counts();
  #bytes = 0;
  readonly #documentsOfCallers = new DocumentQuota(maxMiB.documents.caller * bytesPerMiB);
  readonly #documentsOfTenants = new DocumentQuota(Number.POSITIVE_INFINITY);
  readonly #documents = new DocumentQuota(Number.POSITIVE_INFINITY);

  constructor(share: number) {
    this.#maxRequests = share * maxMiB.requests.total * bytesPerMiB;
    this.#maxDocuments = share * maxMiB.documents.total * bytesPerMiB;
  }

  /** @throws {RateLimitedError} there is no room for more bytes */
  grow(principal: string, tenant: string, more: number): void {
    if (this.#callers.of(principal) + more > maxMiB.requests.caller * bytesPerMiB)
      throw tooLarge('a caller', 'requests');
    if (this.#tenants.of(tenant) + more > this.#maxRequests - this.#bytes) throw tooLarge('a sandbox', 'requests');
    this.#add(principal, tenant, more);
  }

  shrink(principal: string, tenant: string, bytes: number): void {
    this.#add(principal, tenant, -bytes);
  }

  /** @throws {RateLimitedError} there is no room for the document */
  use(principal: string, tenant: string, document: DocumentInUse): void {
    const all = this.#documents;
    if (!this.#documentsOfCallers.hasRoomFor(principal, document)) throw tooLarge('a caller', 'documents');
    const more = all.has(total, document) ? 0 : document.bytes;
    if (more > 0 && this.#documentsOfTenants.bytesOf(tenant) + more > this.#maxDocuments - all.bytesOf(total))
      throw tooLarge('a sandbox', 'documents');
    this.#documentsOfCallers.add(principal, document);
    this.#documentsOfTenants.add(tenant, document);
    if (all.add(total, document)) document.keep();
  }

  release(principal: string, tenant: string, document: DocumentInUse): void {
    this.#documentsOfCallers.remove(principal, document);
    this.#documentsOfTenants.remove(tenant, document);
    if (this.#documents.remove(total, document)) document.release();
  }

  #add(principal: string, tenant: string, bytes: number): void {
    this.#callers.add(principal, bytes);
    this.#tenants.add(tenant, bytes);
    this.#bytes += bytes;
  }
}

/** Stands for all holders of a pool. */
const total = '';

class Held implements HeldMemory {
  readonly #caller: MemoryHolder;
  readonly #findPool: () => Pool;
  /** Null: nothing is counted. */
  #counted: { readonly pool: Pool; readonly tenant: string } | null = null;
  #bytes = 0;
  #countedBytes = 0;
  #document: DocumentInUse | null = null;

  constructor(caller: MemoryHolder, findPool: () => Pool) {
    this.#caller = caller;
    this.#findPool = findPool;
  }

  grow(bytes: number): void {
    const size = this.#bytes + bytes;
    if (size > ordinary.request) {
      const { pool, tenant } = this.#count();
      pool.grow(this.#caller.principal, tenant, size - this.#countedBytes);
      this.#countedBytes = size;
    }
    this.#bytes = size;
  }

  use(document: DocumentInUse): void {
    if (document.bytes <= ordinary.document) return;
    const { pool, tenant } = this.#count();
    pool.use(this.#caller.principal, tenant, document);
    this.#document = document;
  }

  [Symbol.dispose](): void {
    if (this.#counted === null) return;
    const { pool, tenant } = this.#counted;
    const { principal } = this.#caller;
    pool.shrink(principal, tenant, this.#countedBytes);
    if (this.#document !== null) pool.release(principal, tenant, this.#document);
    this.#counted = null;
    this.#document = null;
  }

  #count() {
    this.#counted ??= { pool: this.#findPool(), tenant: tenantKey(this.#caller.tenant) };
    return this.#counted;
  }
}
