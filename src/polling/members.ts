import type { WatchedEntities, WatchScope } from './scope.ts';

/** A subscriber of this replica, as its feed sees it. */
export interface FeedMember<Reader> {
  /** Reads with the subscriber's own credential. It is not used after the subscriber has left. */
  readonly reader: Reader;
  /**
   * Name of the reader's credential; null: the gateway's own credential, which stays valid when the subscriber leaves.
   */
  readonly credential: string | null;
  /** Ids that the subscriber watches; null: the whole sandbox. */
  readonly ids: ReadonlySet<string> | null;
  /** Whether the subscriber also watches the results of the entities (see ResultSource). @default false */
  readonly withResults?: boolean;
  /** Called when the platform rejects the reader's credential in a round. */
  onRefused(): void;
}

/** Counts the watchers of each entity. */
class Watchers {
  readonly #byId = new Map<string, number>();
  #ofEverything = 0;

  get size(): number {
    return this.#byId.size + this.#ofEverything;
  }

  get watched(): WatchedEntities {
    return { everything: this.#ofEverything > 0, ids: new Set(this.#byId.keys()) };
  }

  /** @param ids null: the whole sandbox */
  add(ids: ReadonlySet<string> | null): void {
    if (ids === null) this.#ofEverything += 1;
    for (const id of ids ?? []) this.#byId.set(id, (this.#byId.get(id) ?? 0) + 1);
  }

  delete(ids: ReadonlySet<string> | null): void {
    if (ids === null) this.#ofEverything -= 1;
    for (const id of ids ?? []) {
      const others = (this.#byId.get(id) ?? 1) - 1;
      if (others === 0) this.#byId.delete(id);
      else this.#byId.set(id, others);
    }
  }
}

/** The subscribers of this replica, the entities that they watch, and the reader that polls. */
export class FeedMembers<Reader> {
  readonly #members = new Set<FeedMember<Reader>>();
  readonly #refused = new Set<FeedMember<Reader>>();
  readonly #watchers = new Watchers();
  readonly #watchersOfResults = new Watchers();
  #current: FeedMember<Reader> | null = null;

  get size(): number {
    return this.#members.size;
  }

  get scope(): WatchScope {
    const results = this.#watchersOfResults;
    return { ...this.#watchers.watched, ...(results.size === 0 ? {} : { results: results.watched }) };
  }

  has(member: FeedMember<Reader>): boolean {
    return this.#members.has(member);
  }

  add(member: FeedMember<Reader>): void {
    this.#members.add(member);
    this.#watchers.add(member.ids);
    if (member.withResults === true) this.#watchersOfResults.add(member.ids);
  }

  /** @returns false when the member was not present */
  delete(member: FeedMember<Reader>): boolean {
    if (!this.#members.delete(member)) return false;
    this.#refused.delete(member);
    if (this.#current === member) this.#current = null;
    this.#watchers.delete(member.ids);
    if (member.withResults === true) this.#watchersOfResults.delete(member.ids);
    return true;
  }

  /** Members with a reader for results, watchers of results first. */
  get resultReaders(): readonly FeedMember<Reader>[] {
    const members = [...this.#members];
    return [
      ...members.filter(({ withResults }) => withResults === true),
      ...members.filter(({ withResults }) => withResults !== true),
    ];
  }

  /**
   * Selects the member whose reader polls: the last one that worked, else the longest present one that was not
   * rejected, else the longest present one. Null when there are no members.
   */
  poller(): FeedMember<Reader> | null {
    if (this.#refused.size === this.#members.size) this.#refused.clear();
    this.#current ??= [...this.#members].find((member) => !this.#refused.has(member)) ?? null;
    return this.#current;
  }

  /**
   * Lets the reader of another credential poll from now on.
   * @param except credentials that are not eligible
   * @param id only members that name this id are eligible. Absent: all members
   * @returns false when there is no eligible member that was not rejected
   */
  handOver(except: ReadonlySet<string | null>, id?: string): boolean {
    const other = [...this.#members].find(
      (member) =>
        !except.has(member.credential) && !this.#refused.has(member) && (id === undefined || member.ids?.has(id)),
    );
    if (other === undefined) return false;
    this.#current = other;
    return true;
  }

  /**
   * Notes that the platform rejected the credential of this member, which other members may have too. Members with
   * other credentials poll first, until all have been rejected.
   * @returns whether a member is left that was not rejected
   */
  refuse({ credential }: FeedMember<Reader>): boolean {
    if (this.#current?.credential === credential) this.#current = null;
    for (const member of this.#members) if (member.credential === credential) this.#refused.add(member);
    return this.#refused.size < this.#members.size;
  }

  /** Whether the platform rejected the credential of this member, and no other one has polled since then. */
  isRefused(member: FeedMember<Reader>): boolean {
    return this.#refused.has(member);
  }
}
