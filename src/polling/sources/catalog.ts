import type { BulkLimits, BulkResult } from '../../upstream/apis/bulk-read.ts';
import type { CatalogObject, CatalogPage } from '../../upstream/apis/catalog-page.ts';
import type { ProvenReader } from '../feed-registry.ts';
import { endedRecently, isAbove } from './job-list.ts';
import { readByIds } from './read-by-ids.ts';
import type { FeedSource, RoundCalls, RoundRequest, RoundResult } from './source.ts';

/** One kind of object in Catalog, with the credential of one subscriber. */
export interface CatalogObjects<Entity extends CatalogObject> {
  /** One page of all objects, newest first. */
  readonly list: (page: Page) => Promise<CatalogPage<Entity>>;
  /** One page of the objects that have not ended, newest first. Absent if the objects of the kind never end. */
  readonly listRunning?: (page: Page) => Promise<CatalogPage<Entity>>;
  /** Reads objects by id, with one call for 100 ids. */
  readonly getMany: (ids: readonly string[], limits: BulkLimits) => Promise<BulkResult<string, Entity>>;
}

interface Page {
  readonly start: number;
  readonly limit: number;
}

/** Access to Catalog for a feed, with the credential of one subscriber. */
export interface CatalogReader<Entity extends CatalogObject> extends ProvenReader {
  objects(calls: RoundCalls): CatalogObjects<Entity>;
}

/** State that a round leaves for the next one. */
export interface CatalogCheckpoint {
  /** Whether a round has read the newest page of the list. */
  readonly listed: boolean;
  /**
   * Creation time (ms) of the last object on the newest page, when a round last read it; null: the page was the end of
   * the list.
   */
  readonly floorMs: number | null;
  /** Ended objects that the list omits although they exist. They are not read again. */
  readonly unlisted: ReadonlySet<string>;
  /**
   * Number of the round, and the round in which each followed object was last read by id. Not shared with other
   * replicas.
   */
  readonly round: number;
  readonly readAt: ReadonlyMap<string, number>;
}

export type CatalogSource<Entity extends CatalogObject> = FeedSource<Entity, CatalogReader<Entity>, CatalogCheckpoint>;

/** Maximum size of a page, and of a read by id. */
const pageSize = 100;
/** Maximum number of objects of one list that a round reads. */
const maxListed = 1_000;
/** Number of rows of a page that the next page repeats. */
const overlap = 10;
/** Maximum number of pages of one list that are read again. */
const maxStepsBack = 5;
/** Maximum number of objects behind the newest page that are remembered without a subscriber that names them. */
const maxRemembered = 1_000;

type Request<Entity> = RoundRequest<Entity, CatalogCheckpoint>;

/**
 * Creates the source of one kind of object in Catalog.
 *
 * Without a subscriber of the whole sandbox, a round reads only the named objects, with one call for 100 ids. Otherwise
 * it reads the newest page of the list, and by id the followed objects that the page does not show. If these are more
 * than the calls of a round can read, the least recently read objects come first.
 */
export function catalogSource<Entity extends CatalogObject>(
  kind: Pick<CatalogSource<Entity>, 'kind' | 'isTerminal' | 'mayFollow' | 'endedAt' | 'searchFindsAll'>,
): CatalogSource<Entity> {
  return {
    ...kind,
    service: 'catalog',
    key: ({ id }) => id,
    updatedAt: ({ updatedAt }) => updatedAt,
    hasAppeared: (entity, checkpoint) => checkpoint?.listed === true && isNewer(entity, checkpoint.floorMs),
    lasting: (checkpoint) => ({ ...checkpoint, round: 0, readAt: new Map() }),
    newestFirst,

    async read(reader, request) {
      const { known, scope, checkpoint } = request;
      const api = reader.objects(request);
      const list = scope.everything ? await readList(api, request) : unread(checkpoint);
      const byId = await readByIds<string, Entity>(api.getMany, idsToReadById(request, list, kind), request);
      const nothingRead = !scope.everything && byId.found.length === 0 && byId.absent.length === 0;
      if (byId.incomplete !== null && nothingRead) throw byId.incomplete;

      const after = new Map([...known, ...[...list.found, ...byId.found].map((one) => [one.id, one] as const)]);
      for (const id of byId.absent) after.delete(id);
      const listed = new Set<string>(list.found.map(({ id }) => id));
      const follows = (id: string) => after.has(id) && !listed.has(id);
      const hidden = byId.found.filter((one) => kind.isTerminal(one) && isNewer(one, list.floorMs));
      const round = (checkpoint?.round ?? 0) + 1;
      const readAt = [...(checkpoint?.readAt ?? []), ...byId.requested.map((id) => [id, round] as const)];
      return {
        read: [...list.found, ...byId.found].toSorted((a, b) => newestFirst(b, a)),
        absent: byId.absent,
        failed: byId.failed,
        ...leftBehind(after, request, { list, kind }),
        incomplete: byId.incomplete,
        truncated: list.truncated,
        // Each page shows rows of the page before it, so that no rows are missing between them.
        spansPages: false,
        calls: { lists: list.pages, bulkGets: byId.calls },
        checkpoint: {
          listed: list.isRead || checkpoint?.listed === true,
          // Objects of a gap count as new when they are found later.
          floorMs: list.isGapless ? list.floorMs : (checkpoint?.floorMs ?? null),
          unlisted: new Set([...(checkpoint?.unlisted ?? []), ...hidden.map(({ id }) => id)].filter(follows)),
          round,
          readAt: new Map(readAt.filter(([id]) => follows(id))),
        },
      };
    },
  };
}

/** The pages of one round. */
interface ListReading<Entity> {
  readonly isRead: boolean;
  readonly found: readonly Entity[];
  readonly newestPage: ReadonlySet<string>;
  /** See CatalogCheckpoint. */
  readonly floorMs: number | null;
  readonly pages: number;
  readonly truncated: boolean;
  /** Whether the objects between the newest page and the last known newest page were read. */
  readonly isGapless: boolean;
}

const unread = (checkpoint: CatalogCheckpoint | null): ListReading<never> => ({
  isRead: false,
  found: [],
  newestPage: new Set(),
  floorMs: checkpoint?.floorMs ?? null,
  pages: 0,
  truncated: false,
  isGapless: true,
});

async function readList<Entity extends CatalogObject>(
  api: CatalogObjects<Entity>,
  { known, discover, checkpoint, signal }: Request<Entity>,
): Promise<ListReading<Entity>> {
  const { objects: newest, rows } = await api.list({ start: 0, limit: pageSize });
  const isEnd = rows.length < pageSize;
  const floorMs = isEnd ? null : (newest.at(-1)?.createdAt?.getTime() ?? 0);
  // If no object on the newest page is known, reading continues until a page shows a known one.
  const isGap = checkpoint?.listed === true && !isEnd && newest.every(({ id }) => !known.has(id));
  const gap = isGap ? await readPages(api.list, { behind: rows, known, signal }) : noSearch;
  const searches = discover && !isEnd;
  const { list, listRunning } = api;
  const next = listRunning === undefined ? { pages: list, behind: rows } : { pages: listRunning, behind: [] };
  const search = searches ? await readPages(next.pages, { behind: next.behind, signal }) : noSearch;
  const found = new Map([...newest, ...gap.found, ...search.found].map((one) => [one.id, one]));
  return {
    isRead: true,
    found: [...found.values()],
    newestPage: new Set(newest.map(({ id }) => id)),
    floorMs,
    pages: 1 + gap.pages + search.pages,
    // A search that continues the list is not expected to reach its end.
    truncated: !isComplete(gap) || search.end === 'lost' || (search.end === 'limit' && listRunning !== undefined),
    isGapless: isComplete(gap),
  };
}

interface Search<Entity> {
  readonly found: readonly Entity[];
  readonly pages: number;
  /** `lost`: the pages do not continue each other, or do not show the known objects. */
  readonly end: 'reached' | 'limit' | 'lost';
}

const noSearch: Search<never> = { found: [], pages: 0, end: 'reached' };
const isComplete = ({ end }: Search<unknown>): boolean => end === 'reached';

/**
 * Reads pages to the end of the list, or until a page shows a known object.
 *
 * Catalog pages by row offset, and rows shift while objects are created, end or are removed. Each page therefore begins
 * with rows of the page before it. A page without any of them is read again from an earlier row, because rows above it
 * are gone, or because a lagging replica has answered.
 */
async function readPages<Entity extends CatalogObject>(
  list: CatalogObjects<Entity>['list'],
  options: {
    /** The page before the first one, from the start of the list; empty: the first page is the start. */
    readonly behind: CatalogPage<Entity>['rows'];
    readonly known?: { readonly size: number; has(id: string): boolean };
    readonly signal: AbortSignal;
  },
): Promise<Search<Entity>> {
  const { behind, known, signal } = options;
  const found = new Map<string, Entity>();
  let previous = new Set<string>(behind.map(({ id }) => id));
  let start = Math.max(0, behind.length - overlap);
  let pages = 0;
  let stepsBack = 0;
  let isRepeated = false;
  const ends = (end: Search<Entity>['end']) => ({ found: [...found.values()], pages, end });
  while (start + overlap < maxListed) {
    signal.throwIfAborted();
    const { objects, rows } = await list({ start, limit: pageSize });
    pages += 1;
    if (previous.size > 0 && !rows.some(({ id }) => previous.has(id))) {
      if (stepsBack === maxStepsBack) return ends('lost');
      stepsBack += 1;
      isRepeated = true;
      start = Math.max(0, start - (pageSize - overlap));
      continue;
    }
    const isNew = rows.some(({ id }) => !previous.has(id) && !found.has(id));
    for (const one of objects) found.set(one.id, one);
    if (objects.some(({ id }) => known?.has(id))) return ends('reached');
    // A page without a new object is the end, because Catalog may ignore the start.
    if (rows.length < pageSize || !(isNew || isRepeated))
      return ends(known !== undefined && known.size > 0 ? 'lost' : 'reached');
    isRepeated = false;
    previous = new Set(rows.map(({ id }) => id));
    start += pageSize - overlap;
  }
  return ends('limit');
}

/** Selects objects that the pages do not show and that may have changed: unread, running, or missing from a page. */
function idsToReadById<Entity extends CatalogObject>(
  { known, scope, checkpoint, unread, allowance }: Request<Entity>,
  list: ListReading<Entity>,
  { isTerminal }: Pick<CatalogSource<Entity>, 'isTerminal'>,
): readonly string[] {
  const listed = new Set<string>(list.found.map(({ id }) => id));
  const lastRead = (id: string) => checkpoint?.readAt.get(id) ?? -1;
  const mayHaveChanged = (one: Entity) => {
    if (!isTerminal(one)) return scope.everything || scope.ids.has(one.id);
    return list.isRead && isNewer(one, list.floorMs) && !checkpoint?.unlisted.has(one.id);
  };
  const followed = [...known]
    .filter(([id, one]) => !listed.has(id) && mayHaveChanged(one))
    .map(([id]) => id)
    .toSorted((a, b) => lastRead(a) - lastRead(b));
  // A round that did not read the newest page has one more call.
  const calls = list.isRead ? allowance : allowance + 1;
  return [...new Set([...unread.filter((id) => !listed.has(id)), ...followed.slice(0, calls * pageSize)])];
}

/**
 * Objects behind the newest page that are no longer followed. With a subscriber of the whole sandbox, ended objects are
 * evicted when they are too old for new subscribers. Otherwise the objects that subscribers do not name are remembered,
 * but not read. The newest ones are kept if they are too many.
 */
function leftBehind<Entity extends CatalogObject>(
  after: ReadonlyMap<string, Entity>,
  { scope, checkpoint, now }: Request<Entity>,
  {
    list,
    kind,
  }: { readonly list: ListReading<Entity>; readonly kind: Pick<CatalogSource<Entity>, 'isTerminal' | 'endedAt'> },
): Pick<RoundResult<Entity, CatalogCheckpoint>, 'evicted' | 'unfollowed'> {
  const unnamed = [...after.values()].filter(({ id }) => !scope.ids.has(id));
  const wasListed = list.isRead || checkpoint?.listed === true;
  const isRecent = (one: Entity) => wasListed && isNewer(one, list.floorMs);
  // An object that the page omits for a moment has not fallen off it. If it were evicted, it would reappear as a new
  // object.
  const behind = scope.everything ? unnamed.filter((one) => !list.newestPage.has(one.id) && !isRecent(one)) : unnamed;
  const ended = behind.filter((one) => kind.isTerminal(one));
  const kept = scope.everything ? endedRecently(ended, now, kind.endedAt) : ended.filter(isRecent);
  const running = behind.filter((one) => !kind.isTerminal(one));
  const remembered = new Set(
    scope.everything
      ? [...kept, ...running.toSorted(newestFirst).slice(0, maxRemembered)]
      : [...kept, ...running].toSorted(newestFirst).slice(0, maxRemembered),
  );
  return {
    evicted: behind.filter((one) => !remembered.has(one)).map(({ id }) => id),
    unfollowed: scope.everything ? [] : running.filter((one) => remembered.has(one)).map(({ id }) => id),
  };
}

/** Whether an object is certainly on the pages down to a floor (ms). An object without a creation time is not. */
const isNewer = ({ createdAt }: Pick<CatalogObject, 'createdAt'>, floorMs: number | null): boolean =>
  isAbove({ createdAt: createdAt ?? new Date(0) }, floorMs);

function newestFirst(a: CatalogObject, b: CatalogObject): number {
  const byTime = (b.createdAt?.getTime() ?? 0) - (a.createdAt?.getTime() ?? 0);
  if (byTime !== 0 || a.id === b.id) return byTime;
  return a.id < b.id ? 1 : -1;
}
