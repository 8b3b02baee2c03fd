/**
 * A queue that serves its members in turn: the oldest entry of one member, then the oldest entry of the next. A member
 * with many entries delays the others by only one turn each.
 */
export class FairQueue<Entry> {
  /** Entries by member, in the order in which the members are served. */
  readonly #members = new Map<string, Set<Entry>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Number of entries of one member. */
  sizeOf(member: string): number {
    return this.#members.get(member)?.size ?? 0;
  }

  add(member: string, entry: Entry): void {
    const entries = this.#members.get(member) ?? new Set();
    if (entries.size === 0) this.#members.set(member, entries);
    const before = entries.size;
    entries.add(entry);
    this.#size += entries.size - before;
  }

  /** @returns whether the queue contained the entry */
  delete(member: string, entry: Entry): boolean {
    const entries = this.#members.get(member);
    if (entries?.delete(entry) !== true) return false;
    this.#size -= 1;
    if (entries.size === 0) this.#members.delete(member);
    return true;
  }

  /**
   * Removes the next entry and moves its member to the end.
   * @param mayGo whether the oldest entry of a member may be removed. If not, the member is skipped.
   */
  take(mayGo: (entry: Entry) => boolean = () => true): Entry | undefined {
    for (const [member, entries] of this.#members) {
      const [entry] = entries;
      if (entry === undefined || !mayGo(entry)) continue;
      this.#members.delete(member);
      if (entries.size > 1) this.#members.set(member, entries);
      entries.delete(entry);
      this.#size -= 1;
      return entry;
    }
    return undefined;
  }

  /** Removes all entries of one member. */
  takeAll(member: string): readonly Entry[] {
    const entries = [...(this.#members.get(member) ?? [])];
    this.#members.delete(member);
    this.#size -= entries.length;
    return entries;
  }

  /** Removes the newest entry of the member with the most entries, unless `newcomer` would then have as many. */
  takeFromLongest(newcomer: string): Entry | undefined {
    let longest: string | null = null;
    let most = this.sizeOf(newcomer) + 1;
    for (const [member, { size }] of this.#members) if (size > most) [longest, most] = [member, size];
    if (longest === null) return undefined;
    const entry = [...(this.#members.get(longest) ?? [])].at(-1);
    if (entry !== undefined) this.delete(longest, entry);
    return entry;
  }
}
