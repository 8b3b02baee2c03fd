import type { WatchScope } from './watch-scope.ts';

/** One subscriber as its feed sees it. */
export interface FeedMember<Reader> {
  /** Reads with the subscriber's own credential; not used once the subscriber has left. */
  readonly reader: Reader;
  /** Names the reader's credential; null: the gateway's own, which stays valid when the subscriber leaves. */
  readonly credential: string | null;
  /** Null: the whole sandbox. */
  readonly ids: ReadonlySet<string> | null;
  /** Called when the platform refuses the reader's credential in a round. */
  onRefused(): void;
}

/** Who is present, what they watch, and whose reader polls. */
export class FeedMembers<Reader> {
  readonly #members = new Set<FeedMember<Reader>>();
  readonly #refused = new Set<FeedMember<Reader>>();
  readonly #watchersById = new Map<string, number>();
  #watchersOfEverything = 0;
  #current: FeedMember<Reader> | null = null;

  get size(): number {
    return this.#members.size;
  }

  get scope(): WatchScope {
    return { everything: this.#watchersOfEverything > 0, ids: new Set(this.#watchersById.keys()) };
  }

  has(member: FeedMember<Reader>): boolean {
    return this.#members.has(member);
  }

  add(member: FeedMember<Reader>): void {
    this.#members.add(member);
    if (member.ids === null) this.#watchersOfEverything += 1;
    for (const id of member.ids ?? []) this.#watchersById.set(id, (this.#watchersById.get(id) ?? 0) + 1);
  }

  /** @returns false when it was not present */
  delete(member: FeedMember<Reader>): boolean {
    if (!this.#members.delete(member)) return false;
    this.#refused.delete(member);
    if (this.#current === member) this.#current = null;
    if (member.ids === null) this.#watchersOfEverything -= 1;
    for (const id of member.ids ?? []) {
      const others = (this.#watchersById.get(id) ?? 1) - 1;
      if (others === 0) this.#watchersById.delete(id);
      else this.#watchersById.set(id, others);
    }
    return true;
  }

  /**
   * Whose reader is to be used: the last one that worked, else the longest present that was not refused, else the
   * longest present. Null when nobody is.
   */
  poller(): FeedMember<Reader> | null {
    if (this.#refused.size === this.#members.size) this.#refused.clear();
    this.#current ??= [...this.#members].find((member) => !this.#refused.has(member)) ?? null;
    return this.#current;
  }

  /**
   * Lets the reader of another credential poll from now on.
   * @param except credentials that do not count as another one
   * @returns false when there is none that was not refused
   */
  handOver(except: ReadonlySet<string | null>): boolean {
    const other = [...this.#members].find((member) => !except.has(member.credential) && !this.#refused.has(member));
    if (other === undefined) return false;
    this.#current = other;
    return true;
  }

  /**
   * The platform refused this member's credential: others go first, until all have been
   * refused.
   * @returns whether there is another one that has not been refused
   */
  refuse(member: FeedMember<Reader>): boolean {
    if (this.#current === member) this.#current = null;
    if (this.#members.has(member)) this.#refused.add(member);
    return this.#refused.size < this.#members.size;
  }
}
