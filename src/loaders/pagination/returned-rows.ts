import { markOf, maxNamed, type WalkState } from './walk-state.ts';

/** The rows that a client has received: the rows that its cursor names, and the rows of this request. */
export class ReturnedRows {
  /**
   * Marks of the rows that the cursor names, followed by marks of rows of this request, which are computed on demand.
   */
  readonly #marks: string[];
  /** Ranks of the rows that the cursor names, by mark. */
  readonly #named: ReadonlyMap<string, number>;
  readonly #cursorHasMore: boolean;
  readonly #ids: string[] = [];
  /**
   * Ranks of the rows of this request, by id. They are computed on demand, because most requests read only one page.
   */
  readonly #ranks = new Map<string, number>();

  constructor({ returned, hasMore }: Pick<WalkState<unknown>, 'returned' | 'hasMore'>) {
    this.#marks = [...returned];
    this.#named = returned.length === 0 ? new Map() : new Map(returned.map((mark, rank) => [mark, rank]));
    this.#cursorHasMore = hasMore;
  }

  /** Number of known rows. */
  get count(): number {
    return this.#named.size + this.#ids.length;
  }

  /** Whether more rows were returned than a cursor names. */
  get hasMore(): boolean {
    return this.#cursorHasMore || this.count > maxNamed;
  }

  add(id: string): void {
    this.#ids.push(id);
  }

  /** Number of known rows that were returned before this row; -1 if the row is not known. */
  rankOf(id: string): number {
    return this.#rankHere(id) ?? (this.#named.size === 0 ? -1 : (this.#named.get(markOf(id)) ?? -1));
  }

  #rankHere(id: string): number | undefined {
    // Each row is added once.
    for (let index = this.#ranks.size; index < this.#ids.length; index += 1)
      this.#ranks.set(this.#ids[index] ?? '', this.#named.size + index);
    return this.#ranks.get(id);
  }

  /**
   * Marks of the last `named` of the first `count` known rows, in the order of their return, and whether there are
   * more.
   */
  upTo(count: number, named: number): Pick<WalkState<unknown>, 'returned' | 'hasMore'> {
    const first = Math.max(0, count - named);
    const returned = Array.from({ length: count - first }, (_, index) => this.#markAt(first + index));
    return { returned, hasMore: this.#cursorHasMore || first > 0 };
  }

  #markAt(rank: number): string {
    this.#marks[rank] ??= markOf(this.#ids[rank - this.#named.size] ?? '');
    return this.#marks[rank];
  }
}
