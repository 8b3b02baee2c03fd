import { compareKeys, isInOrder } from '../../upstream/apis/list-order.ts';
import { ReturnedRows } from './returned-rows.ts';
import type { UpstreamList, UpstreamPage } from './upstream-list.ts';
import { decodeWalkState, encodeWalkState, markOf, maxNamed, type WalkState } from './walk-state.ts';

/** A row that was not returned before. */
export interface FoundRow<Node, Position> {
  readonly node: Node;
  readonly id: string;
  readonly source: RowSource<Node, Position>;
  /** Index of the row in its page. */
  readonly index: number;
}

/** A page of rows, with the state of the walk when they were found. */
interface RowSource<Node, Position> {
  readonly page: UpstreamPage<Node, Position>;
  readonly isOrdered: boolean;
  readonly isSecondPass: boolean;
}

/** A returned row, with the state of the walk after it. Its cursor is computed from this state when it is read. */
export interface TakenRow<Node, Position> extends Pick<WalkState<Position>, 'key' | 'ties' | 'isOrdered'> {
  readonly found: FoundRow<Node, Position>;
  /** Number of known rows that were returned up to this row. */
  readonly count: number;
}

/** The last row that was read, or another returned row, on a page. */
interface Anchor {
  /** -1 if the page has no such row. */
  readonly index: number;
  /** Whether this is the last row that was read. Otherwise it is the row of the page that was returned last. */
  readonly isLast: boolean;
}

/** Number of rows that the inner cursors of an ordered page name, so that a page with all its cursors stays small. */
const fewNamed = 10;
/** Maximum number of rows in one page of the platform. */
const maxLimit = 100;
/** Maximum number of rows before a position that are read again, which shows whether the list has shifted. */
const maxOverlap = 40;
/** Number of consecutive equal pages that end a walk, because the platform then ignores the requested position. */
const maxEqualPages = 10;

/**
 * The walk of one client over a list of the platform, from its cursor on. Only this class decides whether a row was
 * already returned.
 *
 * A cursor names the rows that were returned last, so that such a row is recognized anywhere in the list. For rows that
 * were returned earlier, the order of the list decides while the platform keeps it. Otherwise the row that was read last
 * decides, because every row before it on its page was returned.
 */
export class RowWalk<Node, Position> {
  readonly #list: UpstreamList<Node, Position>;
  readonly #returned: ReturnedRows;
  /** Rows that this request has read, so that none counts twice. */
  readonly #seen = new Set<string>();
  readonly #visited = new Set<string>();
  /** Unknown rows before the position, which are new or misplaced. */
  #held: FoundRow<Node, Position>[] = [];
  #position: Position;
  #index: number;
  #key: number | null;
  #ties: number;
  #isOrdered: boolean;
  /** Mark of the last row that was read; empty before the first one. */
  #lastMark: string;
  #lastId: string | null = null;
  /** Last row of the last page of this request. It may have been returned in an earlier request. */
  #pageEnd: string | null = null;
  #hasEnded = false;
  #pagesRead = 0;
  #total: number | null = null;
  #lastRows: readonly Node[] = [];
  #equalPages = 0;
  /** Whether rows are read that are not returned. */
  #scans: boolean;
  /** Number of rows of the whole list at the start of the walk; null if the platform reports no count. */
  #firstTotal: number | null;
  /** Whether the list is read from its head again. */
  #isSecondPass: boolean;
  /** Whether all pages of this request follow the head of the list. */
  readonly #beginsAtHead: boolean;

  /** @throws {InvalidInputError} `after` is not a cursor of this list in this order */
  constructor(list: UpstreamList<Node, Position>, after: string | null, { scans }: { readonly scans: boolean }) {
    const cursor = after === null ? null : decodeWalkState(list, after);
    this.#list = list;
    this.#scans = scans;
    this.#returned = new ReturnedRows(cursor ?? { returned: [], hasMore: false });
    this.#position = cursor?.position ?? list.start;
    this.#index = cursor?.index ?? 0;
    this.#key = cursor?.key ?? null;
    this.#ties = cursor?.ties ?? 0;
    this.#isOrdered = cursor?.isOrdered ?? true;
    this.#lastMark = cursor?.last ?? '';
    this.#firstTotal = cursor?.total ?? null;
    this.#beginsAtHead = cursor === null;
    this.#isSecondPass = cursor?.isSecondPass ?? false;
  }

  /** Whether the list has no further row. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get pagesRead(): number {
    return this.#pagesRead;
  }

  /** Number of rows of the whole list; null if the platform does not report it. */
  get total(): number | null {
    return this.#total;
  }

  /** Whether the platform has returned all rows of this walk in the requested order. */
  get isOrdered(): boolean {
    return this.#isOrdered && this.#list.order !== undefined;
  }

  /**
   * Reads the next page of the platform, and another page if the list has shifted. Returns the rows that are new to the
   * client.
   */
  async readPage(wanted: number, maxPages: number): Promise<readonly FoundRow<Node, Position>[]> {
    const page = await this.#read(wanted, maxPages);
    const { idOf, order } = this.#list;
    if (order !== undefined && !isInOrder(page.rows, order)) this.#isOrdered = false;
    const anchor = this.#anchorIn(page.rows);
    // The held rows were added before the position after the client had passed it.
    if (anchor.index >= 0) this.#held = [];
    const found: FoundRow<Node, Position>[] = [];
    let source = this.#sourceOf(page);
    let index = -1;
    for (const node of page.rows) {
      index += 1;
      const id = idOf(node);
      if (this.#isKnown(id)) continue;
      const standing = this.#standing(node, index, anchor);
      if (standing === 'returned') continue;
      if (standing === 'misplaced') this.#isOrdered = false;
      this.#seen.add(id);
      if (source.isOrdered !== this.#isOrdered) source = this.#sourceOf(page);
      const row = { node, id, source, index };
      if (standing === 'held') this.#held.push(row);
      else {
        if (this.#held.length > 0) found.push(...this.#release());
        found.push(row);
      }
    }
    const end = page.rows.at(-1);
    if (end !== undefined) this.#pageEnd = idOf(end);
    const next = this.#nextOf(page);
    if (next === null) {
      found.push(...this.#release());
      if (this.#lacksRows(page, found.length)) this.#beginSecondPass();
      else this.#hasEnded = true;
    } else {
      this.#position = next;
      this.#index = 0;
    }
    return found;
  }

  /** Skips a row that the client does not want. */
  pass({ node, id }: FoundRow<Node, Position>): void {
    this.#scans = true;
    this.#advance(node, id);
  }

  /** Returns a row to the client. */
  take(found: FoundRow<Node, Position>): TakenRow<Node, Position> {
    this.#advance(found.node, found.id);
    this.#returned.add(found.id);
    return {
      found,
      key: this.#key,
      ties: this.#ties,
      isOrdered: this.#isOrdered,
      count: this.#returned.count,
    };
  }

  /**
   * Encodes the cursor after a returned row.
   * @param isEnd whether clients continue with this cursor, which then names more rows
   */
  cursorBehind(taken: TakenRow<Node, Position>, { isEnd }: { readonly isEnd: boolean }): string {
    const { found, key, ties, isOrdered, count } = taken;
    const named = isEnd || !isOrdered || this.#list.order === undefined ? maxNamed : fewNamed;
    const { position, index, isSecondPass } = this.#behind(found);
    const { returned, hasMore } = this.#returned.upTo(count, named);
    const last = markOf(found.id);
    const total = this.#firstTotal;
    const state = { position, index, key, ties, isOrdered, isSecondPass, hasMore, total, last, returned };
    return encodeWalkState(this.#list, state);
  }

  /** Encodes the cursor after the last page that was read. */
  cursorHere(): string | null {
    if (this.#pagesRead === 0) return null;
    return encodeWalkState(this.#list, {
      position: this.#position,
      index: this.#index,
      isSecondPass: this.#isSecondPass,
      key: this.#key,
      ties: this.#ties,
      isOrdered: this.#isOrdered,
      total: this.#firstTotal,
      last: this.#lastId === null ? this.#lastMark : markOf(this.#lastId),
      ...this.#returned.upTo(this.#returned.count, maxNamed),
    });
  }

  async #read(wanted: number, maxPages: number): Promise<UpstreamPage<Node, Position>> {
    const { before, reportsEnd } = this.#list;
    if (this.#isSecondPass) return this.#call(this.#position, maxLimit);
    // One row more than wanted shows whether there are more, if the platform does not report it.
    const rows = wanted + (reportsEnd ? 0 : 1);
    const hasBegun = this.#lastId !== null || this.#lastMark !== '';
    if (before === undefined || !hasBegun) return this.#call(this.#position, rows + this.#index);
    const overlap = this.#index > 0 ? 0 : Math.min(Math.max(1, this.#ties), maxOverlap);
    const page = await this.#call(before(this.#position, overlap), rows + this.#index + overlap);
    const anchor = this.#anchorIn(page.rows);
    if (anchor.isLast || this.#pagesRead >= maxPages) return page;
    const restart = this.#restart(anchor);
    return restart === null ? page : this.#call(restart, rows + Math.min(this.#ties, maxNamed));
  }

  async #call(position: Position, limit: number): Promise<UpstreamPage<Node, Position>> {
    this.#pagesRead += 1;
    const page = await this.#list.read(position, Math.min(limit, maxLimit));
    this.#total ??= page.total;
    this.#firstTotal ??= page.total;
    return page;
  }

  /** Position from which a shifted list is read again. Null if the page that was read remains valid. */
  #restart(anchor: Anchor): Position | null {
    const { atTime, start } = this.#list;
    if (this.isOrdered && this.#key !== null && atTime !== undefined)
      return atTime(new Date(this.#key), Math.max(0, this.#ties - maxNamed));
    // A scan that reads the list again would not reach new rows.
    return anchor.index >= 0 || this.#returned.hasMore || this.#scans ? null : start;
  }

  /** Whether the page starts after all returned rows, unless the platform repeats it or rows were added to the list. */
  get #beginsBehind(): boolean {
    return this.#index === 0 && this.#list.before === undefined && !this.#returned.hasMore && !this.#scans;
  }

  /**
   * Whether a walk at the end of its list may have missed rows, because the platform does not keep the order, or
   * because it reports more rows than were returned. Rows that were added during the walk do not count as missed.
   */
  #lacksRows({ total }: UpstreamPage<Node, Position>, found: number): boolean {
    const isOnePage = this.#beginsAtHead && this.#pagesRead === 1;
    if (isOnePage || this.#isSecondPass || this.#scans || this.#returned.hasMore) return false;
    const returned = this.#returned.count + found;
    const isShort = total !== null && total === this.#firstTotal && total > returned;
    return isShort || (this.#list.order !== undefined && !this.#isOrdered);
  }

  /** Reads the list from its head again. All returned rows are known, so that only missed rows are returned. */
  #beginSecondPass(): void {
    this.#isSecondPass = true;
    this.#isOrdered = false;
    this.#position = this.#list.start;
    this.#index = 0;
    this.#visited.clear();
    this.#equalPages = 0;
  }

  /** Position of the next page; null if there is none, or if the platform returns a position that was read before. */
  #nextOf({ position, rows, next }: UpstreamPage<Node, Position>): Position | null {
    if (next === null) return null;
    const { idOf, encodePosition } = this.#list;
    this.#visited.add(JSON.stringify(encodePosition(position)));
    if (this.#visited.has(JSON.stringify(encodePosition(next)))) return null;
    const last = this.#lastRows;
    const isEqual =
      rows.length > 0 &&
      rows.length === last.length &&
      rows.every((row, index) => {
        const other = last[index];
        return other !== undefined && idOf(row) === idOf(other);
      });
    this.#equalPages = isEqual ? this.#equalPages + 1 : 1;
    this.#lastRows = rows;
    return this.#equalPages < maxEqualPages ? next : null;
  }

  #sourceOf(page: UpstreamPage<Node, Position>): RowSource<Node, Position> {
    return { page, isOrdered: this.#isOrdered, isSecondPass: this.#isSecondPass };
  }

  /** Position from which a walk continues after a row. */
  #behind({
    source,
    index,
  }: FoundRow<Node, Position>): Pick<WalkState<Position>, 'position' | 'index' | 'isSecondPass'> {
    const { behind, order } = this.#list;
    const { page, isOrdered, isSecondPass } = source;
    const { position, rows, next } = page;
    if (index === rows.length - 1 && next !== null) return { position: next, index: 0, isSecondPass };
    // Rows without an order, or with the same time, may have another order when the page is read again.
    const row = this.#timeOf(rows[index]);
    const following = this.#timeOf(rows[index + 1]);
    if (behind === undefined || order === undefined || !isOrdered || row === undefined || row === following)
      return { position, index: index + 1, isSecondPass };
    return { position: behind(page, index + 1), index: 0, isSecondPass };
  }

  #timeOf(node: Node | undefined): number | undefined {
    return node === undefined ? undefined : this.#list.order?.keyOf(node)?.getTime();
  }

  /** Classifies an unknown row of a page by its position in the list. */
  #standing(node: Node, index: number, anchor: Anchor): 'new' | 'misplaced' | 'held' | 'returned' {
    const { order } = this.#list;
    if (order === undefined || !this.#isOrdered) {
      if (!this.#returned.hasMore) return 'new';
      return index < (anchor.index < 0 ? this.#index : anchor.index) ? 'returned' : 'new';
    }
    if (this.#key === null) return 'new';
    const key = order.keyOf(node)?.getTime() ?? null;
    if (key === null) return 'new';
    const comparison = compareKeys(key, this.#key, order.direction);
    if (comparison < 0) {
      // All rows before the position were returned when the page was first read. Other rows were added since.
      if (this.#index > 0) return 'returned';
      if (anchor.index >= 0) return index < anchor.index && !this.#beginsBehind ? 'returned' : 'misplaced';
      return this.#returned.hasMore || this.#scans ? 'held' : 'misplaced';
    }
    const areUnnamed = this.#returned.hasMore && this.#ties > maxNamed;
    return comparison === 0 && areUnnamed && index < anchor.index ? 'returned' : 'new';
  }

  /** Returns the held rows, which are misplaced. */
  #release(): readonly FoundRow<Node, Position>[] {
    const rows = this.#held;
    this.#held = [];
    if (rows.length > 0) this.#isOrdered = false;
    return rows;
  }

  #advance(node: Node, id: string): void {
    const { order } = this.#list;
    const key = order?.keyOf(node)?.getTime() ?? null;
    this.#ties = order !== undefined && (key === null || key === this.#key) ? this.#ties + 1 : 1;
    this.#key = key ?? this.#key;
    this.#lastId = id;
  }

  #isKnown(id: string): boolean {
    return this.#seen.has(id) || this.#returned.rankOf(id) >= 0;
  }

  #anchorIn(rows: readonly Node[]): Anchor {
    const { idOf } = this.#list;
    let anchor = -1;
    const isFirst = this.#lastId === null && this.#lastMark === '' && this.#pageEnd === null;
    if (isFirst && this.#returned.count === 0) return { index: anchor, isLast: false };
    let highest = -1;
    let index = -1;
    for (const node of rows) {
      index += 1;
      const id = idOf(node);
      if (this.#isLast(id)) return { index, isLast: true };
      const rank = this.#returned.rankOf(id);
      if (rank > highest) [anchor, highest] = [index, rank];
    }
    return { index: anchor, isLast: false };
  }

  #isLast(id: string): boolean {
    if (id === this.#pageEnd) return true;
    return this.#lastId === null ? this.#lastMark !== '' && markOf(id) === this.#lastMark : id === this.#lastId;
  }
}
