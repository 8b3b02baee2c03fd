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
   * Maximum number of failed calls whose ids are read again in smaller parts: in two halves, or each of at most four ids
   * alone.
   * @default 10, which finds one rejected id among 100 with 14 additional calls
   */
  readonly maxSplits?: number | undefined;
}

const defaultMaxSplits = 10;
/** Maximum number of ids that are read alone instead of in halves, because halves would need as many calls. */
const maxAlone = 4;
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
  /** Ids that have to be read by a separate call. */
  #alone: Id[] = [];
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
    this.#alone.push(...ids);
  }

  /** @throws errors other than GatewayError */
  callFailed(ids: readonly Id[], error: unknown): void {
    if (!(error instanceof GatewayError)) throw error;
    this.#failedCalls += 1;
    this.#open.push({ ids, error });
  }

  /** The ids of each call that the failures so far require. */
  nextParts(): readonly (readonly Id[])[] {
    if (this.#open.length === 0 && this.#alone.length === 0) return [];
    const parts: (readonly Id[])[] = this.#alone.map((id) => [id]);
    for (const { ids, error } of this.#open) {
      if (ids.length === 1 || this.#splitsLeft === 0 || !this.#mayConcernOneId(error)) {
        for (const id of ids) this.failed.push({ id, error, ofCall: true });
        continue;
      }
      this.#splitsLeft -= 1;
      parts.push(...inChunks(ids, ids.length <= maxAlone ? 1 : Math.ceil(ids.length / 2)));
    }
    this.#open = [];
    this.#alone = [];
    this.#isRepeated = true;
    return parts;
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

/** Statuses of a request that the platform rejects because of its content or its length. */
const rejections: ReadonlySet<number> = new Set([400, 413, 414, 422, 431]);
const internalError = 500;
