import { GatewayError, PlatformError, UpstreamUnreadableError } from '../../errors.ts';
import { inChunks } from '../../runtime/in-chunks.ts';
import { mapBounded } from '../../runtime/map-bounded.ts';

/** An id whose entity a bulk read could not return. */
export interface BulkFailure<Id> {
  readonly id: Id;
  readonly error: GatewayError;
  /** Whether the whole call failed. Otherwise the response contains the error about this id alone. */
  readonly ofCall: boolean;
}

/** The result of a bulk read, in any order. An id that the platform does not have is in neither list. */
export interface BulkResult<Id, Entity> {
  readonly found: readonly Entity[];
  readonly failed: readonly BulkFailure<Id>[];
  /** Number of calls to the platform, without repetitions of a call. */
  readonly calls: number;
}

export interface BulkLimits {
  /**
   * Maximum number of failed or inconclusive calls whose ids are read again in smaller parts: in two halves, or each of
   * at most four ids alone.
   * @default 10, which finds one rejected id among 100 with 14 additional calls
   */
  readonly maxSplits?: number | undefined;
}

const defaultMaxSplits = 10;
/** Maximum number of ids that are read alone instead of in halves, because halves would need as many calls. */
export const maxAlone = 4;
/** Maximum number of concurrent calls of one read that needs several. */
const concurrency = 4;

/**
 * Reads ids by one call for each chunk. An error about one id fails this id, and a failed call fails its own ids, so
 * that the others are still found. If a call may have failed because of one of its ids, they are read again in smaller
 * parts.
 * @param call sends one call and adds its response to the collector. It throws the failure of the whole call, and adds
 *   nothing in that case.
 * @throws errors other than GatewayError, such as the reason of the caller's signal
 */
export function readInBulk<Id, Entity>(
  chunks: readonly (readonly Id[])[],
  call: (ids: readonly Id[], collector: BulkCollector<Id, Entity>) => Promise<void>,
  { maxSplits = defaultMaxSplits }: BulkLimits = {},
): Promise<BulkResult<Id, Entity>> {
  const collector = new BulkCollector<Id, Entity>(maxSplits);
  const send = (ids: readonly Id[]): Promise<void> => {
    collector.calls += 1;
    return call(ids, collector);
  };
  const readAll = async (first: readonly (readonly Id[])[]): Promise<BulkResult<Id, Entity>> => {
    for (let parts = first; parts.length > 0; parts = collector.nextParts()) {
      await mapBounded(parts, concurrency, (ids) => send(ids).catch((error) => collector.callFailed(ids, error)));
    }
    return collector;
  };
  const [only] = chunks;
  // Most reads need one call, for which the rest would cost more than the call.
  if (chunks.length !== 1 || only === undefined) return readAll(chunks);
  const readRest = (): BulkResult<Id, Entity> | Promise<BulkResult<Id, Entity>> => {
    const parts = collector.nextParts();
    return parts.length === 0 ? collector : readAll(parts);
  };
  return send(only).then(readRest, (error) => {
    collector.callFailed(only, error);
    return readRest();
  });
}

/** Collects the responses of one bulk read. */
export class BulkCollector<Id, Entity> implements BulkResult<Id, Entity> {
  readonly found: Entity[] = [];
  readonly failed: BulkFailure<Id>[] = [];
  calls = 0;
  #splitsLeft: number;
  #failedCalls = 0;
  /** Failed calls whose ids have neither failed nor been read again yet. */
  #open: { readonly ids: readonly Id[]; readonly error: GatewayError }[] = [];
  /** Calls whose responses do not show which of their ids the platform has. */
  #inconclusive: (readonly Id[])[] = [];
  /** Parts that have to be read next, whatever the limit is. */
  #next: (readonly Id[])[] = [];
  /** Whether ids have been read again. */
  #isRepeated = false;

  constructor(maxSplits: number) {
    this.#splitsLeft = maxSplits;
  }

  /** Adds an id about which the response contains an error. */
  fail(id: Id, error: GatewayError): void {
    this.failed.push({ id, error, ofCall: false });
  }

  /** Reads each of these ids by a separate call, because the response does not show which of them the platform has. */
  readAlone(ids: readonly Id[]): void {
    for (const id of ids) this.#next.push([id]);
  }

  /** Reads the halves of these ids again, in addition to the limit of splits. */
  readHalves(ids: readonly Id[]): void {
    this.#next.push(...halvesOf(ids));
  }

  /** Reads these ids again in smaller parts, or alone if no split is left, so that the result is the same. */
  readParts(ids: readonly Id[]): void {
    this.#inconclusive.push(ids);
  }

  /** @throws errors other than GatewayError */
  callFailed(ids: readonly Id[], error: unknown): void {
    if (!(error instanceof GatewayError)) throw error;
    this.#failedCalls += 1;
    this.#open.push({ ids, error });
  }

  /** The ids of each call that the failures so far require. */
  nextParts(): readonly (readonly Id[])[] {
    if (this.#open.length + this.#inconclusive.length + this.#next.length === 0) return [];
    const parts = this.#next;
    for (const { ids, error } of this.#open) {
      if (ids.length > 1 && this.#mayConcernOneId(error) && this.#takeSplit()) parts.push(...partsOf(ids));
      else for (const id of ids) this.failed.push({ id, error, ofCall: true });
    }
    for (const ids of this.#inconclusive) {
      if (this.#takeSplit()) parts.push(...partsOf(ids));
      else for (const id of ids) parts.push([id]);
    }
    this.#open = [];
    this.#inconclusive = [];
    this.#next = [];
    this.#isRepeated = true;
    return parts;
  }

  #takeSplit(): boolean {
    if (this.#splitsLeft === 0) return false;
    this.#splitsLeft -= 1;
    return true;
  }

  /**
   * Whether a call may have failed because of one of its ids. A rejection is about the request. Any other failure may
   * also be a failure of the whole service, so that the parts are not split again if all calls have failed.
   */
  #mayConcernOneId(error: GatewayError): boolean {
    if (error instanceof PlatformError && rejections.has(error.status)) return true;
    const isUnclear =
      error instanceof UpstreamUnreadableError || (error instanceof PlatformError && error.status === internalError);
    return isUnclear && (!this.#isRepeated || this.calls > this.#failedCalls);
  }
}

const halvesOf = <Id>(ids: readonly Id[]) => inChunks(ids, Math.ceil(ids.length / 2));
const partsOf = <Id>(ids: readonly Id[]) => (ids.length <= maxAlone ? inChunks(ids, 1) : halvesOf(ids));

/** Statuses of a request that the platform rejects because of its content or its length. */
const rejections: ReadonlySet<number> = new Set([400, 413, 414, 422, 431]);
const internalError = 500;
